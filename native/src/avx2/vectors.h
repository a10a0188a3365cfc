/* Vector helpers of the AVX2 backend. Included by its translation unit alone. */
#ifndef BNN_AVX2_VECTORS_H_
#define BNN_AVX2_VECTORS_H_

#include <immintrin.h>
#include <string.h>

#include "bnn/backend.h"

namespace {

inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void store(void* p, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }

inline __m256i lane_ids() { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }

// The first n of 8 lanes; any n.
inline __m256i head8(int64_t n) {
  const int lanes = n > 8 ? 8 : static_cast<int>(n);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), lane_ids());
}

// The first n of 8 lanes, n >= 1. vmaskmov stores take some 20 cycles on AMD, hence memcpy.
inline void store_head(float* out, int64_t n, __m256 v) {
  if (n >= 8) {
    _mm256_storeu_ps(out, v);
    return;
  }
  float lanes[8];
  _mm256_storeu_ps(lanes, v);
  memcpy(out, lanes, static_cast<size_t>(n) * sizeof(float));
}

inline void store_head(int8_t* out, int64_t n, __m256i v) {
  if (n >= 32) {
    store(out, v);
    return;
  }
  int8_t lanes[32];
  store(lanes, v);
  memcpy(out, lanes, static_cast<size_t>(n));
}

inline uint32_t first_bits(int32_t channels) { return 0xffffffffu >> (BNN_BLOCK - channels); }

// Four registers of int32 to bytes, in order; values must fit.
inline __m256i narrow(const __m256i* x) {
  const __m256i low = _mm256_packs_epi32(x[0], x[1]), high = _mm256_packs_epi32(x[2], x[3]);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
}

// Of one pixel: 16-bit counts of channels 16..31 (odd bytes), and sums of 16-bit lanes that hold
// both bytes, modulo 65536: they spare a mask for each addition.
struct Counts {
  __m256i odd, both;

  void add_bytes(__m256i bytes) {
    odd = _mm256_add_epi16(odd, _mm256_srli_epi16(bytes, 8));
    both = _mm256_add_epi16(both, bytes);
  }
  void widen(__m256i wide[4]) const {
    const __m256i even = _mm256_sub_epi16(both, _mm256_slli_epi16(odd, 8));
    wide[0] = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(even));
    wide[1] = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(even, 1));
    wide[2] = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(odd));
    wide[3] = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(odd, 1));
  }
};

// Bits of a word to bytes 0 or -1, in the channel order of Counts or in that of the bits.
template <bool kCountOrder>
inline __m256i bits_to_bytes(uint32_t word) {
  const __m256i natural =
      _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i interleaved = _mm256_setr_epi64x(0x0200020002000200, 0x0200020002000200,
                                                 0x0301030103010301, 0x0301030103010301);
  const __m256i natural_bit = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
  const __m256i interleaved_bit =
      _mm256_setr_epi64x(0x0808040402020101, static_cast<int64_t>(0x8080404020201010),
                         0x0808040402020101, static_cast<int64_t>(0x8080404020201010));
  const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(word)),
                                             kCountOrder ? interleaved : natural);
  const __m256i bit = kCountOrder ? interleaved_bit : natural_bit;
  return _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
}

}  // namespace
#endif  // BNN_AVX2_VECTORS_H_
