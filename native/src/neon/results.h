/* Results of the NEON backend: from the counts of a pixel, registers of 4 channels, to float, int8
 * or bits. Included by its translation unit alone.
 *
 * Float results of whole blocks have a path of their own, for a tile at a time: no offset, no step
 * to look up, constants loaded once for all pixels, whose signs are summed together.
 */
#ifndef BNN_NEON_RESULTS_H_
#define BNN_NEON_RESULTS_H_

#include <arm_neon.h>
#include <string.h>

#include "bnn/backend.h"

namespace {

// kPlain: offsets are zero and the clamp does nothing.
template <bool kPlain>
inline int32x4_t transform_input(const bnn_span& s, uint32x4_t count, int channel) {
  const int32x4_t doubled = vreinterpretq_s32_u32(vshlq_n_u32(count, 1));
  return kPlain ? doubled : vaddq_s32(doubled, vld1q_s32(s.offset + channel));
}

template <bool kPlain>
inline float32x4_t affine(const bnn_span& s, uint32x4_t count, int channel) {
  int32x4_t x = transform_input<kPlain>(s, count, channel);
  if (!kPlain) x = vmaxq_s32(vminq_s32(x, vdupq_n_s32(s.clamp_max)), vdupq_n_s32(s.clamp_min));
  const float32x4_t product = vmulq_f32(vcvtq_f32_s32(x), vld1q_f32(s.factor + channel));
  return vaddq_f32(product, vld1q_f32(s.shift + channel));
}

inline void store_floats(float* out, float32x4_t y, int left) {
  if (left >= 4) {
    vst1q_f32(out, y);
    return;
  }
  float lanes[4];
  vst1q_f32(lanes, y);
  memcpy(out, lanes, static_cast<size_t>(left) * sizeof(float));
}

inline float32x4_t load_floats(const float* x, int left) {
  if (left >= 4) return vld1q_f32(x);
  float lanes[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  memcpy(lanes, x, static_cast<size_t>(left) * sizeof(float));
  return vld1q_f32(lanes);
}

// Bits `channel` ... `channel` + 3 of a word, where the lane is all ones.
inline uint32x4_t word_bits(uint32x4_t lanes, int channel) {
  const uint32x4_t first = {1, 2, 4, 8};
  return vandq_u32(lanes, vshlq_u32(first, vdupq_n_s32(channel)));
}

inline uint32_t valid_bits(int32_t channels) { return ~0u >> (BNN_BLOCK - channels); }

// Selections, not fmax and fmin: NaN stays, as on every backend.
inline float32x4_t clamp(float32x4_t y, float low, float high) {
  y = vbslq_f32(vcltq_f32(y, vdupq_n_f32(low)), vdupq_n_f32(low), y);
  return vbslq_f32(vcgtq_f32(y, vdupq_n_f32(high)), vdupq_n_f32(high), y);
}

// Words of up to 4 pixels: lanes of signs[p] are disjoint bits of one of them.
template <int kPixels>
inline void store_signs(const bnn_span& s, int32_t pixel, const uint32x4_t* signs) {
  const uint32x4_t none = vdupq_n_u32(0);
  const uint32x4_t first = vpaddq_u32(signs[0], kPixels > 1 ? signs[1] : none);
  const uint32x4_t second =
      kPixels > 2 ? vpaddq_u32(signs[2], kPixels > 3 ? signs[3] : none) : none;
  const uint32x4_t words = vpaddq_u32(first, second);
  uint32_t* out = s.signs + pixel * s.signs_step;
  vst1q_lane_u32(out, words, 0);
  if (kPixels > 1) vst1q_lane_u32(out + s.signs_step, words, 1);
  if (kPixels > 2) vst1q_lane_u32(out + 2 * s.signs_step, words, 2);
  if (kPixels > 3) vst1q_lane_u32(out + 3 * s.signs_step, words, 3);
}

// The common case, on popcounts instead of twice their value: 2 * count * factor is
// count * (2 * factor) to the last bit, as a factor of two does not round (`halves` excludes
// factors near infinity). A residual block adds a shortcut, and at the end of a section of QuickNet
// clamps the sum; these are the kSteps. Register by register, so that a constant is loaded once for
// all pixels.
template <bool kClamp, int kSteps, bool kSigns, int kPixels, int kRegisters>
inline void store_halves(const bnn_span& s, int32_t pixel,
                         const uint32x4_t (&counts)[kPixels][kRegisters]) {
  const int32x4_t low = vdupq_n_s32(s.clamp_min / 2), high = vdupq_n_s32(s.clamp_max / 2);
  float* out = static_cast<float*>(s.output) + pixel * s.output_step;
  const float* shortcut = kSteps > 0 ? s.shortcut + pixel * s.shortcut_step : nullptr;
  const ptrdiff_t output_step = s.output_step, shortcut_step = s.shortcut_step;
  const float *factors = s.factor, *shifts = s.shift;
  const float min = kSteps > 1 ? s.steps[1].min : 0.0f, max = kSteps > 1 ? s.steps[1].max : 0.0f;
  uint32x4_t signs[kPixels];
  for (int p = 0; p < kPixels; ++p) signs[p] = vdupq_n_u32(0);
#pragma GCC unroll 8
  for (int r = 0; r < kRegisters; ++r) {
    float32x4_t factor = vld1q_f32(factors + 4 * r);
    factor = vaddq_f32(factor, factor);
    const float32x4_t shift = vld1q_f32(shifts + 4 * r);
#pragma GCC unroll 4
    for (int p = 0; p < kPixels; ++p) {
      int32x4_t count = vreinterpretq_s32_u32(counts[p][r]);
      if (kClamp) count = vmaxq_s32(vminq_s32(count, high), low);
      float32x4_t y = vaddq_f32(vmulq_f32(vcvtq_f32_s32(count), factor), shift);
      if (kSteps > 0) y = vaddq_f32(y, vld1q_f32(shortcut + p * shortcut_step + 4 * r));
      if (kSteps > 1) y = clamp(y, min, max);
      vst1q_f32(out + p * output_step + 4 * r, y);
      if (kSigns) signs[p] = vorrq_u32(signs[p], word_bits(vcltzq_f32(y), 4 * r));
    }
  }
  if (kSigns && s.signs != nullptr) store_signs<kPixels>(s, pixel, signs);
}

template <int kSteps, bool kSigns, int kPixels, int kRegisters>
inline void store_common(const bnn_span& s, int32_t pixel,
                         const uint32x4_t (&counts)[kPixels][kRegisters]) {
  if (s.plain) {
    store_halves<false, kSteps, kSigns>(s, pixel, counts);
  } else {
    store_halves<true, kSteps, kSigns>(s, pixel, counts);
  }
}

// store_pixels() takes some pixels and says whether they are a common case. store() takes any one,
// out of line: with its code inside GCC kept sums of the tile in memory.
struct StoreFloat {
  template <int kPixels, int kRegisters>
  static bool store_pixels(const bnn_span& s, int32_t pixel,
                           const uint32x4_t (&counts)[kPixels][kRegisters]) {
    if (!s.halves || s.channels != 4 * kRegisters) return false;
    store_common<0, false>(s, pixel, counts);
    return true;
  }

  template <bool kPlain, int kRegisters>
  static __attribute__((noinline)) void store(const bnn_span& s, int32_t pixel,
                                              const uint32x4_t* counts) {
    float* out = static_cast<float*>(s.output) + pixel * s.output_step;
    for (int c = 0; c < 4 * kRegisters && c < s.channels; c += 4) {
      store_floats(out + c, affine<kPlain>(s, counts[c / 4], c), s.channels - c);
    }
  }
};

// A step of all registers at a time: its kind is looked up once.
template <int kRegisters>
inline void run_steps(const bnn_span& s, int32_t pixel, float32x4_t (&y)[kRegisters]) {
  for (int32_t i = 0; i < s.step_count; ++i) {
    const bnn_step& step = s.steps[i];
    const float* shortcut = s.shortcut + pixel * s.shortcut_step;
    switch (step.kind) {
      case BNN_STEP_MULTIPLY:
#pragma GCC unroll 8
        for (int r = 0; r < kRegisters; ++r) y[r] = vmulq_f32(y[r], vld1q_f32(step.values + 4 * r));
        break;
      case BNN_STEP_ADD:
#pragma GCC unroll 8
        for (int r = 0; r < kRegisters; ++r) y[r] = vaddq_f32(y[r], vld1q_f32(step.values + 4 * r));
        break;
      case BNN_STEP_CLAMP:
#pragma GCC unroll 8
        for (int r = 0; r < kRegisters; ++r) y[r] = clamp(y[r], step.min, step.max);
        break;
      case BNN_STEP_PRELU:
#pragma GCC unroll 8
        for (int r = 0; r < kRegisters; ++r) {
          const float32x4_t sloped = vmulq_f32(y[r], vld1q_f32(step.values + 4 * r));
          y[r] = vbslq_f32(vcltzq_f32(y[r]), sloped, y[r]);
        }
        break;
      default:
#pragma GCC unroll 8
        for (int r = 0; r < kRegisters; ++r) {
          const int left = s.channels - 4 * r;
          if (left <= 0) break;
          y[r] = vaddq_f32(y[r], load_floats(shortcut + 4 * r, left));
        }
    }
  }
}

struct StoreFused {
  template <int kPixels, int kRegisters>
  static bool store_pixels(const bnn_span& s, int32_t pixel,
                           const uint32x4_t (&counts)[kPixels][kRegisters]) {
    if (!s.halves || s.channels != 4 * kRegisters || s.step_count > 2) return false;
    if (s.step_count > 0 && s.steps[0].kind != BNN_STEP_SHORTCUT) return false;
    if (s.step_count > 1 && s.steps[1].kind != BNN_STEP_CLAMP) return false;
    switch (s.step_count) {
      case 0: store_common<0, true>(s, pixel, counts); break;
      case 1: store_common<1, true>(s, pixel, counts); break;
      default: store_common<2, true>(s, pixel, counts); break;
    }
    return true;
  }

  template <bool kPlain, int kRegisters>
  static __attribute__((noinline)) void store(const bnn_span& s, int32_t pixel,
                                              const uint32x4_t* counts) {
    float* out = static_cast<float*>(s.output) + pixel * s.output_step;
    float32x4_t y[kRegisters];
#pragma GCC unroll 8
    for (int r = 0; r < kRegisters; ++r) y[r] = affine<kPlain>(s, counts[r], 4 * r);
    run_steps(s, pixel, y);
    uint32x4_t signs = vdupq_n_u32(0);
#pragma GCC unroll 8
    for (int r = 0; r < kRegisters; ++r) {
      const int left = s.channels - 4 * r;
      if (left <= 0) break;
      store_floats(out + 4 * r, y[r], left);
      signs = vorrq_u32(signs, word_bits(vcltzq_f32(y[r]), 4 * r));
    }
    if (s.signs != nullptr) {
      s.signs[pixel * s.signs_step] = vaddvq_u32(signs) & valid_bits(s.channels);
    }
  }
};

struct NothingCommon {
  template <int kPixels, int kRegisters>
  static bool store_pixels(const bnn_span&, int32_t, const uint32x4_t (&)[kPixels][kRegisters]) {
    return false;
  }
};

struct StoreInt8 : NothingCommon {
  template <bool kPlain, int kRegisters>
  static void store(const bnn_span& s, int32_t pixel, const uint32x4_t* counts) {
    int8_t* out = static_cast<int8_t*>(s.output) + pixel * s.output_step;
    for (int c = 0; c < 4 * kRegisters && c < s.channels; c += 4) {
      const float32x4_t y = affine<kPlain>(s, counts[c / 4], c);
      // fcvtas rounds halves away from zero and saturates; fminnm sends NaN to 127, as the other
      // backends do.
      const int32x4_t whole = vcvtaq_s32_f32(vminnmq_f32(y, vdupq_n_f32(127.0f)));
      const int16x4_t narrow = vqmovn_s32(whole);
      const int8x8_t bytes = vqmovn_s16(vcombine_s16(narrow, narrow));
      const uint32_t four = vget_lane_u32(vreinterpret_u32_s8(bytes), 0);
      const int left = s.channels - c;
      if (left >= 4) {
        memcpy(out + c, &four, 4);
      } else {
        memcpy(out + c, &four, static_cast<size_t>(left));
      }
    }
  }
};

struct StoreBits : NothingCommon {
  template <bool kPlain, int kRegisters>
  static void store(const bnn_span& s, int32_t pixel, const uint32x4_t* counts) {
    uint32x4_t word = vdupq_n_u32(0);
    for (int c = 0; c < 4 * kRegisters && c < s.channels; c += 4) {
      const int32x4_t x = transform_input<kPlain>(s, counts[c / 4], c);
      word = vorrq_u32(word, word_bits(vcgtq_s32(x, vld1q_s32(s.threshold + c)), c));
    }
    static_cast<uint32_t*>(s.output)[pixel * s.output_step] =
        vaddvq_u32(word) & valid_bits(s.channels);
  }
};

template <class Store, int kRegisters>
inline void store(const bnn_span& s, int32_t pixel, const uint32x4_t* counts) {
  if (s.plain) {
    Store::template store<true, kRegisters>(s, pixel, counts);
  } else {
    Store::template store<false, kRegisters>(s, pixel, counts);
  }
}

template <class Store, int kPixels, int kRegisters>
inline void store_tile(const bnn_span& s, int32_t pixel,
                       const uint32x4_t (&counts)[kPixels][kRegisters]) {
  if (Store::store_pixels(s, pixel, counts)) return;
  // A copy to loop over, or the counts would live in memory in the common case, too.
  uint32x4_t copy[kPixels][kRegisters];
#pragma GCC unroll 4
  for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 8
    for (int r = 0; r < kRegisters; ++r) copy[p][r] = counts[p][r];
  }
  for (int p = 0; p < kPixels; ++p) store<Store, kRegisters>(s, pixel + p, copy[p]);
}

}  // namespace

#endif  // BNN_NEON_RESULTS_H_
