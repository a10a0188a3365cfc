// A convolution's constants, as the span functions read them.
#ifndef BNN_CONV_PACK_H_
#define BNN_CONV_PACK_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bnn/aligned_buffer.h"
#include "conv/layer.h"

namespace bnn {

// Arrays are [group][block][32] unless said otherwise.
struct ConvConstants {
  ConvConstants(const bnn_backend& backend, const ConvLayer& layer, const uint32_t* filters,
                const float* multiplier, const float* bias, const int32_t* threshold);

  AlignedBuffer<uint32_t> weights;  // [group][block]
  size_t block_words = 0;           // of weights
  AlignedBuffer<float> factor, shift;
  AlignedBuffer<int32_t> threshold;
  int32_t clamp_min = 0, clamp_max = 0;
  bool doubles = true;            // every factor can be doubled
  std::vector<int32_t> tap_sums;  // [tap][group][block][32], where padding must add 0, else empty
  std::vector<bnn_step> steps;    // their values lie in step_values
  bool adds_shortcut = false;

 private:
  void transform(const ConvLayer& layer, const float* multiplier, const float* bias,
                 const int32_t* threshold);
  void epilogue(const ConvLayer& layer);
  void pack(const bnn_backend& backend, const ConvLayer& layer, const uint32_t* filters);
  void pack_depthwise(const ConvLayer& layer, const uint32_t* filters);
  void sum_taps(const ConvLayer& layer, const uint32_t* filters);

  std::vector<AlignedBuffer<float>> step_values_;
};

}  // namespace bnn
#endif  // BNN_CONV_PACK_H_
