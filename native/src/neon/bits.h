/* Bitpacking, unpacking and max-pooling of the NEON backend. Included by its translation unit
 * alone.
 *
 * Bitpacking: compares give lanes of all ones, which are narrowed to bytes (uzp1), reduced to their
 * place value (and), and added pairwise three times: 71 vector operations for 128 floats.
 */
#ifndef BNN_NEON_BITS_H_
#define BNN_NEON_BITS_H_

#include <arm_neon.h>
#include <string.h>

#include "bnn/backend.h"

namespace {

constexpr int kVectorWords = 4;

// 1, 2, 4 ... 128, twice: the place values of 16 bits.
inline uint8x16_t places() { return vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201)); }

// 16 bits of a word, those of the bytes that `select` names, to bytes of all ones or zero.
inline uint8x16_t byte_mask(uint8x16_t word, uint8x16_t select) {
  return vtstq_u8(vqtbl1q_u8(word, select), places());
}

inline uint8x16_t select_low() { return vcombine_u8(vdup_n_u8(0), vdup_n_u8(1)); }

inline uint8x16_t select_high() { return vcombine_u8(vdup_n_u8(2), vdup_n_u8(3)); }

// How 16 values become 16 bytes, all ones where the bit is 1; fill() is a value of bit 0.
struct NegativeFloat {
  using Value = float;
  Value fill() const { return 0.0f; }
  uint8x16_t mask(const float* x) const {
    // A compare and not the sign bit: -0.0 is +1.
    const uint16x8_t low = vuzp1q_u16(half(x), half(x + 4));
    const uint16x8_t high = vuzp1q_u16(half(x + 8), half(x + 12));
    return vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
  }
  static uint16x8_t half(const float* x) { return vreinterpretq_u16_u32(vcltzq_f32(vld1q_f32(x))); }
};

struct BelowZeroPoint {
  using Value = int8_t;
  int8x16_t zero_point;
  Value fill() const { return 127; }
  uint8x16_t mask(const int8_t* x) const { return vcltq_s8(vld1q_s8(x), zero_point); }
};

struct IsFalse {
  using Value = uint8_t;
  Value fill() const { return 1; }
  uint8x16_t mask(const uint8_t* x) const { return vceqzq_u8(vld1q_u8(x)); }
};

// Byte masks to bits: a byte of 8 neighbours' bits is the sum of their place values.
inline uint8x16_t place_values(uint8x16_t mask) { return vandq_u8(mask, places()); }

template <class Rule>
inline uint32_t pack32(const Rule& rule, const typename Rule::Value* x) {
  uint8x16_t sum = vpaddq_u8(place_values(rule.mask(x)), place_values(rule.mask(x + 16)));
  sum = vpaddq_u8(sum, sum);
  sum = vpaddq_u8(sum, sum);
  return vgetq_lane_u32(vreinterpretq_u32_u8(sum), 0);
}

template <class Rule>
inline uint32x4_t pack128(const Rule& rule, const typename Rule::Value* x) {
  uint8x16_t sums[4];
  for (int i = 0; i < 4; ++i) {
    sums[i] =
        vpaddq_u8(place_values(rule.mask(x + 32 * i)), place_values(rule.mask(x + 32 * i + 16)));
  }
  return vreinterpretq_u32_u8(vpaddq_u8(vpaddq_u8(sums[0], sums[1]), vpaddq_u8(sums[2], sums[3])));
}

template <class Rule>
inline void bitpack(const Rule& rule, const typename Rule::Value* x, int64_t rows, int64_t channels,
                    uint32_t* words) {
  if (channels % BNN_WORD_BITS == 0) {  // rows follow each other without a gap
    channels *= rows;
    rows = channels > 0 ? 1 : 0;
  }
  for (int64_t row = 0; row < rows; ++row, x += channels) {
    int64_t c = 0;
    for (; c + 128 <= channels; c += 128, words += 4) vst1q_u32(words, pack128(rule, x + c));
    for (; c + BNN_WORD_BITS <= channels; c += BNN_WORD_BITS) *words++ = pack32(rule, x + c);
    if (c == channels) continue;
    typename Rule::Value rest[BNN_WORD_BITS];
    for (auto& value : rest) value = rule.fill();
    memcpy(rest, x + c, static_cast<size_t>(channels - c) * sizeof(rest[0]));
    *words++ = pack32(rule, rest);
  }
}

