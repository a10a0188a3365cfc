// The float ops that the delegate claims: what it fuses into convolutions, as ops of their own for
// where that fails, and the average over the image.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "channel_step.h"
#include "flush_denormals.h"
#include "op_checks.h"
#include "ops.h"

namespace bnn {
namespace {

// Of two tensors of one rank; where their sizes differ, the one of size 1 is repeated.
class Sum final : public Op {
 public:
  explicit Sum(Activation activation) : bounds_(activation) {}

  Shape prepare(const OpTensors& tensors) override {
    require(tensors.inputs.size() == 2, "needs two inputs");
    const Shape &a = tensors.inputs[0].shape, &b = tensors.inputs[1].shape;
    bool fit = a.size() == b.size();
    Shape sum = a;
    for (size_t i = 0; fit && i < a.size(); ++i) {
      fit = a[i] == b[i] || a[i] == 1 || b[i] == 1;
      if (a[i] == 1) sum[i] = b[i];
    }
    require(fit, "inputs of the shapes " + text(a) + " and " + text(b) + " cannot be added");
    return sum;
  }

  void run(const OpTensors& tensors, const OpContext&) override {
    const TensorView &a = tensors.inputs[0], &b = tensors.inputs[1];
    const Shape& shape = tensors.output.shape;
    if (element_count(shape) == 0) return;
    auto* sum = static_cast<float*>(tensors.output.data);
    add({shape.data(), shape.size()}, {a.shape.data(), static_cast<const float*>(a.data)},
        {b.shape.data(), static_cast<const float*>(b.data)}, sum);
  }

 private:
  struct Sizes {
    const int64_t* sizes;
    size_t rank;
  };
  struct Part {
    const int64_t* sizes;
    const float* data;
  };

  // One dimension after the other, until the rest is one block in all three.
  void add(const Sizes& sum, const Part& a, const Part& b, float* out) const {
    const auto count = [&](const int64_t* sizes) {
      int64_t product = 1;
      for (size_t i = 0; i < sum.rank; ++i) product *= sizes[i];
      return product;
    };
    const int64_t total = count(sum.sizes);
    if (count(a.sizes) == total && count(b.sizes) == total) {
      for (int64_t i = 0; i < total; ++i) out[i] = bounds_(a.data[i] + b.data[i]);
      return;
    }
    const int64_t length = sum.sizes[0];
    const auto step = [&](const Part& part) {
      return part.sizes[0] == 1 ? 0 : count(part.sizes) / part.sizes[0];
    };
    const int64_t step_a = step(a), step_b = step(b), step_out = total / length;
    for (int64_t i = 0; i < length; ++i) {
      add({sum.sizes + 1, sum.rank - 1}, {a.sizes + 1, a.data + i * step_a},
          {b.sizes + 1, b.data + i * step_b}, out + i * step_out);
    }
  }

  const Bounds bounds_;
};

// MUL, ADD or PRELU with a constant: one value, or one for each channel.
class ChannelOp final : public Op {
 public:
  ChannelOp(EpilogueStep step, Activation activation)
      : given_(std::move(step)),
        clamp_({BNN_STEP_CLAMP, {}, activation}, 0),
        clamps_(activation != Activation::kNone) {}

  Shape prepare(const OpTensors& tensors) override {
    for (const TensorView& input : tensors.inputs) {
      if (input.constant) continue;
      require(
          !input.shape.empty() && (given_.values.size() == 1 ||
                                   given_.values.size() == static_cast<size_t>(input.shape.back())),
          std::to_string(given_.values.size()) + " constants do not fit an input of shape " +
              text(input.shape));
      step_.emplace(given_, input.shape.back());
      return input.shape;
    }
    fail("needs an input that is not a constant");
  }

  void run(const OpTensors& tensors, const OpContext&) override {
    const TensorView& input = tensors.inputs[tensors.inputs[0].constant ? 1 : 0];
    const auto* x = static_cast<const float*>(input.data);
    auto* y = static_cast<float*>(tensors.output.data);
    const auto [rows, channels] = rows_and_channels(input.shape);
    const FlushDenormals as_xnnpack;
    for (int64_t row = 0; row < rows; ++row, x += channels, y += channels) {
      step_->run(x, 0, channels, y);
      if (clamps_) clamp_.run(y, 0, channels, y);
    }
  }

 private:
  const EpilogueStep given_;
  std::optional<ChannelStep> step_;
  const ChannelStep clamp_;
  const bool clamps_;
};

class Clamp final : public Op {
 public:
  explicit Clamp(Activation activation) : bounds_(activation) {}

  Shape prepare(const OpTensors& tensors) override {
    require(tensors.inputs.size() == 1, "needs one input");
    return tensors.inputs[0].shape;
  }

  void run(const OpTensors& tensors, const OpContext&) override {
    const auto* x = static_cast<const float*>(tensors.inputs[0].data);
    auto* y = static_cast<float*>(tensors.output.data);
    const int64_t count = element_count(tensors.output.shape);
    for (int64_t i = 0; i < count; ++i) y[i] = bounds_(x[i]);
  }

 private:
  const Bounds bounds_;
};

// The second input says how many channels of zeros come first.
class Pad final : public Op {
 public:
  Shape prepare(const OpTensors& tensors) override {
    require(tensors.inputs.size() == 2, "needs two inputs");
    require_rank(tensors.inputs[0], 4, "the input");
    Shape shape = tensors.inputs[0].shape;
    zeros_ = constant<int32_t>(tensors.inputs[1], tfl::kInt32, {4, 2}, "the padding")[6];
    require(zeros_ >= 0, "the padding must not be negative");
    shape[3] += zeros_;
    return shape;
  }

