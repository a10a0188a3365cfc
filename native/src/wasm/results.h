/* Results of the WebAssembly backends: from counts, registers of 4 channels, to float, int8 or
 * bits; and what else they have in common around their tiles. Included by their translation units
 * alone.
 *
 * Float results of whole registers have a path of their own: no offset, no step to look up,
 * constants loaded once for all pixels of a tile.
 */
#ifndef BNN_WASM_RESULTS_H_
#define BNN_WASM_RESULTS_H_

#include <string.h>
#include <wasm_simd128.h>

#include "bits.h"
#include "bnn/backend.h"

namespace {

inline uint32_t valid_bits(int32_t channels) {
  return channels >= BNN_WORD_BITS ? ~0u : (1u << channels) - 1;
}

// 2 * popcount + offset of channels `c` to c + 3.
inline v128_t transform_input(const bnn_span& s, v128_t count, int c) {
  return wasm_i32x4_add(wasm_i32x4_shl(count, 1), wasm_v128_load(s.offset + c));
}

inline v128_t affine(const bnn_span& s, v128_t count, int c) {
  v128_t x = transform_input(s, count, c);
  x = wasm_i32x4_min(x, wasm_i32x4_splat(s.clamp_max));
  x = wasm_i32x4_max(x, wasm_i32x4_splat(s.clamp_min));
  const v128_t product = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(x), wasm_v128_load(s.factor + c));
  return wasm_f32x4_add(product, wasm_v128_load(s.shift + c));
}

// Selections, not min and max: NaN stays, as on every backend.
inline v128_t clamp(v128_t y, float low, float high) {
  const v128_t least = wasm_f32x4_splat(low), most = wasm_f32x4_splat(high);
  y = wasm_v128_bitselect(least, y, wasm_f32x4_lt(y, least));
  return wasm_v128_bitselect(most, y, wasm_f32x4_gt(y, most));
}

inline v128_t negative(v128_t y) { return wasm_f32x4_lt(y, wasm_f32x4_splat(0.0f)); }

// `left` may be more than 4.
inline void store_floats(float* out, v128_t y, int left) {
  if (left >= 4) {
    wasm_v128_store(out, y);
  } else {
    memcpy(out, &y, static_cast<size_t>(left) * sizeof(float));
  }
}

inline v128_t load_floats(const float* x, int left) {
  if (left >= 4) return wasm_v128_load(x);
  v128_t y = wasm_f32x4_splat(0.0f);
  memcpy(&y, x, static_cast<size_t>(left) * sizeof(float));
  return y;
}

constexpr int kHalf = BNN_BLOCK / 2;  // channels of a tile
constexpr int kQuads = kHalf / 4;     // registers of 4 channels

// Writes the half of a word of bits that belongs to channels first ... first + 15. The first half
// clears the other one, which comes later.
inline void store_half(uint32_t* word, uint32_t bits, int first) {
  *word = first == 0 ? bits : *word | bits << kHalf;
}

// Tiles are 16 channels wide, the first of them being `first` of the block. Each Store writes one
// pixel, and may have a faster way for all pixels of a tile.
struct StoreFloat {
  template <int kPixels>
  static bool store_tile(const bnn_span& s, int32_t pixel, int first,
                         const v128_t (&counts)[kPixels][kQuads]) {
    if (!s.halves || s.channels < first + kHalf) return false;
    // 2 * count * factor is count * (2 * factor) to the last bit, as a factor of two does not
    // round; `halves` excludes factors near infinity.
    const v128_t low = wasm_i32x4_splat(s.clamp_min / 2), high = wasm_i32x4_splat(s.clamp_max / 2);
    float* out = static_cast<float*>(s.output) + pixel * s.output_step + first;
    for (int q = 0; q < kQuads; ++q) {
      v128_t factor = wasm_v128_load(s.factor + first + 4 * q);
      factor = wasm_f32x4_add(factor, factor);
      const v128_t shift = wasm_v128_load(s.shift + first + 4 * q);
      for (int p = 0; p < kPixels; ++p) {
        const v128_t count = wasm_i32x4_max(wasm_i32x4_min(counts[p][q], high), low);
        const v128_t product = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(count), factor);
        wasm_v128_store(out + p * s.output_step + 4 * q, wasm_f32x4_add(product, shift));
      }
    }
    return true;
  }

  static void store(const bnn_span& s, int32_t pixel, int first, const v128_t* counts) {
    float* out = static_cast<float*>(s.output) + pixel * s.output_step;
    for (int c = first; c < first + kHalf && c < s.channels; c += 4) {
      store_floats(out + c, affine(s, counts[(c - first) / 4], c), s.channels - c);
    }
  }
};

