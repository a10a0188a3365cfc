/* WebAssembly backend for engines with relaxed SIMD: bits counted by table look-up.
 *
 * A nibble of activations chooses a row of the table T[a][w] = popcount(a ^ w), which is then
 * looked up with the nibbles of 16 output channels: one i8x16.relaxed_swizzle and one add for 64
 * values, without an xor. Weights hold a nibble a byte for that, twice their size. A lane is a
 * channel's own byte sum, exact for 7 words; then it is widened to 16 bits.
 *
 * The relaxed instruction does not say what an index above 15 gives, which is what makes it a
 * single instruction (pshufb, tbl): no index here is above 15. On x86 this is the faster of the two
 * backends by far, as there i8x16.popcnt is made of two such look-ups with their masks and shifts.
 */
#include <wasm_simd128.h>

#include "../wasm/results.h"
#include "bnn/backend.h"

namespace {

constexpr int kMostWords = 7;            // 7 * 32 <= 255
constexpr int kMostWide = 2047;          // words in 16 bits: 2047 * 32 <= 65535
constexpr int kNibbles = 8;              // of a word
constexpr int kNibbleWords = kHalf / 4;  // of the weights: one nibble of 16 channels

size_t packed_words(int32_t run_count, int32_t run_words) {
  return 2 * static_cast<size_t>(BNN_BLOCK) * run_count * run_words;
}

// Bytes [half][word][nibble][16 channels], missing channels zero.
void pack_weights(const uint32_t* filter, ptrdiff_t row_words, int32_t channels, int32_t run_count,
                  int32_t run_words, uint32_t* packed) {
  const ptrdiff_t depth = static_cast<ptrdiff_t>(run_count) * run_words;
  memset(packed, 0, packed_words(run_count, run_words) * sizeof(uint32_t));
  auto* bytes = reinterpret_cast<uint8_t*>(packed);
  for (int32_t c = 0; c < channels; ++c) {
    uint8_t* to = bytes + c / kHalf * depth * kNibbles * kHalf + c % kHalf;
    for (ptrdiff_t k = 0; k < depth; ++k) {
      const uint32_t word = filter[c * row_words + k];
      for (int n = 0; n < kNibbles; ++n, to += kHalf) *to = word >> 4 * n & 15;
    }
  }
}

constexpr uint8_t count_nibble(int x) {
  return static_cast<uint8_t>((x & 1) + (x >> 1 & 1) + (x >> 2 & 1) + (x >> 3 & 1));
}

struct Table {
  alignas(16) uint8_t rows[16][16];
  constexpr Table() : rows() {
    for (int a = 0; a < 16; ++a) {
      for (int w = 0; w < 16; ++w) rows[a][w] = count_nibble(a ^ w);
    }
  }
};
constexpr Table kTable;

inline v128_t row_of(uint32_t word, int nibble) {
  // The nibble times the 16 bytes of a row, by one shift and one mask.
  const uint32_t at = nibble == 0 ? word << 4 : word >> (4 * nibble - 4);
  return wasm_v128_load(reinterpret_cast<const char*>(kTable.rows) + (at & 0xf0));
}

// Out of line: one copy for all kinds of results, whose code is small then.
template <int kPixels, int kHalves>
__attribute__((noinline)) void popcounts(const bnn_span& s, int32_t pixel, const uint32_t* weights,
                                         v128_t (&counts)[kHalves][kPixels][kQuads]) {
  const ptrdiff_t step = s.input_step;
  const ptrdiff_t half =
      static_cast<ptrdiff_t>(s.run_count) * s.run_words * kNibbles * kNibbleWords;
  v128_t wide[kHalves][kPixels][2], sums[kHalves][kPixels];
  const v128_t zero = wasm_i32x4_splat(0);
  for (int h = 0; h < kHalves; ++h) {
    for (int p = 0; p < kPixels; ++p) {
      sums[h][p] = wide[h][p][0] = wide[h][p][1] = zero;
      for (int q = 0; q < kQuads; ++q) counts[h][p][q] = zero;
    }
  }
  const auto add = [&](const uint32_t* words, int32_t count) __attribute__((always_inline)) {
    for (const uint32_t* end = words + count; words != end; ++words) {
      uint32_t a[kPixels];
      for (int p = 0; p < kPixels; ++p) a[p] = words[p * step];
#pragma clang loop unroll(full)
      for (int n = 0; n < kNibbles; ++n, weights += kNibbleWords) {
        v128_t w[kHalves];
        for (int h = 0; h < kHalves; ++h) w[h] = wasm_v128_load(weights + h * half);
        for (int p = 0; p < kPixels; ++p) {
          const v128_t row = row_of(a[p], n);
          for (int h = 0; h < kHalves; ++h) {
            sums[h][p] = wasm_i8x16_add(sums[h][p], wasm_i8x16_relaxed_swizzle(row, w[h]));
          }
        }
      }
    }
  };
  int32_t wide_words = 0;
  const auto empty_wide = [&]() __attribute__((always_inline)) {
    for (int h = 0; h < kHalves; ++h) {
      for (int p = 0; p < kPixels; ++p) {
        for (int i = 0; i < 2; ++i) {
          v128_t* to = &counts[h][p][2 * i];
          to[0] = wasm_i32x4_add(to[0], wasm_u32x4_extend_low_u16x8(wide[h][p][i]));
          to[1] = wasm_i32x4_add(to[1], wasm_u32x4_extend_high_u16x8(wide[h][p][i]));
          wide[h][p][i] = zero;
        }
      }
    }
    wide_words = 0;
  };
  const auto widen = [&]() __attribute__((always_inline)) {
    for (int h = 0; h < kHalves; ++h) {
      for (int p = 0; p < kPixels; ++p) {
        v128_t(&to)[2] = wide[h][p];
        to[0] = wasm_i16x8_add(to[0], wasm_u16x8_extend_low_u8x16(sums[h][p]));
        to[1] = wasm_i16x8_add(to[1], wasm_u16x8_extend_high_u8x16(sums[h][p]));
        sums[h][p] = zero;
      }
    }
    wide_words += kMostWords;
    if (wide_words > kMostWide - kMostWords) empty_wide();
  };
  walk_window<kMostWords>(s, s.input + pixel * step, add, widen);
  empty_wide();
}

template <class Store, int kPixels, int kHalves>
inline void tile(const bnn_span& s, int32_t pixel, const uint32_t* weights) {
  v128_t counts[kHalves][kPixels][kQuads];
  popcounts<kPixels, kHalves>(s, pixel, weights, counts);
  for (int h = 0; h < kHalves; ++h) store_tile<Store>(s, pixel, h * kHalf, counts[h]);
}

template <class Store, int kHalves>
void bconv_halves(const bnn_span& s) {
  int32_t p = 0;
  for (; p + 4 <= s.pixels; p += 4) tile<Store, 4, kHalves>(s, p, s.weights);
  if (p + 2 <= s.pixels) {
    tile<Store, 2, kHalves>(s, p, s.weights);
    p += 2;
  }
  if (p < s.pixels) tile<Store, 1, kHalves>(s, p, s.weights);
}

template <class Store>
void bconv(const bnn_span* span) {
  if (span->channels > kHalf) {
    bconv_halves<Store, 2>(*span);
  } else {
    bconv_halves<Store, 1>(*span);
  }
}

constexpr bnn_backend make_table() {
  bnn_backend table = common_table();
  table.name = "wasm_relaxed";
  table.packed_words = packed_words;
  table.pack_weights = pack_weights;
  table.bconv_f32 = bconv<StoreFloat>;
  table.bconv_f32_fused = bconv<StoreFused>;
  table.bconv_i8 = bconv<StoreInt8>;
  table.bconv_bits = bconv<StoreBits>;
  return table;
}
constexpr bnn_backend kBackend = make_table();

}  // namespace

extern "C" const bnn_backend* bnn_backend_wasm_relaxed(void) { return &kBackend; }
