// LceQuantize: bits from floats, int8 or bool, and what is done to floats on the way.
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "channel_step.h"
#include "flush_denormals.h"
#include "joined_images.h"
#include "op_checks.h"
#include "ops.h"

namespace bnn {
namespace {

void copy(const float* x, int64_t count, bool plus_zero, float* y) {
  if (plus_zero) {
    for (int64_t c = 0; c < count; ++c) y[c] = x[c] + 0.0f;
  } else {
    std::memcpy(y, x, static_cast<size_t>(count) * sizeof(float));
  }
}

class Quantize final : public Op {
 public:
  bool takes_in() const override { return true; }
  void take_in(std::vector<EpilogueStep> steps) override { given_ = std::move(steps); }

  Shape prepare(const OpTensors& tensors) override {
    const std::vector<TensorView>& inputs = tensors.inputs;
    require(!inputs.empty() && (inputs.size() == 1 || takes_floats(inputs)), "needs one input");
    const TensorView& x = inputs[0];
    require(!x.shape.empty(), "the input must have at least one dimension");
    require(x.type == tfl::kFloat32 || x.type == tfl::kInt8 || x.type == tfl::kBool,
            "the input must be float32, int8 or bool");
    require(tensors.output.type == tfl::kInt32, "the output must be int32");
    joined_ = joined(inputs);
    steps_.clear();
    for (const EpilogueStep& step : given_) steps_.emplace_back(step, joined_.back());
    Shape shape = joined_;
    shape.back() = words_for(shape.back());
    return shape;
  }

  bool writes_frames() const override { return true; }

  void run(const OpTensors& tensors, const OpContext& context) override {
    const TensorView& output = tensors.output;
    const int64_t row_words = words_for(joined_.back());
    for_rows(joined_, context, [&](int64_t first, int64_t last, int64_t width) {
      auto* words = static_cast<uint32_t*>(output.data);
      if (output.frame.empty()) {
        pack(tensors.inputs, first * width, (last - first) * width,
             words + first * width * row_words, *context.backend);
        return;
      }
      for (int64_t row = first; row < last; ++row) {
        const int64_t at = output.origin() + row / joined_[1] * output.image_step() +
                           row % joined_[1] * output.row_step();
        pack(tensors.inputs, row * width, width, words + at, *context.backend);
      }
    });
  }

 private:
  static constexpr int64_t kTile = 4096;  // floats that lie between two passes over them

  static bool takes_floats(const std::vector<TensorView>& inputs) {
    return std::all_of(inputs.begin(), inputs.end(), [](const TensorView& x) {
      return x.type == tfl::kFloat32 && x.shape.size() == 4;
    });
  }

  void pack(const std::vector<TensorView>& inputs, int64_t first, int64_t pixels, uint32_t* words,
            const bnn_backend& backend) const {
    const TensorView& x = inputs[0];
    const int64_t channels = joined_.back(), at = first * channels;
    if (x.type == tfl::kInt8) {
      backend.bitpack_i8(static_cast<const int8_t*>(x.data) + at, x.zero_point, pixels, channels,
                         words);
    } else if (x.type == tfl::kBool) {
      backend.bitpack_bool(static_cast<const uint8_t*>(x.data) + at, pixels, channels, words);
    } else if (inputs.size() == 1 && steps_.empty() && !x.plus_zero) {
      backend.bitpack_f32(static_cast<const float*>(x.data) + at, pixels, channels, words);
    } else {
      pack_tiles(inputs, first, pixels, words, backend);
    }
  }

  // The values that are to be packed never leave the cache nearest to the core.
  void pack_tiles(const std::vector<TensorView>& inputs, int64_t first, int64_t pixels,
                  uint32_t* words, const bnn_backend& backend) const {
    alignas(64) float tile[kTile];
    const int64_t channels = joined_.back(), row_words = words_for(channels);
    const int64_t block = std::max<int64_t>(1, kTile / std::max<int64_t>(channels, 1));
    for (int64_t p = 0; p < pixels; p += block) {
      const int64_t count = std::min(block, pixels - p);
      for (int64_t from = 0; from < channels; from += kTile) {  // kTile holds whole words
        const int64_t width = std::min(kTile, channels - from);
        fill(inputs, first + p, count, from, width, tile);
        backend.bitpack_f32(tile, count, width, words + p * row_words + from / 32);
      }
    }
  }

  // Channels `from` to `from + width` of `count` pixels.
  void fill(const std::vector<TensorView>& inputs, int64_t pixel, int64_t count, int64_t from,
            int64_t width, float* tile) const {
    const FlushDenormals as_xnnpack;
    int64_t begin = 0;  // of a part
    for (const TensorView& part : inputs) {
      const int64_t size = part.shape.back(), first = std::max(begin, from),
                    last = std::min(begin + size, from + width);
      const float* x = static_cast<const float*>(part.data) + pixel * size + (first - begin);
      float* y = tile + (first - from);
      begin += size;
      if (first >= last) continue;
      for (int64_t i = 0; i < count; ++i, x += size, y += width) {
        // What multiplies or adds does to a zero of either sign, or a denormal, what it does to 0.
        const bool zeroed = part.plus_zero && (steps_.empty() || !steps_[0].calculates());
        if (steps_.empty() || zeroed) copy(x, last - first, zeroed, y);
        if (!steps_.empty()) steps_[0].run(zeroed ? y : x, first, last - first, y);
      }
    }
    for (size_t s = 1; s < steps_.size(); ++s) {
      for (int64_t i = 0; i < count; ++i) {
        steps_[s].run(tile + i * width, from, width, tile + i * width);
      }
    }
  }

  std::vector<EpilogueStep> given_;
  std::vector<ChannelStep> steps_;
  Shape joined_;
};

class Join final : public Op {
 public:
  Shape prepare(const OpTensors& tensors) override {
    require_images(tensors.inputs);
    return joined(tensors.inputs);
  }

  void run(const OpTensors& tensors, const OpContext& context) override {
    const Shape& shape = tensors.output.shape;
    for_rows(shape, context, [&](int64_t first, int64_t last, int64_t width) {
      const FlushDenormals as_xnnpack;
      const int64_t channels = shape.back();
      int64_t begin = 0;
      for (const TensorView& part : tensors.inputs) {
        const int64_t size = part.shape.back();
        const float* x = static_cast<const float*>(part.data) + first * width * size;
        float* y = static_cast<float*>(tensors.output.data) + first * width * channels + begin;
        for (int64_t p = first * width; p < last * width; ++p, x += size, y += channels) {
          copy(x, size, part.plus_zero, y);
        }
        begin += size;
      }
    });
  }
};

}  // namespace

std::unique_ptr<Op> make_quantize() { return std::make_unique<Quantize>(); }

std::unique_ptr<Op> make_join() { return std::make_unique<Join>(); }

}  // namespace bnn
