/* AVX-512 VPOPCNTDQ backend (Ice Lake, Zen 4 and later).
 *
 * Binary convolution: 16 output channels lie in the 32-bit lanes of a register. Per word of the
 * window an activation word is broadcast and xor'ed with the weights of 16 channels:
 *   vpxord (p05, 1 cycle), vpopcntd (p5, 3 cycles), vpaddd (p05, 1 cycle)
 * so 3 vector operations per 512 bits = 0.75 per 128 bits, and accumulators are already int32
 * lanes: no horizontal sums. Two 512-bit pipes give 341 MAC a cycle. The tile is up to 7 pixels x
 * 2 registers: 14 accumulators and 2 weight registers of the 32, weights loaded once for 7 pixels,
 * each broadcast (folded into the xor's memory operand or shared by both registers) used twice.
 * 7 divides the feature maps of ImageNet networks (56, 28, 14, 7); other widths are cut into
 * nearly equal tiles, as an 8 = 7 + 1 split would waste the last tile.
 *
 * Bitpacking: one compare yields 16 bits as a mask. The compare is x < 0 and not the raw sign
 * bit, because -0.0 is +1.
 */
#include <string.h>

#include "bnn/backend.h"
#include "intrinsics.h"
#include "results.h"
#include "ternary.h"

namespace {

constexpr int kMaxPixels = 7;

size_t packed_words(int32_t run_count, int32_t run_words) {
  return static_cast<size_t>(BNN_BLOCK) * run_count * run_words;
}

// [word of the window][32 channels], missing channels zero.
void pack_weights(const uint32_t* filter, ptrdiff_t row_words, int32_t channels, int32_t run_count,
                  int32_t run_words, uint32_t* packed) {
  const ptrdiff_t depth = static_cast<ptrdiff_t>(run_count) * run_words;
  memset(packed, 0, packed_words(run_count, run_words) * sizeof(uint32_t));
  for (int32_t c = 0; c < channels; ++c) {
    for (ptrdiff_t k = 0; k < depth; ++k) packed[k * BNN_BLOCK + c] = filter[c * row_words + k];
  }
}

// Each loop over pixels or registers is unrolled, or the counts would live in memory.
template <class Store, int kPixels, int kRegisters>
void tile(const bnn_span& s, int32_t pixel) {
  const uint32_t* origin = s.input + pixel * s.input_step;
  const ptrdiff_t step = s.input_step;
  const uint32_t* weights = s.weights;
  __m512i counts[kPixels][kRegisters];
#pragma GCC unroll 8
  for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 2
    for (int r = 0; r < kRegisters; ++r) counts[p][r] = _mm512_setzero_si512();
  }
  for (int32_t run = 0; run < s.run_count; ++run) {
    const uint32_t* word = origin + s.runs[run];
    for (const uint32_t* end = word + s.run_words; word != end; ++word) {
      __m512i w[kRegisters];
#pragma GCC unroll 2
      for (int r = 0; r < kRegisters; ++r) w[r] = _mm512_loadu_si512(weights + r * kLanes);
      weights += BNN_BLOCK;
#pragma GCC unroll 8
      for (int p = 0; p < kPixels; ++p) {
        const __m512i a = _mm512_set1_epi32(static_cast<int>(word[p * step]));
#pragma GCC unroll 2
        for (int r = 0; r < kRegisters; ++r) {
          const __m512i differ = _mm512_popcnt_epi32(_mm512_xor_si512(a, w[r]));
          counts[p][r] = _mm512_add_epi32(counts[p][r], differ);
        }
      }
    }
  }
  Store::template store_tile<kPixels, kRegisters>(s, pixel, counts);
}

template <class Store, int kRegisters>
void bconv_tiles(const bnn_span& s) {
  int32_t tiles = (s.pixels + kMaxPixels - 1) / kMaxPixels;
  int32_t pixel = 0;
  while (tiles > 0) {
    const int32_t width = (s.pixels - pixel + tiles - 1) / tiles;
    switch (width) {
      case 1: tile<Store, 1, kRegisters>(s, pixel); break;
      case 2: tile<Store, 2, kRegisters>(s, pixel); break;
      case 3: tile<Store, 3, kRegisters>(s, pixel); break;
      case 4: tile<Store, 4, kRegisters>(s, pixel); break;
      case 5: tile<Store, 5, kRegisters>(s, pixel); break;
      case 6: tile<Store, 6, kRegisters>(s, pixel); break;
      default: tile<Store, 7, kRegisters>(s, pixel); break;
    }
    pixel += width;
    --tiles;
  }
}