struct EachPixel {
  template <int kPixels>
  static bool store_tile(const bnn_span&, int32_t, int, const v128_t (&)[kPixels][kQuads]) {
    return false;
  }
};

struct StoreFused : EachPixel {
  static void store(const bnn_span& s, int32_t pixel, int first, const v128_t* counts) {
    float* out = static_cast<float*>(s.output) + pixel * s.output_step;
    const float* shortcut = s.shortcut + pixel * s.shortcut_step;
    v128_t signs[kQuads];
    for (int q = 0; q < kQuads; ++q) {
      const int c = first + 4 * q, left = s.channels - c;
      signs[q] = wasm_i32x4_splat(0);
      if (left <= 0) continue;
      v128_t y = affine(s, counts[q], c);
      for (int32_t i = 0; i < s.step_count; ++i) {
        const bnn_step& step = s.steps[i];
        switch (step.kind) {
          case BNN_STEP_MULTIPLY: y = wasm_f32x4_mul(y, wasm_v128_load(step.values + c)); break;
          case BNN_STEP_ADD: y = wasm_f32x4_add(y, wasm_v128_load(step.values + c)); break;
          case BNN_STEP_CLAMP: y = clamp(y, step.min, step.max); break;
          case BNN_STEP_PRELU: {
            const v128_t sloped = wasm_f32x4_mul(y, wasm_v128_load(step.values + c));
            y = wasm_v128_bitselect(sloped, y, negative(y));
            break;
          }
          default: y = wasm_f32x4_add(y, load_floats(shortcut + c, left));
        }
      }
      store_floats(out + c, y, left);
      signs[q] = negative(y);
    }
    if (s.signs == nullptr) return;
    const uint32_t bits = bits16(signs[0], signs[1], signs[2], signs[3]);
    store_half(s.signs + pixel * s.signs_step, bits & valid_bits(s.channels - first), first);
  }
};

struct StoreInt8 : EachPixel {
  // Halves away from zero: |y| + 0.5 would round up what lies just below a half.
  static v128_t round(v128_t y) {
    const v128_t whole = wasm_f32x4_trunc(y);
    const v128_t rest = wasm_f32x4_abs(wasm_f32x4_sub(y, whole));
    const v128_t sign = wasm_v128_and(y, wasm_f32x4_splat(-0.0f));
    const v128_t one = wasm_v128_or(wasm_f32x4_splat(1.0f), sign);
    const v128_t up = wasm_f32x4_ge(rest, wasm_f32x4_splat(0.5f));
    return wasm_f32x4_add(whole, wasm_v128_and(one, up));
  }

  static v128_t whole(v128_t y) {
    const v128_t most = wasm_f32x4_splat(127.0f);
    y = round(y);
    y = wasm_v128_bitselect(y, most, wasm_f32x4_lt(y, most));  // NaN becomes 127
    return wasm_i32x4_trunc_sat_f32x4(y);                      // narrowing saturates below
  }

  static void store(const bnn_span& s, int32_t pixel, int first, const v128_t* counts) {
    int8_t* out = static_cast<int8_t*>(s.output) + pixel * s.output_step + first;
    v128_t x[kQuads];
    for (int q = 0; q < kQuads; ++q) x[q] = whole(affine(s, counts[q], first + 4 * q));
    const v128_t bytes = wasm_i8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(x[0], x[1]),
                                                 wasm_i16x8_narrow_i32x4(x[2], x[3]));
    const int32_t left = s.channels - first;
    if (left >= kHalf) {
      wasm_v128_store(out, bytes);
    } else {
      memcpy(out, &bytes, static_cast<size_t>(left));
    }
  }
};

struct StoreBits : EachPixel {
  static v128_t exceeds(const bnn_span& s, v128_t count, int c) {
    return wasm_i32x4_gt(transform_input(s, count, c), wasm_v128_load(s.threshold + c));
  }

