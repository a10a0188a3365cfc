/* What becomes of one popcount, in plain C++: x = 2 * popcount + offset of channel c of pixel p.
 * Channels of a pixel come in order. Static, for every translation unit that includes it. */
#ifndef BNN_SCALAR_RESULTS_H_
#define BNN_SCALAR_RESULTS_H_

#include <math.h>

#include "bnn/backend.h"

namespace {

inline int32_t min32(int32_t a, int32_t b) { return a < b ? a : b; }
inline int32_t max32(int32_t a, int32_t b) { return a > b ? a : b; }

inline float affine(const bnn_span& s, int32_t c, int32_t x) {
  x = max32(min32(x, s.clamp_max), s.clamp_min);
  const float product = static_cast<float>(x) * s.factor[c];
  return product + s.shift[c];
}

struct StoreFloat {
  static void store(const bnn_span& s, int32_t p, int32_t c, int32_t x) {
    static_cast<float*>(s.output)[p * s.output_step + c] = affine(s, c, x);
  }
};

inline float clamp(float y, float low, float high) {
  y = y < low ? low : y;  // NaN stays
  return y > high ? high : y;
}

struct StoreFused {
  static void store(const bnn_span& s, int32_t p, int32_t c, int32_t x) {
    float y = affine(s, c, x);
    for (int32_t i = 0; i < s.step_count; ++i) {
      const bnn_step& step = s.steps[i];
      switch (step.kind) {
        case BNN_STEP_MULTIPLY: y *= step.values[c]; break;
        case BNN_STEP_ADD: y += step.values[c]; break;
        case BNN_STEP_CLAMP: y = clamp(y, step.min, step.max); break;
        case BNN_STEP_PRELU: y = y < 0 ? y * step.values[c] : y; break;
        default: y += s.shortcut[p * s.shortcut_step + c];
      }
    }
    static_cast<float*>(s.output)[p * s.output_step + c] = y;
    if (s.signs == nullptr) return;
    uint32_t* word = s.signs + p * s.signs_step;
    if (c == 0) *word = 0;
    *word |= static_cast<uint32_t>(y < 0.0f) << c;
  }
};

struct StoreInt8 {
  static void store(const bnn_span& s, int32_t p, int32_t c, int32_t x) {
    float y = roundf(affine(s, c, x));  // halves away from zero
    y = y < 127.0f ? y : 127.0f;
    y = y > -128.0f ? y : -128.0f;
    static_cast<int8_t*>(s.output)[p * s.output_step + c] = static_cast<int8_t>(y);
  }
};

struct StoreBits {
  static void store(const bnn_span& s, int32_t p, int32_t c, int32_t x) {
    uint32_t* word = static_cast<uint32_t*>(s.output) + p * s.output_step;
    if (c == 0) *word = 0;
    *word |= static_cast<uint32_t>(x > s.threshold[c]) << c;
  }
};

}  // namespace

#endif  // BNN_SCALAR_RESULTS_H_
