// What a float op with constants does to each channel: fused into bitpacking, or as an op of its
// own.
#ifndef BNN_DELEGATE_CHANNEL_STEP_H_
#define BNN_DELEGATE_CHANNEL_STEP_H_

#include <string>
#include <vector>

#include "bnn/activation.h"
#include "op_checks.h"
#include "ops.h"

namespace bnn {

// NaN stays NaN.
struct Bounds {
  explicit Bounds(Activation activation) : low(info(activation).low), high(info(activation).high) {}
  float operator()(float x) const {
    x = x < low ? low : x;
    return x > high ? high : x;
  }
  float low, high;
};

// BNN_STEP_MULTIPLY, _ADD or _PRELU with one value for each channel, or BNN_STEP_CLAMP.
class ChannelStep {
 public:
  ChannelStep(const EpilogueStep& step, int64_t channels)
      : kind_(step.kind), bounds_(step.activation), values_(step.values) {
    if (kind_ == BNN_STEP_CLAMP) return;
    require(values_.size() == 1 || values_.size() == static_cast<size_t>(channels),
            std::to_string(values_.size()) + " constants do not fit " + std::to_string(channels) +
                " channels");
    if (values_.size() == 1) values_.assign(static_cast<size_t>(channels), values_[0]);
  }

  decltype(EpilogueStep::kind) kind() const { return kind_; }
  // Of the channels from `first` on; none of a clamp.
  const float* values(int64_t first) const { return values_.data() + first; }

  // Whether it multiplies or adds each value.
  bool calculates() const { return kind_ == BNN_STEP_ADD || kind_ == BNN_STEP_MULTIPLY; }

  // Of the channels from `first` on. y may be x.
  void run(const float* x, int64_t first, int64_t count, float* y) const {
    const float* value = kind_ == BNN_STEP_CLAMP ? nullptr : values_.data() + first;
    switch (kind_) {
      case BNN_STEP_ADD:
        for (int64_t c = 0; c < count; ++c) y[c] = x[c] + value[c];
        break;
      case BNN_STEP_MULTIPLY:
        for (int64_t c = 0; c < count; ++c) y[c] = x[c] * value[c];
        break;
      case BNN_STEP_PRELU:
        for (int64_t c = 0; c < count; ++c) y[c] = x[c] < 0 ? x[c] * value[c] : x[c];
        break;
      default:
        for (int64_t c = 0; c < count; ++c) y[c] = bounds_(x[c]);
    }
  }

 private:
  decltype(EpilogueStep::kind) kind_;
  Bounds bounds_;
  std::vector<float> values_;
};

}  // namespace bnn
#endif  // BNN_DELEGATE_CHANNEL_STEP_H_
