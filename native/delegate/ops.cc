#include "ops.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "bnn/bmaxpool2d.h"
#include "conv_ops.h"
#include "op_checks.h"
#include "options.h"
#include "ternary_op.h"

namespace bnn {
namespace {

class Dequantize final : public Op {
 public:
  Shape prepare(const OpTensors& tensors) override {
    const std::vector<TensorView>& inputs = tensors.inputs;
    const TensorView& output = tensors.output;
    require(inputs.size() == 1, "needs one input");
    const TensorView& x = inputs[0];
    require(x.type == tfl::kInt32 && !x.shape.empty(), "the input must be int32 words");
    require(output.type == tfl::kFloat32 || output.type == tfl::kInt8 || output.type == tfl::kBool,
            "the output must be float32, int8 or bool");
    if (output.type == tfl::kInt8) {
      require(std::isfinite(output.scale) && output.scale > 0,
              "the int8 output has no quantization scale");
      require(output.zero_point >= -128 && output.zero_point <= 127,
              "the int8 output's zero point is outside [-128, 127]");
    }
    // Words do not tell how many channels are in use, so the output's last dimension must.
    require(
        output.shape.size() == x.shape.size() && words_for(output.shape.back()) == x.shape.back(),
        "input " + text(x.shape) + " does not fit output " + text(output.shape));
    Shape shape = x.shape;
    shape.back() = output.shape.back();
    return shape;
  }

  void run(const OpTensors& tensors, const OpContext& context) override {
    const std::vector<TensorView>& inputs = tensors.inputs;
    const TensorView& output = tensors.output;
    const auto* words = static_cast<const uint32_t*>(inputs[0].data);
    const auto [rows, channels] = rows_and_channels(output.shape);
    const bnn_backend& backend = *context.backend;
    if (output.type == tfl::kFloat32) {
      backend.unpack_f32(words, rows, channels, static_cast<float*>(output.data));
      return;
    }
    int plus = 1, minus = 0;  // bool
    if (output.type == tfl::kInt8) {
      // Clamped before the cast: the step of a tiny scale would not fit.
      const int step = static_cast<int>(std::min(std::round(1.0f / output.scale), 256.0f));
      plus = std::min(127, output.zero_point + step);
      minus = std::max(-128, output.zero_point - step);
    }
    backend.unpack_i8(words, static_cast<int8_t>(plus), static_cast<int8_t>(minus), rows, channels,
                      static_cast<int8_t*>(output.data));
  }
};

class MaxPool final : public Op {
 public:
  explicit MaxPool(const Options& options) {
    padding_ = options.get("padding", 0, 1) == 0 ? Padding::kSame : Padding::kValid;
    stride_height_ = options.get("stride_height", 1, kMaxFactor);
    stride_width_ = options.get("stride_width", 1, kMaxFactor);
    height_ = options.get("filter_height", 1, kMaxFactor);
    width_ = options.get("filter_width", 1, kMaxFactor);
  }

  Shape prepare(const OpTensors& tensors) override {
    const std::vector<TensorView>& inputs = tensors.inputs;
    const TensorView& output = tensors.output;
    require(inputs.size() == 1, "needs one input");
    const TensorView& x = inputs[0];
    require_rank(x, 4, "the input");
    require(x.type == tfl::kInt32 && output.type == tfl::kInt32,
            "input and output must be int32 words");
    const Windows ys = window_axis(x.shape[1], height_, stride_height_, 1, padding_);
    const Windows xs = window_axis(x.shape[2], width_, stride_width_, 1, padding_);
    return {x.shape[0], ys.out, xs.out, x.shape[3]};
  }

  void run(const OpTensors& tensors, const OpContext& context) override {
    const std::vector<TensorView>& inputs = tensors.inputs;
    const TensorView& output = tensors.output;
    const Shape& s = inputs[0].shape;
    bmaxpool2d(*context.backend, static_cast<const uint32_t*>(inputs[0].data), s[0], s[1], s[2],
               s[3], height_, width_, stride_height_, stride_width_, padding_,
               static_cast<uint32_t*>(output.data));
  }

 private:
  Padding padding_;
  int32_t stride_height_, stride_width_, height_, width_;
};

}  // namespace

bool is_binary_op(const char* name) {
  if (name == nullptr) return false;
  const std::string op = name;
  return op == "LceQuantize" || op == "LceDequantize" || op == "LceBconv2d" ||
         op == "LceBMaxPool2d" || op == "BnnLabDepthwise2d" || op == "BnnLabTranspose2d" ||
         op == "BnnLabTernaryDense";
}

std::unique_ptr<Op> make_op(const std::string& name, const void* data, size_t size,
                            const bnn_backend& backend) {
  if (name == "LceQuantize") return make_quantize();
  if (name == "LceDequantize") return std::make_unique<Dequantize>();
  const Options options(data, size);
  if (name == "LceBMaxPool2d") return std::make_unique<MaxPool>(options);
  if (name == "BnnLabTernaryDense") return make_ternary_dense(options, backend);
  if (auto op = make_conv_op(name, options, backend)) return op;
  fail("unknown op");
}

}  // namespace bnn
