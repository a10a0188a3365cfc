// The activations that are fused into an op.
#ifndef BNN_ACTIVATION_H_
#define BNN_ACTIVATION_H_

#include <limits>

namespace bnn {

// In the order of TFLite's schema.
enum class Activation { kNone, kRelu, kReluN1To1, kRelu6 };

struct ActivationInfo {
  const char* name;  // as in bnn_lab/reference.py
  float low, high;   // what it clamps to
};

constexpr ActivationInfo kActivations[] = {
    {"none", -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::infinity()},
    {"relu", 0, std::numeric_limits<float>::infinity()},
    {"relu_n1_to_1", -1, 1},
    {"relu6", 0, 6},
};
constexpr int kActivationCount = sizeof(kActivations) / sizeof(kActivations[0]);

constexpr const ActivationInfo& info(Activation activation) {
  return kActivations[static_cast<int>(activation)];
}

// The activation of a number of TFLite's schema; false for one that is not fused.
constexpr bool read_activation(int code, Activation* activation) {
  if (code < 0 || code >= kActivationCount) return false;
  *activation = static_cast<Activation>(code);
  return true;
}

}  // namespace bnn
#endif  // BNN_ACTIVATION_H_
