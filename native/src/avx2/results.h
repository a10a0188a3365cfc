/* Results of the AVX2 backend: from the counts of a pixel, 4 registers of 8 channels, to float,
 * int8 or bits. kFull is channels == 32. Included by its translation unit alone.
 */
#ifndef BNN_AVX2_RESULTS_H_
#define BNN_AVX2_RESULTS_H_

#include "vectors.h"

namespace {

inline __m256i transform_input(const bnn_span& s, __m256i count, int channel) {
  const __m256i x = _mm256_slli_epi32(count, 1);
  return s.plain ? x : _mm256_add_epi32(x, load(s.offset + channel));
}

inline __m256 affine(const bnn_span& s, __m256i count, int channel) {
  __m256i x = transform_input(s, count, channel);
  if (!s.plain) {
    x = _mm256_min_epi32(x, _mm256_set1_epi32(s.clamp_max));
    x = _mm256_max_epi32(x, _mm256_set1_epi32(s.clamp_min));
  }
  const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(x), _mm256_loadu_ps(s.factor + channel));
  return _mm256_add_ps(product, _mm256_loadu_ps(s.shift + channel));
}

struct StoreFloat {
  template <bool kFull>
  static void store(const bnn_span& s, int32_t pixel, const __m256i* counts) {
    float* out = static_cast<float*>(s.output) + pixel * s.output_step;
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const int c = 8 * r, left = kFull ? 8 : s.channels - c;
      if (left <= 0) break;
      store_head(out + c, left, affine(s, counts[r], c));
    }
  }
};

inline __m256 clamp(__m256 y, float low, float high) {
  y = _mm256_max_ps(_mm256_set1_ps(low), y);  // in this order NaN stays
  return _mm256_min_ps(_mm256_set1_ps(high), y);
}

inline __m256 run_steps(const bnn_span& s, int32_t pixel, int channel, int left, __m256 y) {
  for (int32_t i = 0; i < s.step_count; ++i) {
    const bnn_step& step = s.steps[i];
    switch (step.kind) {
      case BNN_STEP_MULTIPLY: y = _mm256_mul_ps(y, _mm256_loadu_ps(step.values + channel)); break;
      case BNN_STEP_ADD: y = _mm256_add_ps(y, _mm256_loadu_ps(step.values + channel)); break;
      case BNN_STEP_CLAMP: y = clamp(y, step.min, step.max); break;
      default: {
        const float* shortcut = s.shortcut + pixel * s.shortcut_step + channel;
        y = _mm256_add_ps(
            y, left >= 8 ? _mm256_loadu_ps(shortcut) : _mm256_maskload_ps(shortcut, head8(left)));
      }
    }
  }
  return y;
}

struct StoreFused {
  template <bool kFull>
  static void store(const bnn_span& s, int32_t pixel, const __m256i* counts) {
    float* out = static_cast<float*>(s.output) + pixel * s.output_step;
    uint32_t signs = 0;
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const int c = 8 * r, left = kFull ? 8 : s.channels - c;
      if (left <= 0) break;
      __m256 y = affine(s, counts[r], c);
      y = run_steps(s, pixel, c, left, y);
      store_head(out + c, left, y);
      const int negative = _mm256_movemask_ps(_mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_LT_OQ));
      signs |= static_cast<uint32_t>(negative) << c;
    }
    if (s.signs != nullptr) s.signs[pixel * s.signs_step] = signs & first_bits(s.channels);
  }
};

struct StoreInt8 {
  static __m256i quantize(__m256 y) {
    // Halves away from zero, exactly: y - trunc(y) has no rounding error.
    const __m256 minus_zero = _mm256_set1_ps(-0.0f);
    const __m256 whole = _mm256_round_ps(y, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
    const __m256 rest = _mm256_andnot_ps(minus_zero, _mm256_sub_ps(y, whole));
    const __m256 up = _mm256_cmp_ps(rest, _mm256_set1_ps(0.5f), _CMP_GE_OQ);
    const __m256 one = _mm256_or_ps(_mm256_set1_ps(1.0f), _mm256_and_ps(y, minus_zero));
    y = _mm256_add_ps(whole, _mm256_and_ps(up, one));
    y = _mm256_max_ps(_mm256_min_ps(y, _mm256_set1_ps(127.0f)), _mm256_set1_ps(-128.0f));
    return _mm256_cvttps_epi32(y);
  }
  template <bool kFull>
  static void store(const bnn_span& s, int32_t pixel, const __m256i* counts) {
    __m256i x[4];
    for (int r = 0; r < 4; ++r) x[r] = quantize(affine(s, counts[r], 8 * r));
    store_head(static_cast<int8_t*>(s.output) + pixel * s.output_step,
               kFull ? BNN_BLOCK : s.channels, narrow(x));
  }
};

struct StoreBits {
  template <bool kFull>
  static void store(const bnn_span& s, int32_t pixel, const __m256i* counts) {
    __m256i above[4];
    for (int r = 0; r < 4; ++r) {
      const __m256i x = transform_input(s, counts[r], 8 * r);
      above[r] = _mm256_cmpgt_epi32(x, load(s.threshold + 8 * r));
    }
    const uint32_t word = static_cast<uint32_t>(_mm256_movemask_epi8(narrow(above)));
    static_cast<uint32_t*>(s.output)[pixel * s.output_step] = word & first_bits(s.channels);
  }
};

template <class Store>
inline void store_pixel(const bnn_span& s, int32_t pixel, const __m256i* counts) {
  if (s.channels == BNN_BLOCK) {
    Store::template store<true>(s, pixel, counts);
  } else {
    Store::template store<false>(s, pixel, counts);
  }
}

}  // namespace
#endif  // BNN_AVX2_RESULTS_H_