template <class Store>
void bconv(const bnn_span* span) {
  if (span->channels <= kLanes) {
    bconv_tiles<Store, 1>(*span);
  } else {
    bconv_tiles<Store, 2>(*span);
  }
}

// Depthwise: the xor of a tap is already a mask over 16 channels; it adds 1 to their counts.
template <class Store>
void dwconv(const bnn_span* span) {
  const bnn_span& s = *span;
  const __m512i one = _mm512_set1_epi32(1);
  for (int32_t p = 0; p < s.pixels; ++p) {
    const uint32_t* origin = s.input + p * s.input_step;
    __m512i counts[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int32_t r = 0; r < s.run_count; ++r) {
      const uint32_t differ = origin[s.runs[r]] ^ s.weights[r];
      const auto low = static_cast<__mmask16>(differ), high = static_cast<__mmask16>(differ >> 16);
      counts[0] = _mm512_mask_add_epi32(counts[0], low, counts[0], one);
      counts[1] = _mm512_mask_add_epi32(counts[1], high, counts[1], one);
    }
    if (s.channels <= kLanes) {
      Store::template store<1>(s, p, counts);
    } else {
      Store::template store<2>(s, p, counts);
    }
  }
}

inline __mmask16 head16(int64_t n) {
  return n >= 16 ? 0xffff : static_cast<__mmask16>((1u << n) - 1);
}

inline __mmask16 negative(__mmask16 valid, const float* x) {
  return _mm512_mask_cmp_ps_mask(valid, _mm512_maskz_loadu_ps(valid, x), _mm512_setzero_ps(),
                                 _CMP_LT_OQ);
}

void bitpack_f32(const float* x, int64_t rows, int64_t channels, uint32_t* words) {
  if (channels % BNN_WORD_BITS == 0) {  // rows follow each other without a gap
    channels *= rows;
    rows = channels > 0 ? 1 : 0;
  }
  const __m512 zero = _mm512_setzero_ps();
  for (int64_t row = 0; row < rows; ++row, x += channels) {
    int64_t c = 0;
    for (; c + 64 <= channels; c += 64) {
      const uint32_t m0 = _mm512_cmp_ps_mask(_mm512_loadu_ps(x + c), zero, _CMP_LT_OQ);
      const uint32_t m1 = _mm512_cmp_ps_mask(_mm512_loadu_ps(x + c + 16), zero, _CMP_LT_OQ);
      const uint32_t m2 = _mm512_cmp_ps_mask(_mm512_loadu_ps(x + c + 32), zero, _CMP_LT_OQ);
      const uint32_t m3 = _mm512_cmp_ps_mask(_mm512_loadu_ps(x + c + 48), zero, _CMP_LT_OQ);
      words[0] = m0 | m1 << 16;
      words[1] = m2 | m3 << 16;
      words += 2;
    }
    for (; c < channels; c += BNN_WORD_BITS) {
      const int64_t left = channels - c;
      uint32_t word = negative(head16(left), x + c);
      if (left > 16) word |= static_cast<uint32_t>(negative(head16(left - 16), x + c + 16)) << 16;
      *words++ = word;
    }
  }
}

template <class Compare>
inline void bitpack_bytes(const void* bytes, int64_t rows, int64_t channels, uint32_t* words,
                          Compare compare) {
  const char* x = static_cast<const char*>(bytes);
  if (channels % BNN_WORD_BITS == 0) {
    channels *= rows;
    rows = channels > 0 ? 1 : 0;
  }
  for (int64_t row = 0; row < rows; ++row, x += channels) {
    for (int64_t c = 0; c < channels; c += BNN_WORD_BITS) {
      const int64_t left = channels - c;
      const __mmask32 valid = left >= 32 ? 0xffffffffu : (1u << left) - 1;
      *words++ = compare(valid, _mm256_maskz_loadu_epi8(valid, x + c));
    }
  }
}

void bitpack_i8(const int8_t* x, int32_t zero_point, int64_t rows, int64_t channels,
                uint32_t* words) {
  const __m256i zero = _mm256_set1_epi8(static_cast<char>(zero_point));
  bitpack_bytes(x, rows, channels, words, [=](__mmask32 valid, __m256i v) {
    return _mm256_mask_cmplt_epi8_mask(valid, v, zero);
  });
}

