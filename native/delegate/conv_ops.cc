#include "conv_ops.h"

#include <utility>

#include "bnn/bconv2d.h"
#include "bnn/btransposeconv2d.h"
#include "op_checks.h"

namespace bnn {
namespace {

constexpr int64_t kMaxDim = int64_t{1} << 28;

// What the three have in common: operands, and a convolution made from the constants once.
template <class Kernel>
class ConvOp : public Op {
 public:
  ConvOp(const Options& options, const bnn_backend& backend) : backend_(backend) {
    p_.channels_in = options.get("channels_in", 1, 1 << 28);
    p_.stride_height = options.get("stride_height", 1, kMaxFactor);
    p_.stride_width = options.get("stride_width", 1, kMaxFactor);
    p_.padding = options.get("padding", 0, 1) == 0 ? Padding::kSame : Padding::kValid;
    p_.activation =
        static_cast<Activation>(options.get("fused_activation_function", 0, kActivationCount - 1));
  }

  Shape prepare(const OpTensors& tensors) override {
    const std::vector<TensorView>& inputs = tensors.inputs;
    require(inputs.size() == 5, "needs 5 operands: input, filter, multiplier, bias, threshold");
    const TensorView& x = inputs[0];
    require_rank(x, 4, "the input");
    require(x.type == tfl::kInt32, "the input must be int32 words");
    require(x.shape[3] == words_for(p_.channels_in),
            "the input's last dimension is " + std::to_string(x.shape[3]) +
                " words, but channels_in = " + std::to_string(p_.channels_in) + " needs " +
                std::to_string(words_for(p_.channels_in)));
    if (conv_ == nullptr) create(inputs, tensors.output);
    resize(x.shape[1], x.shape[2]);
    return {x.shape[0], conv_->out_height(), conv_->out_width(), conv_->out_channels()};
  }

  void run(const OpTensors& tensors, const OpContext& context) override {
    const TensorView& x = tensors.inputs[0];
    run_kernel(static_cast<const uint32_t*>(x.data), x.shape[0], tensors, context);
  }

 protected:
  // Sets channels_out, groups and what else the filter's shape tells.
  virtual void read_filter_shape(const Shape& shape) = 0;
  virtual void resize(int64_t height, int64_t width) = 0;
  virtual void run_kernel(const uint32_t* x, int64_t batch, const OpTensors& tensors,
                          const OpContext& context) {
    conv_->run(x, batch, tensors.output.data, context.pool, context.threads);
  }

  void read_dilation_and_padding(const Options& options) {
    p_.dilation_height = options.get("dilation_height_factor", 1, kMaxFactor);
    p_.dilation_width = options.get("dilation_width_factor", 1, kMaxFactor);
    p_.pad_values = options.get("pad_values", 0, 1);
  }

  BConv2DParams p_;
  std::unique_ptr<Kernel> conv_;

 private:
  void create(const std::vector<TensorView>& inputs, const TensorView& output) {
    const TensorView& filter = inputs[1];
    require_rank(filter, 4, "the filter");
    for (int64_t d : filter.shape) {
      require(d >= 1 && d < kMaxDim, "the filter has shape " + text(filter.shape));
    }
    const auto* words = constant<uint32_t>(filter, tfl::kInt32, filter.shape, "the filter");
    p_.filter_height = static_cast<int32_t>(filter.shape[1]);
    p_.filter_width = static_cast<int32_t>(filter.shape[2]);
    read_filter_shape(filter.shape);

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
    conv_ = std::make_unique<Kernel>(backend_, p_, words, multiplier, bias, threshold);
  }

  const bnn_backend& backend_;
};

// Its tensors may lie in frames.
class FramedConv : public ConvOp<BConv2D> {
 public:
  using ConvOp::ConvOp;

  Frame frame() const override { return conv_->frame(); }
  bool writes_frames() const override { return true; }
  void lay_out(const OpTensors& tensors) override { conv_->take_framed(tensors.inputs[0].frame); }

 protected:
  void resize(int64_t height, int64_t width) override { conv_->resize(height, width); }

