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
// GCC's header fills "undefined" vectors with themselves, and GCC up to 12 warns of that.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#include <string.h>

#include "bnn/backend.h"
#include "ternary.h"

namespace {

constexpr int kLanes = 16;
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
  table.ternary = ternary;
  table.peak = peak;
  return table;
}
constexpr bnn_backend kBackend = make_table();

}  // namespace

extern "C" const bnn_backend* bnn_backend_avx512vpopcntdq(void) { return &kBackend; }