void bitpack_f32(const float* x, int64_t rows, int64_t channels, uint32_t* words) {
  bitpack(NegativeFloat{}, x, rows, channels, words);
}

void bitpack_i8(const int8_t* x, int32_t zero_point, int64_t rows, int64_t channels,
                uint32_t* words) {
  bitpack(BelowZeroPoint{vdupq_n_s8(static_cast<int8_t>(zero_point))}, x, rows, channels, words);
}

void bitpack_bool(const uint8_t* x, int64_t rows, int64_t channels, uint32_t* words) {
  bitpack(IsFalse{}, x, rows, channels, words);
}

// --- unpacking and pooling -------------------------------------------------------------------

inline void unpack_word(uint32_t word, float* x) {
  const uint32x4_t all = vdupq_n_u32(word);
  const uint32x4_t first = {1, 2, 4, 8};
  for (int i = 0; i < BNN_WORD_BITS; i += 4) {
    const uint32x4_t minus = vtstq_u32(all, vshlq_u32(first, vdupq_n_s32(i)));
    vst1q_f32(x + i, vbslq_f32(minus, vdupq_n_f32(-1.0f), vdupq_n_f32(1.0f)));
  }
}

void unpack_f32(const uint32_t* words, int64_t rows, int64_t channels, float* x) {
  for (int64_t row = 0; row < rows; ++row, x += channels) {
    int64_t c = 0;
    for (; c + BNN_WORD_BITS <= channels; c += BNN_WORD_BITS) unpack_word(*words++, x + c);
    if (c == channels) continue;
    float rest[BNN_WORD_BITS];
    unpack_word(*words++, rest);
    memcpy(x + c, rest, static_cast<size_t>(channels - c) * sizeof(float));
  }
}

inline void unpack_word(uint32_t word, int8x16_t bit0, int8x16_t bit1, int8_t* x) {
  const uint8x16_t all = vreinterpretq_u8_u32(vdupq_n_u32(word));
  vst1q_s8(x, vbslq_s8(byte_mask(all, select_low()), bit1, bit0));
  vst1q_s8(x + 16, vbslq_s8(byte_mask(all, select_high()), bit1, bit0));
}

void unpack_i8(const uint32_t* words, int8_t bit0, int8_t bit1, int64_t rows, int64_t channels,
               int8_t* x) {
  const int8x16_t zeros = vdupq_n_s8(bit0), ones = vdupq_n_s8(bit1);
  for (int64_t row = 0; row < rows; ++row, x += channels) {
    int64_t c = 0;
    for (; c + BNN_WORD_BITS <= channels; c += BNN_WORD_BITS) {
      unpack_word(*words++, zeros, ones, x + c);
    }
    if (c == channels) continue;
    int8_t rest[BNN_WORD_BITS];
    unpack_word(*words++, zeros, ones, rest);
    memcpy(x + c, rest, static_cast<size_t>(channels - c));
  }
}

void bmaxpool(const uint32_t* input, ptrdiff_t row_words, int32_t rows, int32_t columns,
              int64_t words, uint32_t* output) {
  int64_t i = 0;
  for (; i + kVectorWords <= words; i += kVectorWords) {
    uint32x4_t all = vdupq_n_u32(~0u);
    for (int32_t y = 0; y < rows; ++y) {
      for (int32_t x = 0; x < columns; ++x) {
        all = vandq_u32(all, vld1q_u32(input + y * row_words + x * words + i));
      }
    }
    vst1q_u32(output + i, all);
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

#endif  // BNN_NEON_BITS_H_
