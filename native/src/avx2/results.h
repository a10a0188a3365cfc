/* Results of the AVX2 backend: from the counts of a pixel, 4 registers of 8 channels, to float,
 * int8 or bits. kFull is channels == 32. Included by its translation unit alone.
 *
 * Float results of whole blocks have a path of their own, for a tile at a time: no offset, no step
 * to look up, constants loaded once. It is bound by the stores and the shortcut's loads.
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

inline __m256 clamp(__m256 y, float low, float high) {
  y = _mm256_max_ps(_mm256_set1_ps(low), y);  // in this order NaN stays
  return _mm256_min_ps(_mm256_set1_ps(high), y);
}

inline uint32_t negative(__m256 y) {
  const __m256 less = _mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_LT_OQ);
  return static_cast<uint32_t>(_mm256_movemask_ps(less));
}

// The common case, on popcounts instead of twice their value: 2 * count * factor is
// count * (2 * factor) to the last bit, as a factor of two does not round (`halves` excludes
// factors near infinity). A residual block adds a shortcut, and at the end of a section of QuickNet
// clamps the sum; these are the kSteps. The constants are copied, or each store might change them.
template <bool kClamp, int kSteps, bool kSigns>
inline void store_halves(const bnn_span& s, int32_t pixel, int32_t pixels, const Counts* counts) {
  __m256 factor[4], shift[4];
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
    factor[r] = _mm256_loadu_ps(s.factor + 8 * r);
    factor[r] = _mm256_add_ps(factor[r], factor[r]);
    shift[r] = _mm256_loadu_ps(s.shift + 8 * r);
  }
  const __m256i low = _mm256_set1_epi32(s.clamp_min / 2);
  const __m256i high = _mm256_set1_epi32(s.clamp_max / 2);
  const float min = kSteps > 1 ? s.steps[1].min : 0.0f, max = kSteps > 1 ? s.steps[1].max : 0.0f;
  float* out = static_cast<float*>(s.output) + pixel * s.output_step;
  const float* shortcut = kSteps > 0 ? s.shortcut + pixel * s.shortcut_step : nullptr;
  uint32_t* signs = kSigns && s.signs != nullptr ? s.signs + pixel * s.signs_step : nullptr;
  for (int32_t p = 0; p < pixels; ++p) {
    __m256i wide[4];
    counts[p].widen(wide);
    uint32_t word = 0;
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      __m256i count = wide[r];
      if (kClamp) count = _mm256_max_epi32(_mm256_min_epi32(count, high), low);
      const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(count), factor[r]);
      __m256 y = _mm256_add_ps(product, shift[r]);
      if (kSteps > 0) y = _mm256_add_ps(y, _mm256_loadu_ps(shortcut + 8 * r));
      if (kSteps > 1) y = clamp(y, min, max);
      _mm256_storeu_ps(out + 8 * r, y);
      if (kSigns) word |= negative(y) << (8 * r);
    }
    out += s.output_step;
    if (kSteps > 0) shortcut += s.shortcut_step;
    if (signs == nullptr) continue;
    *signs = word;
    signs += s.signs_step;
  }
}

template <int kSteps, bool kSigns>
inline void store_common(const bnn_span& s, int32_t pixel, int32_t pixels, const Counts* counts) {
  if (s.plain) {
    store_halves<false, kSteps, kSigns>(s, pixel, pixels, counts);
  } else {
    store_halves<true, kSteps, kSigns>(s, pixel, pixels, counts);
  }
}

// store() takes any pixel; store_pixels() takes several and says whether they are a common case.
struct StoreFloat {
  static bool store_pixels(const bnn_span& s, int32_t pixel, int32_t pixels, const Counts* counts) {
    if (!s.halves || s.channels != BNN_BLOCK) return false;
    store_common<0, false>(s, pixel, pixels, counts);
    return true;
  }

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

// A step of all registers at a time: its kind is looked up once.
template <bool kFull>
inline void run_steps(const bnn_span& s, int32_t pixel, __m256 (&y)[4]) {
  for (int32_t i = 0; i < s.step_count; ++i) {
    const bnn_step& step = s.steps[i];
    const float* values =
        step.kind == BNN_STEP_SHORTCUT ? s.shortcut + pixel * s.shortcut_step : step.values;
    switch (step.kind) {
      case BNN_STEP_MULTIPLY:
#pragma GCC unroll 4
        for (int r = 0; r < 4; ++r) y[r] = _mm256_mul_ps(y[r], _mm256_loadu_ps(values + 8 * r));
        break;
      case BNN_STEP_ADD:
#pragma GCC unroll 4
        for (int r = 0; r < 4; ++r) y[r] = _mm256_add_ps(y[r], _mm256_loadu_ps(values + 8 * r));
        break;
      case BNN_STEP_CLAMP:
#pragma GCC unroll 4
        for (int r = 0; r < 4; ++r) y[r] = clamp(y[r], step.min, step.max);
        break;
      case BNN_STEP_PRELU:
#pragma GCC unroll 4
        for (int r = 0; r < 4; ++r) {
          const __m256 below = _mm256_cmp_ps(y[r], _mm256_setzero_ps(), _CMP_LT_OQ);
          const __m256 sloped = _mm256_mul_ps(y[r], _mm256_loadu_ps(values + 8 * r));
          y[r] = _mm256_blendv_ps(y[r], sloped, below);
        }
        break;
      default:
#pragma GCC unroll 4
        for (int r = 0; r < 4; ++r) {
          const int left = kFull ? 8 : s.channels - 8 * r;
          if (left <= 0) break;
          y[r] = _mm256_add_ps(y[r], left >= 8 ? _mm256_loadu_ps(values + 8 * r)
                                               : _mm256_maskload_ps(values + 8 * r, head8(left)));
        }
    }
  }
}

struct StoreFused {
  static bool store_pixels(const bnn_span& s, int32_t pixel, int32_t pixels, const Counts* counts) {
    if (!s.halves || s.channels != BNN_BLOCK || s.step_count > 2) return false;
    if (s.step_count > 0 && s.steps[0].kind != BNN_STEP_SHORTCUT) return false;
    if (s.step_count > 1 && s.steps[1].kind != BNN_STEP_CLAMP) return false;
    switch (s.step_count) {
      case 0: store_common<0, true>(s, pixel, pixels, counts); break;
      case 1: store_common<1, true>(s, pixel, pixels, counts); break;
      default: store_common<2, true>(s, pixel, pixels, counts); break;
    }
    return true;
  }

  template <bool kFull>
  static void store(const bnn_span& s, int32_t pixel, const __m256i* counts) {
    float* out = static_cast<float*>(s.output) + pixel * s.output_step;
    __m256 y[4];
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) y[r] = affine(s, counts[r], 8 * r);
    run_steps<kFull>(s, pixel, y);
    uint32_t signs = 0;
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const int left = kFull ? 8 : s.channels - 8 * r;
      if (left <= 0) break;
      store_head(out + 8 * r, left, y[r]);
      signs |= negative(y[r]) << (8 * r);
    }
    if (s.signs != nullptr) s.signs[pixel * s.signs_step] = signs & first_bits(s.channels);
  }
};

struct NothingCommon {
  static bool store_pixels(const bnn_span&, int32_t, int32_t, const Counts*) { return false; }
};

struct StoreInt8 : NothingCommon {
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

struct StoreBits : NothingCommon {
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
