#include "ops.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "bnn/bconv2d.h"
#include "options.h"

namespace bnn {
namespace {

constexpr int32_t kMaxFactor = 1 << 20;  // of strides, dilations and windows

[[noreturn]] void fail(const std::string& message) { throw std::invalid_argument(message); }

void require(bool condition, const std::string& message) {
  if (!condition) fail(message);
}

std::string text(const Shape& shape) {
  std::string result = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    result += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return result + "]";
}

// Rows and last dimension, as bitpacking sees a tensor.
std::pair<int64_t, int64_t> rows_and_channels(const Shape& shape) {
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return {rows, shape.back()};
}

void require_rank(const TensorView& tensor, size_t rank, const char* what) {
  require(tensor.shape.size() == rank, std::string(what) + " must have " + std::to_string(rank) +
                                           " dimensions, not shape " + text(tensor.shape));
}

// Data of a constant operand, of this type and shape.
template <class T>
const T* constant(const TensorView& tensor, tfl::Type type, const Shape& shape, const char* what) {
  require(tensor.type == type, std::string(what) + " has a wrong type");
  require(tensor.constant && tensor.data != nullptr,
          std::string(what) + " must be a constant of the model");
  require(tensor.shape == shape,
          std::string(what) + " has shape " + text(tensor.shape) + ", expected " + text(shape));
  int64_t elements = 1;
  for (int64_t d : shape) elements *= d;
  require(tensor.bytes >= static_cast<size_t>(elements) * sizeof(T),
          std::string(what) + " has too little data for its shape");
  return static_cast<const T*>(tensor.data);
}

class Quantize final : public Op {
 public:
  Shape prepare(const std::vector<TensorView>& inputs, const TensorView& output) override {
    require(inputs.size() == 1, "needs one input");
    const TensorView& x = inputs[0];
    require(!x.shape.empty(), "the input must have at least one dimension");
    require(x.type == tfl::kFloat32 || x.type == tfl::kInt8 || x.type == tfl::kBool,
            "the input must be float32, int8 or bool");
    require(output.type == tfl::kInt32, "the output must be int32");
    Shape shape = x.shape;
    shape.back() = words_for(shape.back());
    return shape;
  }

