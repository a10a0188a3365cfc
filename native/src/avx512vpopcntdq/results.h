/* What becomes of popcounts in AVX-512 registers: 16 channels lie in the lanes of one. Static, for
 * the translation units of backends that have these instructions, after <immintrin.h>. */
#ifndef BNN_AVX512VPOPCNTDQ_RESULTS_H_
#define BNN_AVX512VPOPCNTDQ_RESULTS_H_

#include "bnn/backend.h"

namespace {

constexpr int kLanes = 16;

inline __mmask16 valid_lanes(const bnn_span& s, int channel) {
  const int n = s.channels - channel;
  return n >= kLanes ? 0xffff : static_cast<__mmask16>((1u << n) - 1);
}

inline __m512i transform_input(const bnn_span& s, __m512i count, int channel) {
  const __m512i x = _mm512_slli_epi32(count, 1);
  return s.plain ? x : _mm512_add_epi32(x, _mm512_loadu_si512(s.offset + channel));
}

inline __m512 affine(const bnn_span& s, __m512i x, int channel) {
  if (!s.plain) {
    x = _mm512_min_epi32(x, _mm512_set1_epi32(s.clamp_max));
    x = _mm512_max_epi32(x, _mm512_set1_epi32(s.clamp_min));
  }
  const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(x), _mm512_loadu_ps(s.factor + channel));
  return _mm512_add_ps(product, _mm512_loadu_ps(s.shift + channel));
}

// A tile, pixel by pixel. Unrolled, or the counts would live in memory.
template <class Store, int kPixels, int kRegisters>
inline void store_pixels(const bnn_span& s, int32_t pixel,
                         const __m512i (&counts)[kPixels][kRegisters]) {
#pragma GCC unroll 8
  for (int p = 0; p < kPixels; ++p) Store::template store<kRegisters>(s, pixel + p, counts[p]);
}

inline __m512 clamp(__m512 y, float low, float high) {
  y = _mm512_max_ps(_mm512_set1_ps(low), y);  // in this order NaN stays
  return _mm512_min_ps(_mm512_set1_ps(high), y);
}

// The common case, on popcounts instead of twice their value: 2 * count * factor is
// count * (2 * factor) to the last bit, as a factor of two does not round (`halves` excludes
// factors near infinity). A residual block adds a shortcut, and at the end of a section of QuickNet
// clamps the sum.
template <bool kClamp, bool kShortcut, bool kSigns, int kPixels, int kRegisters>
inline void store_halves(const bnn_span& s, int32_t pixel,
                         const __m512i (&counts)[kPixels][kRegisters]) {
  __m512 factor[kRegisters], shift[kRegisters];
#pragma GCC unroll 2
  for (int r = 0; r < kRegisters; ++r) {
    factor[r] = _mm512_loadu_ps(s.factor + r * kLanes);
    factor[r] = _mm512_add_ps(factor[r], factor[r]);
    shift[r] = _mm512_loadu_ps(s.shift + r * kLanes);
  }
  const __m512i low = _mm512_set1_epi32(s.clamp_min / 2);
  const __m512i high = _mm512_set1_epi32(s.clamp_max / 2);
  float* out = static_cast<float*>(s.output) + pixel * s.output_step;
  const float* shortcut = kShortcut ? s.shortcut + pixel * s.shortcut_step : nullptr;
#pragma GCC unroll 8
  for (int p = 0; p < kPixels; ++p) {
    __mmask16 signs[2] = {0, 0};
#pragma GCC unroll 2
    for (int r = 0; r < kRegisters; ++r) {
      __m512i count = counts[p][r];
      if (kClamp) count = _mm512_max_epi32(_mm512_min_epi32(count, high), low);
      const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(count), factor[r]);
      __m512 y = _mm512_add_ps(product, shift[r]);
      if (kShortcut) {
        y = _mm512_add_ps(y, _mm512_loadu_ps(shortcut + r * kLanes));
        if (s.step_count > 1) y = clamp(y, s.steps[1].min, s.steps[1].max);
      }
      if (kSigns) signs[r] = _mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_LT_OQ);
      _mm512_storeu_ps(out + r * kLanes, y);
    }
    out += s.output_step;
    if (kShortcut) shortcut += s.shortcut_step;
    if (!kSigns || s.signs == nullptr) continue;
    s.signs[(pixel + p) * s.signs_step] =
        static_cast<uint32_t>(_mm512_kunpackw(signs[1], signs[0]));
  }
}

template <bool kShortcut, bool kSigns, int kPixels, int kRegisters>
inline void store_common(const bnn_span& s, int32_t pixel,
                         const __m512i (&counts)[kPixels][kRegisters]) {
  if (s.plain) {
    store_halves<false, kShortcut, kSigns>(s, pixel, counts);
  } else {
    store_halves<true, kShortcut, kSigns>(s, pixel, counts);
  }
}

struct StoreFloat {
  template <int kPixels, int kRegisters>
  static void store_tile(const bnn_span& s, int32_t pixel,
                         const __m512i (&counts)[kPixels][kRegisters]) {
    if (s.halves && s.channels == kRegisters * kLanes) {
      store_common<false, false>(s, pixel, counts);
    } else {
      store_pixels<StoreFloat>(s, pixel, counts);
    }
  }

  template <int kRegisters>
  static void store(const bnn_span& s, int32_t pixel, const __m512i* counts) {
    float* out = static_cast<float*>(s.output) + pixel * s.output_step;
#pragma GCC unroll 2
    for (int r = 0; r < kRegisters; ++r) {
      const __m512 y = affine(s, transform_input(s, counts[r], r * kLanes), r * kLanes);
      if (s.channels == kRegisters * kLanes) {  // a masked store costs more
        _mm512_storeu_ps(out + r * kLanes, y);
      } else {
        _mm512_mask_storeu_ps(out + r * kLanes, valid_lanes(s, r * kLanes), y);
      }
    }
  }
};

