/* WebAssembly backend: SIMD128, which every current browser has.
 *
 * Binary convolution: the lanes of a register are 4 output channels and the activation word is
 * broadcast; per 128 values one xor, one i8x16.popcnt and one add of bytes. Byte sums are exact for
 * 31 words, then they are widened. i8x16.popcnt is one instruction on ARM and on x86 with AVX-512
 * BITALG; elsewhere the engine makes it of two table look-ups. A tile of 2 pixels x 16 channels has
 * 8 sums, which leaves the 16 registers of x86 room for that.
 */
#include <wasm_simd128.h>

#include "bnn/backend.h"
#include "results.h"

namespace {

constexpr int kMostWords = 31;  // 31 * 8 <= 255

size_t packed_words(int32_t run_count, int32_t run_words) {
  return static_cast<size_t>(BNN_BLOCK) * run_count * run_words;
}

// [half][word][16 channels], missing channels zero.
void pack_weights(const uint32_t* filter, ptrdiff_t row_words, int32_t channels, int32_t run_count,
                  int32_t run_words, uint32_t* packed) {
  const ptrdiff_t depth = static_cast<ptrdiff_t>(run_count) * run_words;
  memset(packed, 0, packed_words(run_count, run_words) * sizeof(uint32_t));
  for (int32_t c = 0; c < channels; ++c) {
    uint32_t* to = packed + c / kHalf * depth * kHalf + c % kHalf;
    for (ptrdiff_t k = 0; k < depth; ++k) to[k * kHalf] = filter[c * row_words + k];
  }
}

inline v128_t sum_of_bytes(v128_t bytes) {
  return wasm_u32x4_extadd_pairwise_u16x8(wasm_u16x8_extadd_pairwise_u8x16(bytes));
}

// Out of line: one copy for all kinds of results, whose code is small then.
template <int kPixels>
__attribute__((noinline)) void popcounts(const bnn_span& s, int32_t pixel, const uint32_t* weights,
                                         v128_t (&counts)[kPixels][kQuads]) {
  const ptrdiff_t step = s.input_step;
  v128_t sums[kPixels][kQuads];
  for (int p = 0; p < kPixels; ++p) {
    for (int q = 0; q < kQuads; ++q) counts[p][q] = sums[p][q] = wasm_i32x4_splat(0);
  }
  const auto add = [&](const uint32_t* words, int32_t count) __attribute__((always_inline)) {
    for (const uint32_t* end = words + count; words != end; ++words, weights += kHalf) {
      v128_t a[kPixels];
      for (int p = 0; p < kPixels; ++p) a[p] = wasm_v128_load32_splat(words + p * step);
      for (int q = 0; q < kQuads; ++q) {
        const v128_t w = wasm_v128_load(weights + 4 * q);
        for (int p = 0; p < kPixels; ++p) {
          sums[p][q] = wasm_i8x16_add(sums[p][q], wasm_i8x16_popcnt(wasm_v128_xor(a[p], w)));
        }
      }
    }
  };
  const auto widen = [&]() __attribute__((always_inline)) {
    for (int p = 0; p < kPixels; ++p) {
      for (int q = 0; q < kQuads; ++q) {
        counts[p][q] = wasm_i32x4_add(counts[p][q], sum_of_bytes(sums[p][q]));
        sums[p][q] = wasm_i32x4_splat(0);
      }
    }
  };
  walk_window<kMostWords>(s, s.input + pixel * step, add, widen);
}

template <class Store, int kPixels>
inline void tile(const bnn_span& s, int32_t pixel, int first, const uint32_t* weights) {
  v128_t counts[kPixels][kQuads];
  popcounts<kPixels>(s, pixel, weights, counts);
  store_tile<Store>(s, pixel, first, counts);
}

template <class Store>
void bconv(const bnn_span* span) {
  const bnn_span& s = *span;
  const uint32_t* weights = s.weights;
  for (int first = 0; first < s.channels; first += kHalf) {
    int32_t p = 0;
    for (; p + 2 <= s.pixels; p += 2) tile<Store, 2>(s, p, first, weights);
    if (p < s.pixels) tile<Store, 1>(s, p, first, weights);
    weights += static_cast<ptrdiff_t>(s.run_count) * s.run_words * kHalf;
  }
}

constexpr bnn_backend make_table() {
  bnn_backend table = common_table();
  table.name = "wasm";
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

extern "C" const bnn_backend* bnn_backend_wasm(void) { return &kBackend; }
