/* Ternary weights of the AVX2 backend. Included by its translation unit alone. */
#ifndef BNN_AVX2_TERNARY_H_
#define BNN_AVX2_TERNARY_H_

#include <immintrin.h>
#include <string.h>

#include "bnn/backend.h"
#include "vectors.h"

namespace {

// Ternary weights: 8 channels in the 32-bit lanes of a register, 4 codes of each in its bytes.
// Codes are unsigned and activations signed, as vpmaddubsw wants them; a pair gives at most 2 * 2 *
// 128.
constexpr int32_t kMaxTernaryGroups = 15;  // 4 pairs each in the 16 bits of a lane
constexpr ptrdiff_t kAhead = 4096;         // bytes by which one sample's weights are fetched early

template <int kSamples, int kRegisters>
inline void ternary_tile(const bnn_ternary_span& s, int32_t sample, int32_t channel) {
  const __m256i mask = _mm256_set1_epi8(3), ones = _mm256_set1_epi16(1);
  const int8_t* x = s.input + sample * s.input_step;
  const uint8_t* w = s.weights + 4 * channel;
  __m256i total[kSamples][kRegisters] = {};
  for (int32_t first = 0; first < s.groups; first += kMaxTernaryGroups) {
    const int32_t left = s.groups - first;
    const int32_t groups = left < kMaxTernaryGroups ? left : kMaxTernaryGroups;
    __m256i sums[kSamples][kRegisters] = {};
    for (int32_t g = 0; g < groups; ++g) {
      if (kSamples == 1) {
        _mm_prefetch(reinterpret_cast<const char*>(w) + kAhead, _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(w) + kAhead + 64, _MM_HINT_T0);
      }
#pragma GCC unroll 4
      for (int r = 0; r < kRegisters; ++r) {
        __m256i codes = load(w + 32 * r);
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
          const __m256i now = _mm256_and_si256(codes, mask);
#pragma GCC unroll 8
          for (int m = 0; m < kSamples; ++m) {
            int32_t four;
            memcpy(&four, x + m * s.input_step + 4 * j, sizeof(four));
            const __m256i pairs = _mm256_maddubs_epi16(now, _mm256_set1_epi32(four));
            sums[m][r] = _mm256_add_epi16(sums[m][r], pairs);
          }
          codes = _mm256_srli_epi16(codes, 2);
        }
      }
      w += BNN_TERNARY_BYTES;
      x += BNN_TERNARY_DEPTH;
    }
#pragma GCC unroll 8
    for (int m = 0; m < kSamples; ++m) {
#pragma GCC unroll 4
      for (int r = 0; r < kRegisters; ++r) {
        total[m][r] = _mm256_add_epi32(total[m][r], _mm256_madd_epi16(sums[m][r], ones));
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < kSamples; ++m) {
    const __m256i correction = _mm256_set1_epi32(s.sums[sample + m]);
    int32_t* output = s.output + (sample + m) * s.output_step + channel;
#pragma GCC unroll 4
    for (int r = 0; r < kRegisters; ++r) {
      const int32_t n = s.channels - channel - 8 * r;
      if (n <= 0) break;
      int32_t lanes[8];
      store(lanes, _mm256_sub_epi32(total[m][r], correction));
      memcpy(output + 8 * r, lanes, static_cast<size_t>(n < 8 ? n : 8) * sizeof(int32_t));
    }
  }
}

void ternary(const bnn_ternary_span* span) {
  const bnn_ternary_span& s = *span;
  int32_t m = 0;
  for (; m + 6 <= s.samples; m += 6) {
    for (int32_t c = 0; c < s.channels; c += 8) ternary_tile<6, 1>(s, m, c);
  }
  for (; m < s.samples; ++m) ternary_tile<1, 4>(s, m, 0);
}

}  // namespace
#endif  // BNN_AVX2_TERNARY_H_