  static void store(const bnn_span& s, int32_t pixel, int first, const v128_t* counts) {
    const uint32_t bits =
        bits16(exceeds(s, counts[0], first), exceeds(s, counts[1], first + 4),
               exceeds(s, counts[2], first + 8), exceeds(s, counts[3], first + 12));
    store_half(static_cast<uint32_t*>(s.output) + pixel * s.output_step,
               bits & valid_bits(s.channels - first), first);
  }
};

template <class Store, int kPixels>
inline void store_tile(const bnn_span& s, int32_t pixel, int first,
                       const v128_t (&counts)[kPixels][kQuads]) {
  if (Store::store_tile(s, pixel, first, counts)) return;
  for (int p = 0; p < kPixels; ++p) Store::store(s, pixel + p, first, counts[p]);
}

// Sums of bytes are exact for kMostSums additions; Sums::widen() then adds them to the counts. A
// window is walked through in stretches of contiguous words that are at most that long:
// add(words, count, weights) for each, widen() after each kMost words and at the end.
template <int kMost, class Add, class Widen>
inline void walk_window(const bnn_span& s, const uint32_t* origin, Add add, Widen widen) {
  int32_t left = kMost;
  for (int32_t run = 0; run < s.run_count; ++run) {
    const uint32_t* words = origin + s.runs[run];
    for (int32_t rest = s.run_words; rest > 0;) {
      const int32_t n = rest < left ? rest : left;
      add(words, n);
      words += n;
      rest -= n;
      left -= n;
      if (left == 0) {
        widen();
        left = kMost;
      }
    }
  }
  if (left < kMost) widen();
}

// --- depthwise -------------------------------------------------------------------------------

inline void add_bytes(v128_t bytes, v128_t* counts) {
  const v128_t low = wasm_u16x8_extend_low_u8x16(bytes), high = wasm_u16x8_extend_high_u8x16(bytes);
  counts[0] = wasm_i32x4_add(counts[0], wasm_u32x4_extend_low_u16x8(low));
  counts[1] = wasm_i32x4_add(counts[1], wasm_u32x4_extend_high_u16x8(low));
  counts[2] = wasm_i32x4_add(counts[2], wasm_u32x4_extend_low_u16x8(high));
  counts[3] = wasm_i32x4_add(counts[3], wasm_u32x4_extend_high_u16x8(high));
}

// Channels are bytes while taps are counted, at most 255 of them before widening.
template <class Store>
void dwconv(const bnn_span* span) {
  const bnn_span& s = *span;
  for (int32_t p = 0; p < s.pixels; ++p) {
    const uint32_t* origin = s.input + p * s.input_step;
    v128_t counts[2][kQuads];
    for (auto& half : counts) {
      for (v128_t& quad : half) quad = wasm_i32x4_splat(0);
    }
    for (int32_t r = 0; r < s.run_count;) {
      const int32_t end = s.run_count - r < 255 ? s.run_count : r + 255;
      v128_t low = wasm_i8x16_splat(0), high = low;
      for (; r < end; ++r) {
        const v128_t differ =
            wasm_i32x4_splat(static_cast<int32_t>(origin[s.runs[r]] ^ s.weights[r]));
        low = wasm_i8x16_sub(low, low_mask(differ));  // all ones is -1
        high = wasm_i8x16_sub(high, high_mask(differ));
      }
      add_bytes(low, counts[0]);
      add_bytes(high, counts[1]);
    }
    Store::store(s, p, 0, counts[0]);
    if (s.channels > kHalf) Store::store(s, p, kHalf, counts[1]);
  }
}

// The part of a table that the backends share.
constexpr bnn_backend common_table() {
  bnn_backend table{};
  table.dwconv_f32 = dwconv<StoreFloat>;
  table.dwconv_i8 = dwconv<StoreInt8>;
  table.dwconv_bits = dwconv<StoreBits>;
  table.bitpack_f32 = bitpack_f32;
  table.bitpack_i8 = bitpack_i8;
  table.bitpack_bool = bitpack_bool;
  table.unpack_f32 = unpack_f32;
  table.unpack_i8 = unpack_i8;
  table.bmaxpool = bmaxpool;
  return table;
}

}  // namespace

#endif  // BNN_WASM_RESULTS_H_
