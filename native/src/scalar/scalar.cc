/* Scalar backend: the portable fallback, plain C++ and one 64-bit popcount.
 *
 * Binary convolution: per 64 values one xor, one popcnt, one add; two 32-bit words are read as one
 * 64-bit value, an odd last word of a run alone. Weights lie channel by channel, so a tile of
 * 4 channels x 2 pixels reuses each loaded weight twice and each activation four times, which
 * keeps popcnt (one per cycle on Intel before Ice Lake) the bottleneck rather than loads.
 * Compiled with the vectorizer off: serial stays truly serial, as the honest rung of the ladder.
 */
#include <string.h>

#include "bnn/backend.h"
#include "results.h"

namespace {

inline uint64_t load64(const uint32_t* p) {
  uint64_t value;
  memcpy(&value, p, sizeof(value));
  return value;
}

size_t packed_words(int32_t run_count, int32_t run_words) {
  return static_cast<size_t>(BNN_BLOCK) * run_count * run_words;
}

// Channel-major, missing channels zero.
void pack_weights(const uint32_t* filter, ptrdiff_t row_words, int32_t channels, int32_t run_count,
                  int32_t run_words, uint32_t* packed) {
  const size_t depth = static_cast<size_t>(run_count) * run_words;
  memset(packed, 0, packed_words(run_count, run_words) * sizeof(uint32_t));
  for (int32_t c = 0; c < channels; ++c) {
    memcpy(packed + c * depth, filter + c * row_words, depth * sizeof(uint32_t));
  }
}

template <int kPixels, int kChannels>
inline void popcounts(const bnn_span& s, const uint32_t* input, const uint32_t* weights,
                      int32_t counts[kPixels][kChannels]) {
  const ptrdiff_t depth = static_cast<ptrdiff_t>(s.run_count) * s.run_words;
  for (int p = 0; p < kPixels; ++p) {
    for (int c = 0; c < kChannels; ++c) counts[p][c] = 0;
  }
  for (int32_t r = 0; r < s.run_count; ++r) {
    const uint32_t* run = input + s.runs[r];
    int32_t k = 0;
    for (; k + 2 <= s.run_words; k += 2) {
      for (int c = 0; c < kChannels; ++c) {
        const uint64_t w = load64(weights + c * depth + k);
        for (int p = 0; p < kPixels; ++p) {
          counts[p][c] += __builtin_popcountll(w ^ load64(run + p * s.input_step + k));
        }
      }
    }
    if (k < s.run_words) {
      for (int c = 0; c < kChannels; ++c) {
        const uint32_t w = weights[c * depth + k];
        for (int p = 0; p < kPixels; ++p) {
          counts[p][c] += __builtin_popcount(w ^ run[p * s.input_step + k]);
        }
      }
    }
    weights += s.run_words;
  }
}

template <class Store, int kPixels, int kChannels>
inline void tile(const bnn_span& s, int32_t pixel, int32_t channel) {
  const ptrdiff_t depth = static_cast<ptrdiff_t>(s.run_count) * s.run_words;
  int32_t counts[kPixels][kChannels];
  popcounts<kPixels, kChannels>(s, s.input + pixel * s.input_step, s.weights + channel * depth,
                                counts);
  for (int p = 0; p < kPixels; ++p) {
    for (int c = 0; c < kChannels; ++c) {
      Store::store(s, pixel + p, channel + c, 2 * counts[p][c] + s.offset[channel + c]);
    }
  }
}

template <class Store>
void bconv(const bnn_span* span) {
  const bnn_span& s = *span;
  int32_t c = 0;
  for (; c + 4 <= s.channels; c += 4) {
    int32_t p = 0;
    for (; p + 2 <= s.pixels; p += 2) tile<Store, 2, 4>(s, p, c);
    if (p < s.pixels) tile<Store, 1, 4>(s, p, c);
  }
  for (; c < s.channels; ++c) {
    for (int32_t p = 0; p < s.pixels; ++p) tile<Store, 1, 1>(s, p, c);
  }
}

template <class Store>
void dwconv(const bnn_span* span) {
  const bnn_span& s = *span;
  for (int32_t p = 0; p < s.pixels; ++p) {
    int32_t counts[BNN_BLOCK] = {};
    const uint32_t* origin = s.input + p * s.input_step;
    for (int32_t r = 0; r < s.run_count; ++r) {
      const uint32_t differ = origin[s.runs[r]] ^ s.weights[r];
      for (int32_t c = 0; c < s.channels; ++c) counts[c] += differ >> c & 1;
    }
    for (int32_t c = 0; c < s.channels; ++c) {
      Store::store(s, p, c, 2 * counts[c] + s.offset[c]);
    }
  }
}

template <class T, class IsNegative>
inline void bitpack(const T* x, int64_t rows, int64_t channels, uint32_t* words,
                    IsNegative is_negative) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t c = 0; c < channels; c += BNN_WORD_BITS) {
      const int64_t n = channels - c < BNN_WORD_BITS ? channels - c : BNN_WORD_BITS;
      uint32_t word = 0;
      for (int64_t i = 0; i < n; ++i) word |= static_cast<uint32_t>(is_negative(x[c + i])) << i;
      *words++ = word;
    }
    x += channels;
  }
}