 private:
  void run_kernel(const uint32_t* x, int64_t batch, const OpTensors& tensors,
                  const OpContext& context) override {
    const TensorView &output = tensors.output, &shortcut = tensors.shortcut, &signs = tensors.signs;
    OutputView view;
    view.data = output.data;
    if (!output.frame.empty()) {  // of float or bits
      view.data = static_cast<uint32_t*>(output.data) + output.origin();
      view.row_step = output.row_step();
      view.image_step = output.image_step();
    }
    if (shortcut.index != tfl::kNoTensor) {
      view.shortcut = static_cast<const float*>(shortcut.data) + shortcut.origin();
      view.shortcut_row_step = shortcut.row_step();
      view.shortcut_image_step = shortcut.image_step();
    }
    if (signs.index != tfl::kNoTensor) {
      view.signs = static_cast<uint32_t*>(signs.data) + signs.origin();
      view.signs_row_step = signs.row_step();
      view.signs_image_step = signs.image_step();
    }
    conv_->run(x, batch, view, context.pool, context.threads);
  }
};

class Conv final : public FramedConv {
 public:
  Conv(const Options& options, const bnn_backend& backend) : FramedConv(options, backend) {
    read_dilation_and_padding(options);
  }

  bool fuses() const override { return true; }
  void fuse(EpilogueStep step) override { p_.epilogue.push_back(std::move(step)); }

 private:
  // The file has no field for groups: a filter of fewer words than the input tells.
  void read_filter_shape(const Shape& shape) override {
    p_.channels_out = static_cast<int32_t>(shape[0]);
    const int64_t words = words_for(p_.channels_in), filter_words = shape[3];
    if (filter_words == words) return;
    require(words % filter_words == 0 && p_.channels_in % (words / filter_words) == 0 &&
                words_for(p_.channels_in / (words / filter_words)) == filter_words,
            "a filter of " + std::to_string(filter_words) +
                " words does not fit channels_in = " + std::to_string(p_.channels_in));
    p_.groups = static_cast<int32_t>(words / filter_words);
  }
};

class Depthwise final : public FramedConv {
 public:
  Depthwise(const Options& options, const bnn_backend& backend) : FramedConv(options, backend) {
    read_dilation_and_padding(options);
    p_.depthwise = true;
    const int64_t channels =
        int64_t{p_.channels_in} * options.get("depth_multiplier", 1, kMaxFactor);
    require(channels < kMaxDim, "channels_in * depth_multiplier is too large");
    p_.channels_out = static_cast<int32_t>(channels);
  }

 private:
  void read_filter_shape(const Shape& shape) override {
    require(shape[0] == 1 && shape[3] == words_for(p_.channels_out),
            "a filter of shape " + text(shape) + " does not fit " +
                std::to_string(p_.channels_out) + " channels");
  }
};

class Transpose final : public ConvOp<BTransposeConv2D> {
 public:
  Transpose(const Options& options, const bnn_backend& backend) : ConvOp(options, backend) {
    out_height_ = options.get("output_height", 1, 1 << 28);
    out_width_ = options.get("output_width", 1, 1 << 28);
  }

 private:
  void read_filter_shape(const Shape& shape) override {
    p_.channels_out = static_cast<int32_t>(shape[0]);
    require(shape[3] == words_for(p_.channels_in),
            "a filter of " + std::to_string(shape[3]) +
                " words does not fit channels_in = " + std::to_string(p_.channels_in));
  }
  void resize(int64_t height, int64_t width) override {
    conv_->resize(height, width, out_height_, out_width_);
  }

  int64_t out_height_, out_width_;
};

}  // namespace

std::unique_ptr<Op> make_conv_op(const std::string& name, const Options& options,
                                 const bnn_backend& backend) {
  if (name == "LceBconv2d") return std::make_unique<Conv>(options, backend);
  if (name == "BnnLabDepthwise2d") return std::make_unique<Depthwise>(options, backend);
  if (name == "BnnLabTranspose2d") return std::make_unique<Transpose>(options, backend);
  return nullptr;
}

}  // namespace bnn