inline __m512 run_steps(const bnn_span& s, int32_t pixel, int channel, __mmask16 valid, __m512 y) {
  for (int32_t i = 0; i < s.step_count; ++i) {
    const bnn_step& step = s.steps[i];
    switch (step.kind) {
      case BNN_STEP_MULTIPLY: y = _mm512_mul_ps(y, _mm512_loadu_ps(step.values + channel)); break;
      case BNN_STEP_ADD: y = _mm512_add_ps(y, _mm512_loadu_ps(step.values + channel)); break;
      case BNN_STEP_CLAMP: y = clamp(y, step.min, step.max); break;
      case BNN_STEP_PRELU: {
        const __mmask16 below = _mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_LT_OQ);
        y = _mm512_mask_mul_ps(y, below, y, _mm512_loadu_ps(step.values + channel));
        break;
      }
      default: {
        const float* shortcut = s.shortcut + pixel * s.shortcut_step + channel;
        y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(valid, shortcut));
      }
    }
  }
  return y;
}

struct StoreFused {
  template <int kPixels, int kRegisters>
  static void store_tile(const bnn_span& s, int32_t pixel,
                         const __m512i (&counts)[kPixels][kRegisters]) {
    const bool residual =
        s.step_count > 0 && s.steps[0].kind == BNN_STEP_SHORTCUT &&
        (s.step_count == 1 || (s.step_count == 2 && s.steps[1].kind == BNN_STEP_CLAMP));
    const bool common = s.halves && s.channels == kRegisters * kLanes;
    if (common && residual) {
      store_common<true, true>(s, pixel, counts);
    } else if (common && s.step_count == 0) {
      store_common<false, true>(s, pixel, counts);
    } else {
      store_pixels<StoreFused>(s, pixel, counts);
    }
  }

  template <int kRegisters>
  static void store(const bnn_span& s, int32_t pixel, const __m512i* counts) {
    float* out = static_cast<float*>(s.output) + pixel * s.output_step;
    __mmask16 signs[2] = {0, 0};
#pragma GCC unroll 2
    for (int r = 0; r < kRegisters; ++r) {
      const int channel = r * kLanes;
      const __mmask16 valid = valid_lanes(s, channel);
      __m512 y = affine(s, transform_input(s, counts[r], channel), channel);
      y = run_steps(s, pixel, channel, valid, y);
      _mm512_mask_storeu_ps(out + channel, valid, y);
      signs[r] = _mm512_mask_cmp_ps_mask(valid, y, _mm512_setzero_ps(), _CMP_LT_OQ);
    }
    if (s.signs == nullptr) return;
    s.signs[pixel * s.signs_step] = static_cast<uint32_t>(_mm512_kunpackw(signs[1], signs[0]));
  }
};

struct StoreInt8 {
  template <int kPixels, int kRegisters>
  static void store_tile(const bnn_span& s, int32_t pixel,
                         const __m512i (&counts)[kPixels][kRegisters]) {
    store_pixels<StoreInt8>(s, pixel, counts);
  }

  template <int kRegisters>
  static void store(const bnn_span& s, int32_t pixel, const __m512i* counts) {
    int8_t* out = static_cast<int8_t*>(s.output) + pixel * s.output_step;
#pragma GCC unroll 2
    for (int r = 0; r < kRegisters; ++r) {
      __m512 y = affine(s, transform_input(s, counts[r], r * kLanes), r * kLanes);
      // Halves away from zero, exactly: y - trunc(y) has no rounding error.
      const __m512 whole = _mm512_roundscale_ps(y, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
      const __m512 rest = _mm512_abs_ps(_mm512_sub_ps(y, whole));
      const __mmask16 up = _mm512_cmp_ps_mask(rest, _mm512_set1_ps(0.5f), _CMP_GE_OQ);
      const __mmask16 minus = _mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_LT_OQ);
      const __m512 step = _mm512_mask_blend_ps(minus, _mm512_set1_ps(1.0f), _mm512_set1_ps(-1.0f));
      y = _mm512_mask_add_ps(whole, up, whole, step);
      y = _mm512_max_ps(_mm512_min_ps(y, _mm512_set1_ps(127.0f)), _mm512_set1_ps(-128.0f));
      const __m128i bytes = _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(y));
      _mm_mask_storeu_epi8(out + r * kLanes, valid_lanes(s, r * kLanes), bytes);
    }
  }
};

struct StoreBits {
  template <int kPixels, int kRegisters>
  static void store_tile(const bnn_span& s, int32_t pixel,
                         const __m512i (&counts)[kPixels][kRegisters]) {
    store_pixels<StoreBits>(s, pixel, counts);
  }

  template <int kRegisters>
  static void store(const bnn_span& s, int32_t pixel, const __m512i* counts) {
    uint32_t word = 0;
#pragma GCC unroll 2
    for (int r = 0; r < kRegisters; ++r) {
      const __m512i x = transform_input(s, counts[r], r * kLanes);
      const __m512i threshold = _mm512_loadu_si512(s.threshold + r * kLanes);
      const __mmask16 bits = _mm512_mask_cmpgt_epi32_mask(valid_lanes(s, r * kLanes), x, threshold);
      word |= static_cast<uint32_t>(bits) << (r * kLanes);
    }
    static_cast<uint32_t*>(s.output)[pixel * s.output_step] = word;
  }
};

}  // namespace

#endif  // BNN_AVX512VPOPCNTDQ_RESULTS_H_