  void run(const OpTensors& tensors, const OpContext&) override {
    const auto* x = static_cast<const float*>(tensors.inputs[0].data);
    auto* y = static_cast<float*>(tensors.output.data);
    const auto [pixels, channels] = rows_and_channels(tensors.inputs[0].shape);
    for (int64_t p = 0; p < pixels; ++p, x += channels) {
      y = std::fill_n(y, zeros_, 0.0f);
      y = std::copy_n(x, channels, y);
    }
  }

 private:
  int64_t zeros_ = 0;
};

// The average over each window, in the order of LCE's XNNPACK: pixels in groups of seven, then
// times the reciprocal. LiteRT's sums differ from it in the last bits, and from version to version.
class Average final : public Op {
 public:
  explicit Average(const AverageOptions& options)
      : options_(options), bounds_(options.activation) {}

  Shape prepare(const OpTensors& tensors) override {
    require(!tensors.inputs.empty(), "needs an input");
    const TensorView& x = tensors.inputs[0];
    require_rank(x, 4, "the input");
    const bool whole = options_.filter_height == 0;
    const Padding padding = whole ? Padding::kValid : options_.padding;  // one window if whole
    kernel_height_ = whole ? x.shape[1] : options_.filter_height;
    kernel_width_ = whole ? x.shape[2] : options_.filter_width;
    require(kernel_height_ > 0 && kernel_width_ > 0, "the image is empty");
    zeros_.assign(static_cast<size_t>(x.shape[3]), 0.0f);
    ys_ = window_axis(x.shape[1], kernel_height_, options_.stride_height, 1, padding);
    xs_ = window_axis(x.shape[2], kernel_width_, options_.stride_width, 1, padding);
    if (!options_.keep_dims) return {x.shape[0], x.shape[3]};
    return {x.shape[0], ys_.out, xs_.out, x.shape[3]};
  }

  void run(const OpTensors& tensors, const OpContext&) override {
    const Shape& shape = tensors.inputs[0].shape;
    const int64_t height = shape[1], width = shape[2], channels = shape[3];
    const auto* image = static_cast<const float*>(tensors.inputs[0].data);
    auto* out = static_cast<float*>(tensors.output.data);
    for (int64_t n = 0; n < shape[0]; ++n, image += height * width * channels) {
      for (int64_t y = 0; y < ys_.out; ++y) {
        for (int64_t x = 0; x < xs_.out; ++x, out += channels) {
          const int64_t top = ys_.start + y * options_.stride_height;
          const int64_t left = xs_.start + x * options_.stride_width;
          const Window window{std::max<int64_t>(top, 0), std::max<int64_t>(left, 0),
                              std::min(top + kernel_height_, height),
                              std::min(left + kernel_width_, width)};
          average(image, width, channels, window, out);
        }
      }
    }
  }

 private:
  struct Window {
    int64_t top, left, bottom, right;
  };

  static void add_group(const float* const (&p)[7], bool first, int64_t channels,
                        float* __restrict sums) {
    const float *p0 = p[0], *p1 = p[1], *p2 = p[2], *p3 = p[3], *p4 = p[4], *p5 = p[5], *p6 = p[6];
    if (first) {
      for (int64_t c = 0; c < channels; ++c) {
        sums[c] = ((p0[c] + p1[c]) + p6[c]) + ((p2[c] + p3[c]) + (p4[c] + p5[c]));
      }
    } else {
      for (int64_t c = 0; c < channels; ++c) {
        sums[c] = ((p0[c] + p1[c]) + (p2[c] + p3[c])) + ((p4[c] + p5[c]) + (p6[c] + sums[c]));
      }
    }
  }

  void average(const float* image, int64_t width, int64_t channels, const Window& w,
               float* out) const {
    static constexpr int kGroup = 7;
    const int64_t columns = w.right - w.left, count = (w.bottom - w.top) * columns;
    const auto pixel = [&](int64_t i) {
      return image + ((w.top + i / columns) * width + w.left + i % columns) * channels;
    };
    const float scale = 1.0f / static_cast<float>(count);
    for (int64_t first = 0; first < count; first += kGroup) {
      const float* p[kGroup];
      for (int64_t i = 0; i < kGroup; ++i) {
        p[i] = first + i < count ? pixel(first + i) : zeros_.data();
      }
      add_group(p, first == 0, channels, out);
    }
    for (int64_t c = 0; c < channels; ++c) out[c] = bounds_(out[c] * scale);
  }

  const AverageOptions options_;
  const Bounds bounds_;
  int64_t kernel_height_ = 0, kernel_width_ = 0;
  Windows ys_, xs_;
  std::vector<float> zeros_;  // a pixel that a group lacks
};

}  // namespace

std::unique_ptr<Op> make_sum(Activation activation) { return std::make_unique<Sum>(activation); }

std::unique_ptr<Op> make_activation(Activation activation) {
  return std::make_unique<Clamp>(activation);
}

std::unique_ptr<Op> make_channel_op(EpilogueStep step, Activation activation) {
  return std::make_unique<ChannelOp>(std::move(step), activation);
}

std::unique_ptr<Op> make_pad() { return std::make_unique<Pad>(); }

std::unique_ptr<Op> make_average(const AverageOptions& options) {
  return std::make_unique<Average>(options);
}

}  // namespace bnn
