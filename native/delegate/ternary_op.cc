#include "ternary_op.h"

#include <cmath>

#include "bnn/ternary.h"
#include "op_checks.h"

namespace bnn {
namespace {

class TernaryDenseOp final : public Op {
 public:
  TernaryDenseOp(const Options& options, const bnn_backend& backend)
      : backend_(backend),
        channels_in_(options.get("channels_in", 1, static_cast<int32_t>(kMaxTernaryChannels))),
        form_(static_cast<TernaryForm>(options.get("trits_per_byte", 4, 5))) {}

  Shape prepare(const OpTensors& tensors) override {
    const std::vector<TensorView>& inputs = tensors.inputs;
    require(inputs.size() == 3, "needs 3 operands: input, weights, scale");
    const TensorView& x = inputs[0];
    require(x.type == tfl::kFloat32 && tensors.output.type == tfl::kFloat32,
            "input and output must be float32");
    require(!x.shape.empty() && x.shape.back() == channels_in_,
            "the input has shape " + text(x.shape) +
                ", but channels_in = " + std::to_string(channels_in_));
    if (dense_ == nullptr) create(inputs[1], inputs[2]);
    Shape shape = x.shape;
    shape.back() = dense_->channels_out();
    dense_->reserve(element_count(x.shape, x.shape.size() - 1));
    return shape;
  }

  void run(const OpTensors& tensors, const OpContext& context) override {
    const TensorView& x = tensors.inputs[0];
    dense_->run(static_cast<const float*>(x.data), element_count(x.shape, x.shape.size() - 1),
                static_cast<float*>(tensors.output.data), context.pool, context.threads);
  }

 private:
  void create(const TensorView& weights, const TensorView& scale) {
    require_rank(weights, 2, "the weights");
    const int64_t of_byte = static_cast<int64_t>(form_), outputs = weights.shape[0];
    const int64_t width = (channels_in_ + of_byte - 1) / of_byte;
    require(outputs >= 1 && outputs <= kMaxTernaryChannels,
            "the weights have shape " + text(weights.shape));
    const auto* packed = constant<uint8_t>(weights, tfl::kInt8, {outputs, width}, "the weights");
    const float factor = *constant<float>(scale, tfl::kFloat32, {1}, "the scale");
    require(std::isfinite(factor), "the scale is not finite");
    dense_ = std::make_unique<TernaryDense>(backend_, channels_in_, outputs, form_, packed, factor,
                                            nullptr);
  }

  const bnn_backend& backend_;
  const int64_t channels_in_;
  const TernaryForm form_;
  std::unique_ptr<TernaryDense> dense_;
};

}  // namespace

std::unique_ptr<Op> make_ternary_dense(const Options& options, const bnn_backend& backend) {
  return std::make_unique<TernaryDenseOp>(options, backend);
}

}  // namespace bnn
