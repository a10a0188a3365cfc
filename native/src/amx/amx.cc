/* AMX backend (Sapphire Rapids and later): binary convolution by a unit that multiplies bytes.
 *
 * tdpbssd multiplies 16 pixels x 64 bytes with 64 bytes x 16 channels in 16 cycles: 1024
 * multiply-accumulates a cycle, three times what two pipes of xor, vpopcntd and add do. An
 * activation is its bit as a byte (0 or 1), a weight is +1 or -1, and a tile of sums starts as each
 * channel's number of -1 weights. Then a sum is
 *   #(a = 1, w = +1) - #(a = 1, w = -1) + #(w = -1) = #(a = 1, w = +1) + #(a = 0, w = -1)
 * that is popcount(a xor w), and all that follows is as in other backends.
 *
 * Weights stay bits in memory and become bytes just before they are used: as bytes a network's do
 * not fit the second-level cache, and then nothing is gained over popcounts.
 *
 * A step is 64 bytes of a window: one row of each pixel of A, one tile of B. The 16 rows of A lie a
 * constant distance apart in the image, so a tile may run on over the end of an image row, at the
 * price of unused sums at the image's border; narrow tiles that end with the row are taken where no
 * more of them are needed. Shallow windows: 2 tiles of pixels x 2 of channels, so that a load
 * serves two products. Deep ones: up to 6 tiles of pixels x 1 of channels, as a product that
 * follows one with the same B is cheaper, and B comes from afar.
 *
 * Sums of a block are stored while the next block's first step runs, and become results a few
 * pixels after each of its other steps: both hide behind the products.
 */
#include "bnn/backend.h"
#include "convolution.h"
#include "pixels.h"
#include "tiles.h"
#include "weights.h"

#ifndef BNN_AMX_NAME
#define BNN_AMX_NAME amx
#endif
#define BNN_JOINED(a, b) a##b
#define BNN_JOIN(a, b) BNN_JOINED(a, b)
#define BNN_QUOTED(a) #a
#define BNN_QUOTE(a) BNN_QUOTED(a)