void bitpack_f32(const float* x, int64_t rows, int64_t channels, uint32_t* words) {
  bitpack(x, rows, channels, words, [](float v) { return v < 0.0f; });
}

void bitpack_i8(const int8_t* x, int32_t zero_point, int64_t rows, int64_t channels,
                uint32_t* words) {
  bitpack(x, rows, channels, words, [=](int8_t v) { return v < zero_point; });
}

void bitpack_bool(const uint8_t* x, int64_t rows, int64_t channels, uint32_t* words) {
  bitpack(x, rows, channels, words, [](uint8_t v) { return v == 0; });
}

template <class T>
inline void unpack(const uint32_t* words, T bit0, T bit1, int64_t rows, int64_t channels, T* x) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t c = 0; c < channels; ++c) {
      *x++ = (words[c / BNN_WORD_BITS] >> (c % BNN_WORD_BITS)) & 1 ? bit1 : bit0;
    }
    words += (channels + BNN_WORD_BITS - 1) / BNN_WORD_BITS;
  }
}

void unpack_f32(const uint32_t* words, int64_t rows, int64_t channels, float* x) {
  unpack(words, 1.0f, -1.0f, rows, channels, x);
}

void unpack_i8(const uint32_t* words, int8_t bit0, int8_t bit1, int64_t rows, int64_t channels,
               int8_t* x) {
  unpack(words, bit0, bit1, rows, channels, x);
}

void bmaxpool(const uint32_t* input, ptrdiff_t row_words, int32_t rows, int32_t columns,
              int64_t words, uint32_t* output) {
  for (int64_t i = 0; i < words; ++i) {
    uint32_t all = ~0u;
    for (int32_t y = 0; y < rows; ++y) {
      for (int32_t x = 0; x < columns; ++x) all &= input[y * row_words + x * words + i];
    }
    output[i] = all;
  }
}

// add: sum, a byte of codes, and the first of the activations that belong to it, to the new sum.
template <int kDepth, class Add>
inline void multiply_codes(const bnn_ternary_span& s, const Add& add) {
  for (int32_t m = 0; m < s.samples; ++m) {
    for (int32_t c = 0; c < s.channels; ++c) {
      int32_t sum = -s.sums[m];
      const int8_t* x = s.input + m * s.input_step;
      const uint8_t* weights = s.weights + 4 * c;
      for (int32_t g = 0; g < s.groups; ++g) {
        for (int i = 0; i < 4; ++i) sum = add(sum, weights[i], x + i);
        x += kDepth;
        weights += BNN_TERNARY_BYTES;
      }
      s.output[m * s.output_step + c] = sum;
    }
  }
}

void ternary(const bnn_ternary_span* span) {
  multiply_codes<BNN_TERNARY_DEPTH>(*span, [](int32_t sum, int32_t codes, const int8_t* x) {
    return sum + (codes & 3) * x[0] + (codes >> 2 & 3) * x[4] + (codes >> 4 & 3) * x[8] +
           (codes >> 6) * x[12];
  });
}

void ternary_base3(const bnn_ternary_span* span) {
  multiply_codes<BNN_BASE3_DEPTH>(*span, [](int32_t sum, uint32_t rest, const int8_t* x) {
    for (int j = 0; j < 5; ++j) {
      rest = (rest & 255) * 3;
      sum += static_cast<int32_t>(rest >> 8) * x[4 * j];
    }
    return sum;
  });
}

// The empty asm makes the value unknown, or the compiler would compute the loop beforehand.
int64_t peak(int64_t rounds) {
  uint64_t a[4] = {1, 2, 3, 4}, sums[4] = {};
  const uint64_t w = 0x0123456789abcdefull;
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      asm volatile("" : "+r"(a[j]));
      sums[j] += static_cast<uint64_t>(__builtin_popcountll(a[j] ^ w));
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) asm volatile("" : : "r"(sums[j]));
  return rounds * 4 * 64;
}

constexpr bnn_backend make_table() {
  bnn_backend table{};
  table.name = "scalar";
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
  table.ternary_base3 = ternary_base3;
  table.peak = peak;
  return table;
}
constexpr bnn_backend kBackend = make_table();

}  // namespace

extern "C" const bnn_backend* bnn_backend_scalar(void) { return &kBackend; }