  void run(const std::vector<TensorView>& inputs, const TensorView& output,
           const OpContext& context) override {
    const TensorView& x = inputs[0];
    const auto [rows, channels] = rows_and_channels(x.shape);
    auto* words = static_cast<uint32_t*>(output.data);
    const bnn_backend& backend = *context.backend;
    if (x.type == tfl::kFloat32) {
      backend.bitpack_f32(static_cast<const float*>(x.data), rows, channels, words);
    } else if (x.type == tfl::kInt8) {
      backend.bitpack_i8(static_cast<const int8_t*>(x.data), x.zero_point, rows, channels, words);
    } else {
      backend.bitpack_bool(static_cast<const uint8_t*>(x.data), rows, channels, words);
    }
  }
};

class Dequantize final : public Op {
 public:
  Shape prepare(const std::vector<TensorView>& inputs, const TensorView& output) override {
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

  void run(const std::vector<TensorView>& inputs, const TensorView& output,
           const OpContext& context) override {
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

class Conv final : public Op {
 public:
  Conv(const Options& options, const bnn_backend& backend) : backend_(backend) {
    p_.channels_in = options.get("channels_in", 1, 1 << 28);
    p_.stride_height = options.get("stride_height", 1, kMaxFactor);
    p_.stride_width = options.get("stride_width", 1, kMaxFactor);
    p_.dilation_height = options.get("dilation_height_factor", 1, kMaxFactor);
    p_.dilation_width = options.get("dilation_width_factor", 1, kMaxFactor);
    p_.padding = options.get("padding", 0, 1) == 0 ? Padding::kSame : Padding::kValid;
    p_.pad_values = options.get("pad_values", 0, 1);
    p_.activation = static_cast<Activation>(options.get("fused_activation_function", 0, 3));
  }

  Shape prepare(const std::vector<TensorView>& inputs, const TensorView& output) override {
    require(inputs.size() == 5, "needs 5 operands: input, filter, multiplier, bias, threshold");
    const TensorView& x = inputs[0];
    require_rank(x, 4, "the input");
    require(x.type == tfl::kInt32, "the input must be int32 words");
    require(x.shape[3] == words_for(p_.channels_in),
            "the input's last dimension is " + std::to_string(x.shape[3]) +
                " words, but channels_in = " + std::to_string(p_.channels_in) + " needs " +
                std::to_string(words_for(p_.channels_in)));
    if (conv_ == nullptr) create(inputs, output);
    conv_->resize(x.shape[1], x.shape[2]);
    return {x.shape[0], conv_->out_height(), conv_->out_width(), conv_->out_channels()};
  }

  void run(const std::vector<TensorView>& inputs, const TensorView& output,
           const OpContext& context) override {
    conv_->run(static_cast<const uint32_t*>(inputs[0].data), inputs[0].shape[0], output.data,
               context.pool, context.threads);
  }

 private:
  void create(const std::vector<TensorView>& inputs, const TensorView& output) {
    const TensorView& filter = inputs[1];
    require_rank(filter, 4, "the filter");
    for (int64_t d : filter.shape) {
      require(d >= 1 && d < (1 << 28), "the filter has shape " + text(filter.shape));
    }
    const auto* words = constant<uint32_t>(filter, tfl::kInt32, filter.shape, "the filter");
    p_.channels_out = static_cast<int32_t>(filter.shape[0]);
    p_.filter_height = static_cast<int32_t>(filter.shape[1]);
    p_.filter_width = static_cast<int32_t>(filter.shape[2]);
    p_.groups = groups(filter.shape[3]);

    const Shape per_channel = {p_.channels_out};
    const float* multiplier = nullptr;
    const float* bias = nullptr;
    const int32_t* threshold = nullptr;
    if (output.type == tfl::kInt32) {
      p_.output = Output::kBits;
      p_.activation = Activation::kNone;  // the threshold already stands for it
      threshold = constant<int32_t>(inputs[4], tfl::kInt32, per_channel, "output_threshold");
    } else {
      require(output.type == tfl::kFloat32 || output.type == tfl::kInt8,
              "the output must be float32, int8 or int32");
      multiplier =
          constant<float>(inputs[2], tfl::kFloat32, per_channel, "post_activation_multiplier");
      bias = constant<float>(inputs[3], tfl::kFloat32, per_channel, "post_activation_bias");
      if (output.type == tfl::kInt8) {
        p_.output = Output::kInt8;
        p_.output_scale = output.scale;
        p_.output_zero_point = output.zero_point;
      }
    }
    conv_ = std::make_unique<BConv2D>(backend_, p_, words, multiplier, bias, threshold);
  }

  // The file has no field for groups: a filter of fewer words than the input tells.
  int32_t groups(int64_t filter_words) const {
    const int64_t words = words_for(p_.channels_in);
    if (filter_words == words) return 1;
    require(words % filter_words == 0 && p_.channels_in % (words / filter_words) == 0 &&
                words_for(p_.channels_in / (words / filter_words)) == filter_words,
            "a filter of " + std::to_string(filter_words) +
                " words does not fit channels_in = " + std::to_string(p_.channels_in));
    return static_cast<int32_t>(words / filter_words);
  }

  const bnn_backend& backend_;
  BConv2DParams p_;
  std::unique_ptr<BConv2D> conv_;
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

  Shape prepare(const std::vector<TensorView>& inputs, const TensorView& output) override {
    require(inputs.size() == 1, "needs one input");
    const TensorView& x = inputs[0];
    require_rank(x, 4, "the input");
    require(x.type == tfl::kInt32 && output.type == tfl::kInt32,
            "input and output must be int32 words");
    const Windows ys = window_axis(x.shape[1], height_, stride_height_, 1, padding_);
    const Windows xs = window_axis(x.shape[2], width_, stride_width_, 1, padding_);
    return {x.shape[0], ys.out, xs.out, x.shape[3]};
  }

  void run(const std::vector<TensorView>& inputs, const TensorView& output,
           const OpContext& context) override {
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
         op == "LceBMaxPool2d";
}

std::unique_ptr<Op> make_op(const std::string& name, const void* data, size_t size,
                            const bnn_backend& backend) {
  if (name == "LceQuantize") return std::make_unique<Quantize>();
  if (name == "LceDequantize") return std::make_unique<Dequantize>();
  const Options options(data, size);
  if (name == "LceBconv2d") return std::make_unique<Conv>(options, backend);
  if (name == "LceBMaxPool2d") return std::make_unique<MaxPool>(options);
  fail("unknown op");
}

}  // namespace bnn
