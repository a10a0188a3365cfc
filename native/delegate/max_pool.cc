// MAX_POOL_2D of floats, and what is done to them before: images are joined and scaled as it reads
// them.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "channel_step.h"
#include "flush_denormals.h"
#include "joined_images.h"
#include "op_checks.h"
#include "ops.h"

namespace bnn {
namespace {

// The four elements of a window are compared in XNNPACK's order, and of two that are neither larger
// nor smaller the same one is kept, so that zeros have its sign and NaN does what it does there on
// x86: it loses to the largest negative number.
class MaxPool final : public Op {
 public:
  MaxPool(Padding padding, Activation activation)
      : padding_(padding), low_(info(activation).low), high_(info(activation).high) {}

  bool takes_in() const override { return true; }
  void take_in(std::vector<EpilogueStep> steps) override { given_ = std::move(steps); }

  Shape prepare(const OpTensors& tensors) override {
    require_images(tensors.inputs);
    joined_ = joined(tensors.inputs);
    steps_.clear();
    for (const EpilogueStep& step : given_) steps_.emplace_back(step, joined_[3]);
    return {joined_[0], window_axis(joined_[1], 2, 2, 1, padding_).out,
            window_axis(joined_[2], 2, 2, 1, padding_).out, joined_[3]};
  }

  void run(const OpTensors& tensors, const OpContext& context) override {
    const Shape& shape = tensors.output.shape;
    for_rows(shape, context, [&](int64_t first, int64_t last, int64_t width) {
      const FlushDenormals as_xnnpack;
      auto* y = static_cast<float*>(tensors.output.data) + first * width * shape[3];
      for (int64_t row = first; row < last; ++row, y += width * shape[3]) {
        const int64_t top = row / shape[1] * joined_[1] + row % shape[1] * 2;
        const bool two = row % shape[1] * 2 + 1 < joined_[1];
        int64_t begin = 0;  // of a part
        for (const TensorView& part : tensors.inputs) {
          pool_row(part, top, two, width, begin, y + begin);
          begin += part.shape[3];
        }
      }
    });
  }

 private:
  static constexpr int64_t kTile = 256;  // channels that lie between two passes over them

  struct Window {  // of one channel: top left, top right, bottom left, bottom right
    const float* taps[4];
  };

  // Of `width` windows, the channels of one part: `begin` and those behind it.
  void pool_row(const TensorView& part, int64_t top, bool two, int64_t width, int64_t begin,
                float* y) const {
    const int64_t size = part.shape[3], row = joined_[2] * size;
    const float* x = static_cast<const float*>(part.data) + top * row;
    for (int64_t i = 0; i < width; ++i, y += joined_[3]) {
      // Where the window ends outside of the image, its last pixels count twice.
      const float *left = x + 2 * i * size, *right = 2 * i + 1 < joined_[2] ? left + size : left;
      const int64_t down = two ? row : 0;
      pool({{left, right, left + down, right + down}}, begin, size, part.plus_zero, y);
    }
  }

  void pool(const Window& w, int64_t first, int64_t count, bool plus_zero, float* y) const {
    // What multiplies or adds does to a denormal what it does to 0, and to -0 but for a zero's
    // sign, which a bound of 0 takes away.
    const bool zeroed = plus_zero && (steps_.empty() || !steps_[0].calculates() || low_ != 0);
    if (steps_.empty() && !zeroed) {
      largest(w, count, [](float x, int64_t) { return x; }, y);
    } else if (steps_.size() == 1 && !zeroed && steps_[0].kind() == BNN_STEP_MULTIPLY) {
      const float* __restrict factor = steps_[0].values(first);
      largest(w, count, [factor](float x, int64_t c) { return x * factor[c]; }, y);
    } else if (steps_.size() == 2 && !zeroed && steps_[0].kind() == BNN_STEP_MULTIPLY &&
               steps_[1].kind() == BNN_STEP_ADD) {
      const float* __restrict factor = steps_[0].values(first), * __restrict shift =
                                                                    steps_[1].values(first);
      largest(w, count, [=](float x, int64_t c) { return x * factor[c] + shift[c]; }, y);
    } else {
      pool_tiles(w, first, count, zeroed, y);
    }
  }

  void pool_tiles(const Window& w, int64_t first, int64_t count, bool zeroed, float* y) const {
    alignas(64) float tiles[4][kTile];
    for (int64_t from = 0; from < count; from += kTile) {
      const int64_t width = std::min(kTile, count - from);
      for (int tap = 0; tap < 4; ++tap) {
        const float* x = w.taps[tap] + from;
        for (int64_t c = 0; c < width; ++c) tiles[tap][c] = zeroed ? x[c] + 0.0f : x[c];
        for (const ChannelStep& step : steps_)
          step.run(tiles[tap], first + from, width, tiles[tap]);
      }
      largest(
          {{tiles[0], tiles[1], tiles[2], tiles[3]}}, width, [](float x, int64_t) { return x; },
          y + from);
    }
  }

  static float larger(float a, float b) { return a > b ? a : b; }

  template <class Scale>
  void largest(const Window& w, int64_t count, Scale scale, float* __restrict y) const {
    const float *a = w.taps[0], *b = w.taps[1], *c = w.taps[2], *d = w.taps[3];
    const float low = low_, high = high_;
    for (int64_t i = 0; i < count; ++i) {
      const float right = larger(scale(b[i], i), scale(d[i], i));
      const float left = larger(scale(c[i], i), scale(a[i], i));
      const float all = larger(larger(right, left), low);
      y[i] = all < high ? all : high;
    }
  }

  const Padding padding_;
  const float low_, high_;
  std::vector<EpilogueStep> given_;
  std::vector<ChannelStep> steps_;
  Shape joined_;
};

}  // namespace

std::unique_ptr<Op> make_max_pool(Padding padding, Activation activation) {
  return std::make_unique<MaxPool>(padding, activation);
}

}  // namespace bnn
