/* Ternary weights of the AVX-512 backend. Included by its translation unit alone, after
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
// Bytes by which weights are fetched early: about what a core can have under way.
constexpr ptrdiff_t kAhead = 8192;

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

// Codes of 2 bits.
struct TwoBits {
  static constexpr int kFours = 4;  // of codes in the four bytes of a channel
  static constexpr int kTerms = 4;
  static constexpr int32_t kGroups = 1 << 14;  // 64 * 2 * 128 * 4 of each fit 31 bits

  // One sample: nothing is shared but the broadcasts, so the codes stay where they are in their
  // bytes and count 1, 4, 16 or 64 times, in accumulators of their own.
  static void add(__m512i (&bytes)[2], const int8_t* x, __m512i (&sums)[kTerms][2]) {
#pragma GCC unroll 4
    for (int j = 0; j < kFours; ++j) {
      const __m512i four = broadcast4(x + 4 * j);
      const __m512i mask = _mm512_set1_epi8(static_cast<char>(3 << 2 * j));
#pragma GCC unroll 2
      for (int r = 0; r < 2; ++r) {
        sums[j][r] = _mm512_dpbusd_epi32(sums[j][r], _mm512_and_si512(bytes[r], mask), four);
      }
    }
  }
  static __m512i total(const __m512i (&sums)[kTerms][2], int r) {
    __m512i total = sums[0][r];
#pragma GCC unroll 3
    for (int j = 1; j < kTerms; ++j) {
      total = _mm512_add_epi32(total, _mm512_srai_epi32(sums[j][r], 2 * j));
    }
    return total;
  }
  static __m512i next(__m512i& bytes) {
    const __m512i codes = _mm512_and_si512(bytes, _mm512_set1_epi8(3));
    bytes = _mm512_srli_epi16(bytes, 2);
    return codes;
  }
};

// Five codes in a byte q, as the digits of the fraction q / 256 to the base 3: a digit is what
// tripling it carries out of the byte, (3 * q - q') / 256 where q' is the byte that stays.
struct BaseThree {
  static constexpr int kFours = 5;
  static constexpr int kTerms = 4;
  static constexpr int32_t kGroups = 1600;  // 256 * 2 * 128 * 20 of each fit 31 bits

  static __m512i triple(__m512i q) { return _mm512_add_epi8(q, _mm512_add_epi8(q, q)); }

  // One sample: no digit is ever taken out. The sum of digits times activations is that of
  // 3 * q - q' times activations, over 256. Sums of q and of q' may wrap, for their difference
  // does not. Odd and even ones have registers of their own, lest additions wait.
  static void add(__m512i (&bytes)[2], const int8_t* x, __m512i (&sums)[kTerms][2]) {
#pragma GCC unroll 5
    for (int j = 0; j < kFours; ++j) {
      const __m512i four = broadcast4(x + 4 * j);
#pragma GCC unroll 2
      for (int r = 0; r < 2; ++r) {
        __m512i &before = sums[j % 2][r], &after = sums[2 + j % 2][r];
        before = _mm512_dpbusd_epi32(before, bytes[r], four);
        bytes[r] = triple(bytes[r]);
        after = _mm512_dpbusd_epi32(after, bytes[r], four);
      }
    }
  }
  static __m512i total(const __m512i (&sums)[kTerms][2], int r) {
    const __m512i before = _mm512_add_epi32(sums[0][r], sums[1][r]);
    const __m512i after = _mm512_add_epi32(sums[2][r], sums[3][r]);
    const __m512i twice = _mm512_add_epi32(before, before);
    return _mm512_srai_epi32(_mm512_sub_epi32(_mm512_add_epi32(before, twice), after), 8);
  }
  static __m512i next(__m512i& bytes) {  // a digit is (q >= 86) + (q >= 171)
    const __m512i one = _mm512_set1_epi8(1), two = _mm512_set1_epi8(2);
    const __mmask64 some = _mm512_cmpge_epu8_mask(bytes, _mm512_set1_epi8(86));
    const __mmask64 most = _mm512_cmpge_epu8_mask(bytes, _mm512_set1_epi8(static_cast<char>(171)));
    bytes = triple(bytes);
    return _mm512_mask_mov_epi8(_mm512_maskz_mov_epi8(some, one), most, two);
  }
};

template <class Form>
void ternary_vector(const bnn_ternary_span& s) {
  __m512i total[2] = {};
  for (int32_t first = 0; first < s.groups; first += Form::kGroups) {
    const int32_t end = s.groups - first < Form::kGroups ? s.groups : first + Form::kGroups;
    __m512i sums[Form::kTerms][2] = {};
    for (int32_t g = first; g < end; ++g) {
      const uint8_t* w = s.weights + static_cast<ptrdiff_t>(g) * BNN_TERNARY_BYTES;
      _mm_prefetch(reinterpret_cast<const char*>(w) + kAhead, _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(w) + kAhead + 64, _MM_HINT_T0);
      __m512i bytes[2] = {_mm512_loadu_si512(w), _mm512_loadu_si512(w + 64)};
      Form::add(bytes, s.input + static_cast<ptrdiff_t>(g) * 4 * Form::kFours, sums);
    }
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r) total[r] = _mm512_add_epi32(total[r], Form::total(sums, r));
  }
  store_sums(s, 0, total);
}

// Several samples share the codes, which are taken out of their bytes.
template <class Form, int kSamples>
void ternary_tile(const bnn_ternary_span& s, int32_t sample) {
  const int8_t* x = s.input + sample * s.input_step;
  const uint8_t* w = s.weights;
  __m512i sums[kSamples][2] = {};
  for (int32_t g = 0; g < s.groups; ++g) {
    __m512i bytes[2] = {_mm512_loadu_si512(w), _mm512_loadu_si512(w + 64)};
#pragma GCC unroll 5
    for (int j = 0; j < Form::kFours; ++j) {
      const __m512i codes[2] = {Form::next(bytes[0]), Form::next(bytes[1])};
#pragma GCC unroll 8
      for (int m = 0; m < kSamples; ++m) {
        const __m512i four = broadcast4(x + m * s.input_step + 4 * j);
        sums[m][0] = _mm512_dpbusd_epi32(sums[m][0], codes[0], four);
        sums[m][1] = _mm512_dpbusd_epi32(sums[m][1], codes[1], four);
      }
    }
    w += BNN_TERNARY_BYTES;
    x += 4 * Form::kFours;
  }
#pragma GCC unroll 8
  for (int m = 0; m < kSamples; ++m) store_sums(s, sample + m, sums[m]);
}

template <class Form>
void ternary(const bnn_ternary_span* span) {
  const bnn_ternary_span& s = *span;
  if (s.samples == 1) return ternary_vector<Form>(s);
  int32_t m = 0;
  for (; m + 8 <= s.samples; m += 8) ternary_tile<Form, 8>(s, m);
  for (; m + 4 <= s.samples; m += 4) ternary_tile<Form, 4>(s, m);
  for (; m < s.samples; ++m) ternary_tile<Form, 1>(s, m);
}

}  // namespace
#endif  // BNN_AVX512VPOPCNTDQ_TERNARY_H_