namespace {

constexpr int kPairSteps = 24;  // at most, where blocks are 2 x 2

using Function = void (*bnn_backend::*)(const bnn_span*);

// Other backends take the rows one by one.
template <Function kFunction, ptrdiff_t kElement>
void row_by_row(const bnn_span* span) {
  const Function function = kFunction;
  bnn_span s = *span;
  s.rows = 1;
  for (int32_t row = 0; row < span->rows; ++row) {
    (without_tiles().*function)(&s);
    s.input += s.input_row_step;
    s.output = static_cast<char*>(s.output) + s.output_row_step * kElement;
    if (s.shortcut != nullptr) s.shortcut += s.shortcut_row_step;
    if (s.signs != nullptr) s.signs += s.signs_row_step;
  }
}

template <class Store, Function kFunction, ptrdiff_t kElement>
void bconv(const bnn_span* span) {
  const bnn_span& s = *span;
  if (s.bytes == nullptr) {
    row_by_row<kFunction, kElement>(span);
    return;
  }
  const auto* minus = s.weights + words_before_tiles(s.run_count, s.run_words);
  const int halves = s.channels > kHalf ? 2 : 1;
  if (halves == 2 && s.run_count * steps_of_run(s.run_words) <= kPairSteps) {
    Convolution<Store, kElement, true>(s, minus, halves).run();
  } else {
    Convolution<Store, kElement, false>(s, minus, halves).run();
  }
}

// --- when ----------------------------------------------------------------------------------------

// Where single layers were timed, tiles lost or gained nothing below these: runs of one word leave
// half of each step unused, six steps hide no results, and waking the unit takes some 10 us.
int layer_takes_bytes(int32_t run_count, int32_t run_words, int64_t pixels, int64_t channels) {
  constexpr int64_t kLeastMacs = 6'000'000;
  constexpr int32_t kLeastSteps = 7;
  return run_words >= 2 && int64_t{run_count} * steps_of_run(run_words) >= kLeastSteps &&
         pixels * channels * run_count * run_words * BNN_WORD_BITS >= kLeastMacs;
}

// A tile of weights takes longer to expand than one product takes; the columns beside zero-padding
// are one pixel wide.
int span_takes_bytes(const bnn_span* span) {
  const Pixels pixels(*span);
  const int64_t wanted = int64_t{span->rows} * span->pixels;
  return pixels.tiles >= 2 && wanted * 5 >= int64_t{pixels.tiles} * kTileRows * 2;
}

// The ceiling: products alone, of bytes as they occur (of zeros they are faster).
int64_t peak(int64_t rounds) {
  alignas(64) uint8_t bytes[2][kTileRows * kTileBytes];
  uint32_t bits[kTileWords];
  for (uint32_t i = 0; i < kTileWords; ++i) bits[i] = 0x9e3779b9u * (i + 1);
  expand(bits, kTileWords, bytes[0]);
  expand_weights(bits, kTileRows, bytes[1]);
  configure(kTileRows);
  unroll<0, 4>([&](auto t) { tile_load<decltype(t)::value>(bytes[0], 0); });
  tile_load<kA>(bytes[0], kTileBytes);
  tile_load<kA + 1>(bytes[0], kTileBytes);
  tile_load<kB>(bytes[1], kTileBytes);
  for (int64_t i = 0; i < rounds; ++i) {
    tile_dot<0, kA, kB>();
    tile_dot<1, kA + 1, kB>();
    tile_dot<2, kA, kB>();
    tile_dot<3, kA + 1, kB>();
  }
  release();
  return rounds * 4 * kTileRows * kHalf * kTileBytes;
}

bnn_backend make_table() {
  bnn_backend table = without_tiles();
  table.name = BNN_QUOTE(BNN_AMX_NAME);
  table.span_rows = INT32_MAX;
  table.thread_end = release;
  table.layer_takes_bytes = layer_takes_bytes;
  table.span_takes_bytes = span_takes_bytes;
  table.expand = expand;
  table.packed_words = packed_words;
  table.pack_weights = pack_weights;
  table.bconv_f32 = bconv<StoreFloat, &bnn_backend::bconv_f32, 4>;
  table.bconv_f32_fused = bconv<StoreFused, &bnn_backend::bconv_f32_fused, 4>;
  table.bconv_i8 = bconv<StoreInt8, &bnn_backend::bconv_i8, 1>;
  table.bconv_bits = bconv<StoreBits, &bnn_backend::bconv_bits, 4>;
  table.dwconv_f32 = row_by_row<&bnn_backend::dwconv_f32, 4>;
  table.dwconv_i8 = row_by_row<&bnn_backend::dwconv_i8, 1>;
  table.dwconv_bits = row_by_row<&bnn_backend::dwconv_bits, 4>;
  table.peak = peak;
  return table;
}

}  // namespace

#ifndef BNN_TILES_EMULATED

extern "C" const bnn_backend* BNN_JOIN(bnn_backend_, BNN_AMX_NAME)(void) {
  static const bnn_backend table = make_table();
  return &table;
}

#else

// For tests, which have small layers: bytes wherever they are possible.
extern "C" const bnn_backend* BNN_JOIN(bnn_backend_, BNN_AMX_NAME)(void) {
  static const bnn_backend table = [] {
    bnn_backend always = make_table();
    always.layer_takes_bytes = [](int32_t, int32_t, int64_t, int64_t) { return 1; };
    always.span_takes_bytes = [](const bnn_span*) { return 1; };
    return always;
  }();
  return &table;
}

// For tests of when bytes are taken.
extern "C" const bnn_backend* BNN_JOIN(bnn_chooser_, BNN_AMX_NAME)(void) {
  static const bnn_backend table = make_table();
  return &table;
}

#endif
