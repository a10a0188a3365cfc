/* Results of the NEON backend: from the counts of a pixel, registers of 4 channels, to float, int8
 * or bits. Included by its translation unit alone.
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

struct StoreFloat {
  template <bool kPlain, int kRegisters>
  static void store(const bnn_span& s, int32_t pixel, const uint32x4_t* counts) {
    float* out = static_cast<float*>(s.output) + pixel * s.output_step;
    for (int c = 0; c < 4 * kRegisters && c < s.channels; c += 4) {
      store_floats(out + c, affine<kPlain>(s, counts[c / 4], c), s.channels - c);
    }
  }
};

// Selections, not fmax and fmin: NaN stays, as on every backend.
inline float32x4_t clamp(float32x4_t y, float low, float high) {
  y = vbslq_f32(vcltq_f32(y, vdupq_n_f32(low)), vdupq_n_f32(low), y);
  return vbslq_f32(vcgtq_f32(y, vdupq_n_f32(high)), vdupq_n_f32(high), y);
}

inline float32x4_t run_steps(const bnn_span& s, int32_t pixel, int channel, float32x4_t y) {
  for (int32_t i = 0; i < s.step_count; ++i) {
    const bnn_step& step = s.steps[i];
    switch (step.kind) {
      case BNN_STEP_MULTIPLY: y = vmulq_f32(y, vld1q_f32(step.values + channel)); break;
      case BNN_STEP_ADD: y = vaddq_f32(y, vld1q_f32(step.values + channel)); break;
      case BNN_STEP_CLAMP: y = clamp(y, step.min, step.max); break;
      default: {
        const float* shortcut = s.shortcut + pixel * s.shortcut_step + channel;
        y = vaddq_f32(y, load_floats(shortcut, s.channels - channel));
      }
    }
  }
  return y;
}

struct StoreFused {
  template <bool kPlain, int kRegisters>
  static void store(const bnn_span& s, int32_t pixel, const uint32x4_t* counts) {
    float* out = static_cast<float*>(s.output) + pixel * s.output_step;
    uint32x4_t signs = vdupq_n_u32(0);
    for (int c = 0; c < 4 * kRegisters && c < s.channels; c += 4) {
      float32x4_t y = affine<kPlain>(s, counts[c / 4], c);
      y = run_steps(s, pixel, c, y);
      store_floats(out + c, y, s.channels - c);
      signs = vorrq_u32(signs, word_bits(vcltzq_f32(y), c));
    }
    if (s.signs != nullptr) {
      s.signs[pixel * s.signs_step] = vaddvq_u32(signs) & valid_bits(s.channels);
    }
  }
};

struct StoreInt8 {
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

struct StoreBits {
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

}  // namespace

#endif  // BNN_NEON_RESULTS_H_