void bitpack_bool(const uint8_t* x, int64_t rows, int64_t channels, uint32_t* words) {
  bitpack_bytes(x, rows, channels, words, [](__mmask32 valid, __m256i v) {
    return _mm256_mask_testn_epi8_mask(valid, v, v);
  });
}

void unpack_f32(const uint32_t* words, int64_t rows, int64_t channels, float* x) {
  const __m512 plus = _mm512_set1_ps(1.0f), minus = _mm512_set1_ps(-1.0f);
  for (int64_t row = 0; row < rows; ++row, x += channels) {
    for (int64_t c = 0; c < channels; c += BNN_WORD_BITS) {
      const uint32_t word = *words++;
      const int64_t left = channels - c;
      const auto low = static_cast<__mmask16>(word), high = static_cast<__mmask16>(word >> 16);
      _mm512_mask_storeu_ps(x + c, head16(left), _mm512_mask_blend_ps(low, plus, minus));
      if (left > 16) {
        _mm512_mask_storeu_ps(x + c + 16, head16(left - 16),
                              _mm512_mask_blend_ps(high, plus, minus));
      }
    }
  }
}

void unpack_i8(const uint32_t* words, int8_t bit0, int8_t bit1, int64_t rows, int64_t channels,
               int8_t* x) {
  const __m256i plus = _mm256_set1_epi8(bit0), minus = _mm256_set1_epi8(bit1);
  for (int64_t row = 0; row < rows; ++row, x += channels) {
    for (int64_t c = 0; c < channels; c += BNN_WORD_BITS) {
      const int64_t left = channels - c;
      const __mmask32 valid = left >= 32 ? 0xffffffffu : (1u << left) - 1;
      _mm256_mask_storeu_epi8(x + c, valid, _mm256_mask_blend_epi8(*words++, plus, minus));
    }
  }
}

void bmaxpool(const uint32_t* input, ptrdiff_t row_words, int32_t rows, int32_t columns,
              int64_t words, uint32_t* output) {
  for (int64_t i = 0; i < words; i += kLanes) {
    const __mmask16 valid = head16(words - i);
    __m512i all = _mm512_set1_epi32(-1);
    for (int32_t y = 0; y < rows; ++y) {
      for (int32_t x = 0; x < columns; ++x) {
        all = _mm512_and_si512(
            all, _mm512_maskz_loadu_epi32(valid, input + y * row_words + x * words + i));
      }
    }
    _mm512_mask_storeu_epi32(output + i, valid, all);
  }
}

// The empty asm makes the value unknown, or the compiler would compute the loop beforehand.
int64_t peak(int64_t rounds) {
  __m512i a[8], sums[8];
  const __m512i w = _mm512_set1_epi32(0x01234567);
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) a[j] = sums[j] = _mm512_set1_epi32(j);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      asm volatile("" : "+v"(a[j]));
      sums[j] = _mm512_add_epi32(sums[j], _mm512_popcnt_epi32(_mm512_xor_si512(a[j], w)));
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) asm volatile("" : : "v"(sums[j]));
  return rounds * 8 * 512;
}

constexpr bnn_backend make_table() {
  bnn_backend table{};
  table.name = "avx512vpopcntdq";
  table.packed_words = packed_words;
  table.pack_weights = pack_weights;
  table.bconv_f32 = bconv<StoreFloat>;
  table.bconv_f32_fused = bconv<StoreFused>;
  table.bconv_i8 = bconv<StoreInt8>;
  table.bconv_bits = bconv<StoreBits>;
  table.dwconv_f32 = dwconv<StoreFloat>;
  table.dwconv_i8 = dwconv<StoreInt8>;
  table.dwconv_bits = dwconv<StoreBits>;
  table.bitpack_f32 = bitpack_f32;
  table.bitpack_i8 = bitpack_i8;
  table.bitpack_bool = bitpack_bool;
  table.unpack_f32 = unpack_f32;
  table.unpack_i8 = unpack_i8;
  table.bmaxpool = bmaxpool;
  table.ternary = ternary<TwoBits>;
  table.ternary_base3 = ternary<BaseThree>;
  table.peak = peak;
  return table;
}
constexpr bnn_backend kBackend = make_table();

}  // namespace

extern "C" const bnn_backend* bnn_backend_avx512vpopcntdq(void) { return &kBackend; }
