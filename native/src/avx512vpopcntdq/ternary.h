/* Ternary weights of the AVX-512 backend. Included by its translation unit alone, behind
 * <immintrin.h>. */
#ifndef BNN_AVX512VPOPCNTDQ_TERNARY_H_
#define BNN_AVX512VPOPCNTDQ_TERNARY_H_

#include <string.h>

#include "bnn/backend.h"

namespace {

// vpdpbusd multiplies unsigned by signed bytes, as codes and activations are, and adds four
// products to 32 bits: 16 channels lie in the lanes of a register, 4 codes of each in its bytes,
// and 4 activations are broadcast. Bit planes counted by vpopcntd would take 48 operations for the
// 512 weights that this takes 16 for.
constexpr int kTernaryLanes = 16;
constexpr ptrdiff_t kAhead = 2048;  // bytes by which weights are fetched early

inline __m512i broadcast4(const int8_t* p) {
  int32_t four;
  memcpy(&four, p, sizeof(four));
  return _mm512_set1_epi32(four);
}

inline void store_sums(const bnn_ternary_span& s, int32_t sample, const __m512i (&sums)[2]) {
  const __m512i correction = _mm512_set1_epi32(s.sums[sample]);
  int32_t* output = s.output + sample * s.output_step;
#pragma GCC unroll 2
  for (int r = 0; r < 2; ++r) {
    const int n = s.channels - r * kTernaryLanes;
    if (n <= 0) return;
    const __mmask16 valid = n >= kTernaryLanes ? 0xffff : static_cast<__mmask16>((1u << n) - 1);
    _mm512_mask_storeu_epi32(output + r * kTernaryLanes, valid,
                             _mm512_sub_epi32(sums[r], correction));
  }
}

// One sample: nothing is shared but the broadcasts, so the codes stay where they are in their bytes
// and count 1, 4, 16 or 64 times, in accumulators of their own.
void ternary_vector(const bnn_ternary_span& s) {
  constexpr int32_t kGroups = 1 << 14;  // 64 * 2 * 128 * 4 of each fit 31 bits
  __m512i total[2] = {};
  for (int32_t first = 0; first < s.groups; first += kGroups) {
    const int32_t end = s.groups - first < kGroups ? s.groups : first + kGroups;
    __m512i sums[4][2] = {};
    for (int32_t g = first; g < end; ++g) {
      const uint8_t* w = s.weights + static_cast<ptrdiff_t>(g) * BNN_TERNARY_BYTES;
      const int8_t* x = s.input + static_cast<ptrdiff_t>(g) * BNN_TERNARY_DEPTH;
      _mm_prefetch(reinterpret_cast<const char*>(w) + kAhead, _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(w) + kAhead + 64, _MM_HINT_T0);
      const __m512i codes[2] = {_mm512_loadu_si512(w), _mm512_loadu_si512(w + 64)};
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const __m512i four = broadcast4(x + 4 * j);
        const __m512i mask = _mm512_set1_epi8(static_cast<char>(3 << 2 * j));
#pragma GCC unroll 2
        for (int r = 0; r < 2; ++r) {
          sums[j][r] = _mm512_dpbusd_epi32(sums[j][r], _mm512_and_si512(codes[r], mask), four);
        }
      }
    }
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        total[r] = _mm512_add_epi32(total[r], _mm512_srai_epi32(sums[j][r], 2 * j));
      }
    }
  }
  store_sums(s, 0, total);
}

// Several samples share the codes.
template <int kSamples>
void ternary_tile(const bnn_ternary_span& s, int32_t sample) {
  const __m512i mask = _mm512_set1_epi8(3);
  const int8_t* x = s.input + sample * s.input_step;
  const uint8_t* w = s.weights;
  __m512i sums[kSamples][2] = {};
  for (int32_t g = 0; g < s.groups; ++g) {
    __m512i codes[2] = {_mm512_loadu_si512(w), _mm512_loadu_si512(w + 64)};
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const __m512i now[2] = {_mm512_and_si512(codes[0], mask), _mm512_and_si512(codes[1], mask)};
#pragma GCC unroll 8
      for (int m = 0; m < kSamples; ++m) {
        const __m512i four = broadcast4(x + m * s.input_step + 4 * j);
        sums[m][0] = _mm512_dpbusd_epi32(sums[m][0], now[0], four);
        sums[m][1] = _mm512_dpbusd_epi32(sums[m][1], now[1], four);
      }
      codes[0] = _mm512_srli_epi16(codes[0], 2);
      codes[1] = _mm512_srli_epi16(codes[1], 2);
    }
    w += BNN_TERNARY_BYTES;
    x += BNN_TERNARY_DEPTH;
  }
#pragma GCC unroll 8
  for (int m = 0; m < kSamples; ++m) store_sums(s, sample + m, sums[m]);
}

void ternary(const bnn_ternary_span* span) {
  const bnn_ternary_span& s = *span;
  if (s.samples == 1) return ternary_vector(s);
  int32_t m = 0;
  for (; m + 8 <= s.samples; m += 8) ternary_tile<8>(s, m);
  for (; m + 4 <= s.samples; m += 4) ternary_tile<4>(s, m);
  for (; m < s.samples; ++m) ternary_tile<1>(s, m);
}

}  // namespace
#endif  // BNN_AVX512VPOPCNTDQ_TERNARY_H_
