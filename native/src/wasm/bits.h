/* Bitpacking, unpacking, max-pooling and depthwise counting of the WebAssembly backends. Included
 * by their translation units alone. `bitmask` takes the sign bits of 16 bytes at once.
 */
#ifndef BNN_WASM_BITS_H_
#define BNN_WASM_BITS_H_

#include <string.h>
#include <wasm_simd128.h>

#include "bnn/backend.h"

namespace {

// 16 lanes of all ones or zero, in 4 registers of 4, to 16 bits.
inline uint32_t bits16(v128_t a, v128_t b, v128_t c, v128_t d) {
  const v128_t low = wasm_i16x8_narrow_i32x4(a, b), high = wasm_i16x8_narrow_i32x4(c, d);
  return wasm_i8x16_bitmask(wasm_i8x16_narrow_i16x8(low, high));
}

// How 16 values become 16 bits; fill() is a value of bit 0.
struct NegativeFloat {
  using Value = float;
  Value fill() const { return 0.0f; }
  uint32_t bits(const float* x) const {
    // A compare and not the sign bit: -0.0 is +1.
    return bits16(below(x), below(x + 4), below(x + 8), below(x + 12));
  }
  static v128_t below(const float* x) {
    return wasm_f32x4_lt(wasm_v128_load(x), wasm_f32x4_splat(0.0f));
  }
};

struct BelowZeroPoint {
  using Value = int8_t;
  v128_t zero_point;
  Value fill() const { return 127; }
  uint32_t bits(const int8_t* x) const {
    return wasm_i8x16_bitmask(wasm_i8x16_lt(wasm_v128_load(x), zero_point));
  }
};

struct IsFalse {
  using Value = uint8_t;
  Value fill() const { return 1; }
  uint32_t bits(const uint8_t* x) const {
    return wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_load(x), wasm_i8x16_splat(0)));
  }
};

template <class Rule>
inline void bitpack(const Rule& rule, const typename Rule::Value* x, int64_t rows, int64_t channels,
                    uint32_t* words) {
  for (int64_t row = 0; row < rows; ++row, x += channels) {
    int64_t c = 0;
    for (; c + BNN_WORD_BITS <= channels; c += BNN_WORD_BITS) {
      *words++ = rule.bits(x + c) | rule.bits(x + c + 16) << 16;
    }
    if (c == channels) continue;
    typename Rule::Value rest[BNN_WORD_BITS];
    for (auto& value : rest) value = rule.fill();
    memcpy(rest, x + c, static_cast<size_t>(channels - c) * sizeof(rest[0]));
    *words++ = rule.bits(rest) | rule.bits(rest + 16) << 16;
  }
}

void bitpack_f32(const float* x, int64_t rows, int64_t channels, uint32_t* words) {
  bitpack(NegativeFloat{}, x, rows, channels, words);
}

void bitpack_i8(const int8_t* x, int32_t zero_point, int64_t rows, int64_t channels,
                uint32_t* words) {
  const v128_t limit = wasm_i8x16_splat(static_cast<int8_t>(zero_point));
  bitpack(BelowZeroPoint{limit}, x, rows, channels, words);
}

void bitpack_bool(const uint8_t* x, int64_t rows, int64_t channels, uint32_t* words) {
  bitpack(IsFalse{}, x, rows, channels, words);
}

// --- unpacking and pooling -------------------------------------------------------------------

inline void unpack_word(uint32_t word, float* x) {
  const v128_t all = wasm_i32x4_splat(static_cast<int32_t>(word));
  const v128_t minus = wasm_f32x4_splat(-1.0f), plus = wasm_f32x4_splat(1.0f);
  v128_t bit = wasm_i32x4_const(1, 2, 4, 8);
  for (int i = 0; i < BNN_WORD_BITS; i += 4) {
    const v128_t unset = wasm_i32x4_eq(wasm_v128_and(all, bit), wasm_i32x4_splat(0));
    wasm_v128_store(x + i, wasm_v128_bitselect(plus, minus, unset));
    bit = wasm_i32x4_shl(bit, 4);
  }
}

// Bits 0 to 15 of a word in every lane of 32 bits, as bytes of all ones or zero; then the others.
inline v128_t mask_of(v128_t bytes) {
  const v128_t places =
      wasm_i8x16_const(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  return wasm_i8x16_eq(wasm_v128_and(bytes, places), places);
}
inline v128_t low_mask(v128_t word) {
  return mask_of(wasm_i8x16_shuffle(word, word, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
}
inline v128_t high_mask(v128_t word) {
  return mask_of(wasm_i8x16_shuffle(word, word, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3));
}

struct TwoValues {
  v128_t bit0, bit1;
  void unpack(uint32_t word, int8_t* x) const {
    const v128_t all = wasm_i32x4_splat(static_cast<int32_t>(word));
    wasm_v128_store(x, wasm_v128_bitselect(bit1, bit0, low_mask(all)));
    wasm_v128_store(x + 16, wasm_v128_bitselect(bit1, bit0, high_mask(all)));
  }
};

struct PlusMinusOne {
  void unpack(uint32_t word, float* x) const { unpack_word(word, x); }
};

template <class Rule, class T>
inline void unpack(const Rule& rule, const uint32_t* words, int64_t rows, int64_t channels, T* x) {
  for (int64_t row = 0; row < rows; ++row, x += channels) {
    int64_t c = 0;
    for (; c + BNN_WORD_BITS <= channels; c += BNN_WORD_BITS) rule.unpack(*words++, x + c);
    if (c == channels) continue;
    T rest[BNN_WORD_BITS];
    rule.unpack(*words++, rest);
    memcpy(x + c, rest, static_cast<size_t>(channels - c) * sizeof(T));
  }
}

void unpack_f32(const uint32_t* words, int64_t rows, int64_t channels, float* x) {
  unpack(PlusMinusOne{}, words, rows, channels, x);
}

void unpack_i8(const uint32_t* words, int8_t bit0, int8_t bit1, int64_t rows, int64_t channels,
               int8_t* x) {
  const TwoValues rule{wasm_i8x16_splat(bit0), wasm_i8x16_splat(bit1)};
  unpack(rule, words, rows, channels, x);
}

void bmaxpool(const uint32_t* input, ptrdiff_t row_words, int32_t rows, int32_t columns,
              int64_t words, uint32_t* output) {
  int64_t i = 0;
  for (; i + 4 <= words; i += 4) {
    v128_t all = wasm_i32x4_splat(-1);
    for (int32_t y = 0; y < rows; ++y) {
      for (int32_t x = 0; x < columns; ++x) {
        all = wasm_v128_and(all, wasm_v128_load(input + y * row_words + x * words + i));
      }
    }
    wasm_v128_store(output + i, all);
  }
  for (; i < words; ++i) {
    uint32_t all = ~0u;
    for (int32_t y = 0; y < rows; ++y) {
      for (int32_t x = 0; x < columns; ++x) all &= input[y * row_words + x * words + i];
    }
    output[i] = all;
  }
}

}  // namespace

#endif  // BNN_WASM_BITS_H_
