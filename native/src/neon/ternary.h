/* Ternary weights of the NEON backend. Included by its translation unit alone. */
#ifndef BNN_NEON_TERNARY_H_
#define BNN_NEON_TERNARY_H_

#include <arm_neon.h>
#include <string.h>

#include "bnn/backend.h"

namespace {

// Ternary weights: 4 channels in the 32-bit lanes of a register, 4 codes of each in its bytes, and
// smlal, as every AArch64 CPU has it (sdot is optional). A group adds at most 4 * 2 * 128 to 16
// bits.
constexpr int32_t kMaxTernaryGroups = 31;

template <int kSamples, int kRegisters>
inline void ternary_tile(const bnn_ternary_span& s, int32_t sample, int32_t channel) {
  const uint8x16_t mask = vdupq_n_u8(3);
  const int8_t* x = s.input + sample * s.input_step;
  const uint8_t* w = s.weights + 4 * channel;
  int32x4_t total[kSamples][kRegisters] = {};
  for (int32_t first = 0; first < s.groups; first += kMaxTernaryGroups) {
    const int32_t left = s.groups - first;
    const int32_t groups = left < kMaxTernaryGroups ? left : kMaxTernaryGroups;
    int16x8_t low[kSamples][kRegisters] = {}, high[kSamples][kRegisters] = {};
    for (int32_t g = 0; g < groups; ++g) {
#pragma GCC unroll 4
      for (int r = 0; r < kRegisters; ++r) {
        uint8x16_t codes = vld1q_u8(w + 16 * r);
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
          const int8x16_t now = vreinterpretq_s8_u8(vandq_u8(codes, mask));
#pragma GCC unroll 4
          for (int m = 0; m < kSamples; ++m) {
            int32_t four;
            memcpy(&four, x + m * s.input_step + 4 * j, sizeof(four));
            const int8x16_t values = vreinterpretq_s8_s32(vdupq_n_s32(four));
            low[m][r] = vmlal_s8(low[m][r], vget_low_s8(now), vget_low_s8(values));
            high[m][r] = vmlal_high_s8(high[m][r], now, values);
          }
          codes = vshrq_n_u8(codes, 2);
        }
      }
      w += BNN_TERNARY_BYTES;
      x += BNN_TERNARY_DEPTH;
    }
#pragma GCC unroll 4
    for (int m = 0; m < kSamples; ++m) {
#pragma GCC unroll 4
      for (int r = 0; r < kRegisters; ++r) {
        const int32x4_t sums = vpaddq_s32(vpaddlq_s16(low[m][r]), vpaddlq_s16(high[m][r]));
        total[m][r] = vaddq_s32(total[m][r], sums);
      }
    }
  }
#pragma GCC unroll 4
  for (int m = 0; m < kSamples; ++m) {
    const int32x4_t correction = vdupq_n_s32(s.sums[sample + m]);
    int32_t* output = s.output + (sample + m) * s.output_step + channel;
#pragma GCC unroll 4
    for (int r = 0; r < kRegisters; ++r) {
      const int32_t n = s.channels - channel - 4 * r;
      if (n <= 0) break;
      int32_t lanes[4];
      vst1q_s32(lanes, vsubq_s32(total[m][r], correction));
      memcpy(output + 4 * r, lanes, static_cast<size_t>(n < 4 ? n : 4) * sizeof(int32_t));
    }
  }
}

void ternary(const bnn_ternary_span* span) {
  const bnn_ternary_span& s = *span;
  int32_t m = 0;
  for (; m + 4 <= s.samples; m += 4) {
    for (int32_t c = 0; c < s.channels; c += 4) ternary_tile<4, 1>(s, m, c);
  }
  for (; m < s.samples; ++m) {
    for (int32_t c = 0; c < s.channels; c += 16) ternary_tile<1, 4>(s, m, c);
  }
}

}  // namespace
#endif  // BNN_NEON_TERNARY_H_
