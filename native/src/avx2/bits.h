/* Bitpacking, unpacking and max-pooling of the AVX2 backend. Included by its translation unit
 * alone.
 *
 * Bitpacking: four compares of 8 floats, narrowed to bytes by saturating packs, are 32 bits for one
 * vpmovmskb: 4 vcmpps, 3 packs, 1 vpermd for 128 bytes. The compare is x < 0 and not the raw sign
 * bit, because -0.0 is +1. NaN is not less than 0: +1.
 */
#ifndef BNN_AVX2_BITS_H_
#define BNN_AVX2_BITS_H_

#include "vectors.h"

namespace {

inline uint32_t pack32(__m256 a, __m256 b, __m256 c, __m256 d) {
  const __m256 zero = _mm256_setzero_ps();
  const __m256i less[4] = {_mm256_castps_si256(_mm256_cmp_ps(zero, a, _CMP_GT_OQ)),
                           _mm256_castps_si256(_mm256_cmp_ps(zero, b, _CMP_GT_OQ)),
                           _mm256_castps_si256(_mm256_cmp_ps(zero, c, _CMP_GT_OQ)),
                           _mm256_castps_si256(_mm256_cmp_ps(zero, d, _CMP_GT_OQ))};
  return static_cast<uint32_t>(_mm256_movemask_epi8(narrow(less)));
}

void bitpack_f32(const float* x, int64_t rows, int64_t channels, uint32_t* words) {
  if (channels % BNN_WORD_BITS == 0) {  // rows follow each other without a gap
    channels *= rows;
    rows = channels > 0 ? 1 : 0;
  }
  for (int64_t row = 0; row < rows; ++row, x += channels) {
    int64_t c = 0;
    for (; c + BNN_WORD_BITS <= channels; c += BNN_WORD_BITS) {
      *words++ = pack32(_mm256_loadu_ps(x + c), _mm256_loadu_ps(x + c + 8),
                        _mm256_loadu_ps(x + c + 16), _mm256_loadu_ps(x + c + 24));
    }
    if (c == channels) continue;
    uint32_t word = 0;
    for (int64_t i = c; i < channels; i += 8) {
      const __m256 v = _mm256_maskload_ps(x + i, head8(channels - i));
      const int less = _mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_LT_OQ));
      word |= static_cast<uint32_t>(less) << (i - c);
    }
    *words++ = word;
  }
}

template <class IsNegative>
inline void bitpack_bytes(const void* bytes, int64_t rows, int64_t channels, uint32_t* words,
                          IsNegative is_negative) {
  const char* x = static_cast<const char*>(bytes);
  if (channels % BNN_WORD_BITS == 0) {
    channels *= rows;
    rows = channels > 0 ? 1 : 0;
  }
  for (int64_t row = 0; row < rows; ++row, x += channels) {
    int64_t c = 0;
    for (; c + BNN_WORD_BITS <= channels; c += BNN_WORD_BITS) {
      *words++ = static_cast<uint32_t>(_mm256_movemask_epi8(is_negative(load(x + c))));
    }
    if (c == channels) continue;
    const auto left = static_cast<int32_t>(channels - c);
    char tail[BNN_WORD_BITS] = {};
    memcpy(tail, x + c, static_cast<size_t>(left));
    const auto word = static_cast<uint32_t>(_mm256_movemask_epi8(is_negative(load(tail))));
    *words++ = word & first_bits(left);
  }
}

void bitpack_i8(const int8_t* x, int32_t zero_point, int64_t rows, int64_t channels,
                uint32_t* words) {
  const __m256i zero = _mm256_set1_epi8(static_cast<char>(zero_point));
  bitpack_bytes(x, rows, channels, words, [=](__m256i v) { return _mm256_cmpgt_epi8(zero, v); });
}

void bitpack_bool(const uint8_t* x, int64_t rows, int64_t channels, uint32_t* words) {
  const __m256i zero = _mm256_setzero_si256();
  bitpack_bytes(x, rows, channels, words, [=](__m256i v) { return _mm256_cmpeq_epi8(v, zero); });
}

void unpack_f32(const uint32_t* words, int64_t rows, int64_t channels, float* x) {
  const __m256 one = _mm256_set1_ps(1.0f), sign = _mm256_set1_ps(-0.0f);
  for (int64_t row = 0; row < rows; ++row, x += channels) {
    for (int64_t c = 0; c < channels; c += 8) {
      // Bit c + lane to the sign.
      const __m256i word = _mm256_set1_epi32(static_cast<int>(words[c / BNN_WORD_BITS]));
      const __m256i up =
          _mm256_sub_epi32(_mm256_set1_epi32(31 - static_cast<int>(c % BNN_WORD_BITS)), lane_ids());
      const __m256 top = _mm256_castsi256_ps(_mm256_sllv_epi32(word, up));
      store_head(x + c, channels - c, _mm256_or_ps(one, _mm256_and_ps(top, sign)));
    }
    words += (channels + BNN_WORD_BITS - 1) / BNN_WORD_BITS;
  }
}

void unpack_i8(const uint32_t* words, int8_t bit0, int8_t bit1, int64_t rows, int64_t channels,
               int8_t* x) {
  const __m256i zero = _mm256_set1_epi8(bit0), one = _mm256_set1_epi8(bit1);
  for (int64_t row = 0; row < rows; ++row, x += channels) {
    for (int64_t c = 0; c < channels; c += BNN_WORD_BITS) {
      store_head(x + c, channels - c,
                 _mm256_blendv_epi8(zero, one, bits_to_bytes<false>(*words++)));
    }
  }
}

void bmaxpool(const uint32_t* input, ptrdiff_t row_words, int32_t rows, int32_t columns,
              int64_t words, uint32_t* output) {
  int64_t i = 0;
  for (; i + 8 <= words; i += 8) {
    __m256i all = _mm256_set1_epi32(-1);
    for (int32_t y = 0; y < rows; ++y) {
      for (int32_t x = 0; x < columns; ++x) {
        all = _mm256_and_si256(all, load(input + y * row_words + x * words + i));
      }
    }
    store(output + i, all);
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
#endif  // BNN_AVX2_BITS_H_
