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
 * price of sums nobody asks for where the image's border is; narrow tiles that end with the row are
 * taken where they are as few. Shallow windows: 2 tiles of pixels x 2 of channels, so that a load
 * serves two products. Deep ones: up to 6 tiles of pixels x 1 of channels, as a product that
 * follows one with the same B is cheaper, and B comes from afar.
 *
 * Sums of a block are stored while the next block's first step runs, and become results a few
 * pixels after each of its other steps: both hide behind the products.
 */
#include "bnn/backend.h"
#include "tiles.h"
#ifdef BNN_AMX_PORTABLE
#include "portable.h"
#else
#include "vectors.h"
#endif

#ifndef BNN_AMX_NAME
#define BNN_AMX_NAME amx
#endif
#define BNN_JOINED(a, b) a##b
#define BNN_JOIN(a, b) BNN_JOINED(a, b)
#define BNN_QUOTED(a) #a
#define BNN_QUOTE(a) BNN_QUOTED(a)

namespace {

constexpr int kHalf = 16;       // channels of a tile
constexpr int kTileWords = 32;  // of bits of weights
constexpr int kMostSums = 6;    // tiles of sums
constexpr int kPairSteps = 24;  // at most, where blocks are 2 x 2
constexpr int kSlots = 72;      // tiles of expanded weights that are kept: 72 KB
constexpr int kRing = 4;        // of those that are expanded anew each time
constexpr int kAhead = 3;       // tiles of weights are expanded that long before their use
constexpr int kA = 4, kB = 6, kOnlyA = 7;  // tiles; those before are sums

template <int kValue>
struct Index {
  static constexpr int value = kValue;
};
// Tiles are named by instructions, so loops over them are unrolled.
template <int kFrom, int kTo, class Call>
inline void unroll(const Call& call) {
  if constexpr (kFrom < kTo) {
    call(Index<kFrom>{});
    unroll<kFrom + 1, kTo>(call);
  }
}

inline int32_t divide_up(int32_t a, int32_t b) { return (a + b - 1) / b; }

// --- weights -------------------------------------------------------------------------------------

// Of a block: those of without_tiles(), for spans that it runs; numbers of -1 weights of the 32
// channels; bits of tiles, [step][half of the channels][16 rows][16 channels x 4].

inline int32_t steps_of_run(int32_t run_words) { return divide_up(run_words, 2); }

inline size_t words_before_tiles(int32_t run_count, int32_t run_words) {
  return without_tiles().packed_words(run_count, run_words);
}

size_t packed_words(int32_t run_count, int32_t run_words) {
  return words_before_tiles(run_count, run_words) + BNN_BLOCK +
         static_cast<size_t>(run_count) * steps_of_run(run_words) * 2 * kTileWords;
}

void pack_weights(const uint32_t* filter, ptrdiff_t row_words, int32_t channels, int32_t run_count,
                  int32_t run_words, uint32_t* packed) {
  without_tiles().pack_weights(filter, row_words, channels, run_count, run_words, packed);
  uint32_t* const minus = packed + words_before_tiles(run_count, run_words);
  uint32_t* tile = minus + BNN_BLOCK;
  const ptrdiff_t depth = static_cast<ptrdiff_t>(run_count) * run_words;
  memset(minus, 0, (packed_words(run_count, run_words) - (minus - packed)) * sizeof(uint32_t));
  for (int32_t c = 0; c < channels; ++c) {
    for (ptrdiff_t k = 0; k < depth; ++k) {
      minus[c] += static_cast<uint32_t>(__builtin_popcount(filter[c * row_words + k]));
    }
  }
  for (int32_t run = 0; run < run_count; ++run, filter += run_words) {
    for (int32_t first = 0; first < run_words; first += 2, tile += 2 * kTileWords) {
      for (int32_t c = 0; c < channels; ++c) {
        uint32_t* const bits = tile + c / kHalf * kTileWords + c % kHalf / 8;
        for (int row = 0; row < kTileRows && first + row / 8 < run_words; ++row) {
          const uint32_t four = filter[c * row_words + first + row / 8] >> (4 * (row % 8)) & 15;
          bits[2 * row] |= four << (4 * (c % 8));
        }
      }
    }
  }
}

// Tiles of a block's weights in the order of their use, over and over.
class Weights {
 public:
  // Halves of the channels alternate, or one comes after the other.
  Weights(const bnn_span& s, const uint32_t* tiles, int halves, bool alternate, uint8_t* memory)
      : tiles_(tiles),
        memory_(memory),
        halves_(halves),
        run_steps_(steps_of_run(s.run_words)),
        steps_(s.run_count * run_steps_),
        odd_(s.run_words % 2 != 0),
        alternate_(alternate),
        kept_(steps_ * halves <= kSlots) {}

  // Where the next tile lies. In the meantime one to come is expanded.
  const uint8_t* next() {
    const int64_t wanted = used_++;
    while (expanded_ <= wanted + kAhead && !(kept_ && expanded_ == steps_ * halves_)) expand_one();
    return slot(kept_ ? wanted % (steps_ * halves_) : wanted % kRing);
  }

 private:
  uint8_t* slot(int64_t index) const { return memory_ + index * kTileRows * kTileBytes; }

  void expand_one() {
    const bool tail = odd_ && run_step_ == run_steps_ - 1;  // the second word is the next run's
    expand_weights(tiles_ + (static_cast<ptrdiff_t>(step_) * 2 + half_) * kTileWords,
                   tail ? kTileRows / 2 : kTileRows, slot(kept_ ? expanded_ : expanded_ % kRing));
    ++expanded_;
    if (alternate_ && ++half_ < halves_) return;
    if (alternate_) half_ = 0;
    if (++run_step_ == run_steps_) run_step_ = 0;
    if (++step_ < steps_) return;
    step_ = 0;
    if (!alternate_ && ++half_ == halves_) half_ = 0;
  }

  const uint32_t* const tiles_;
  uint8_t* const memory_;
  const int halves_, run_steps_, steps_;
  const bool odd_, alternate_, kept_;
  int64_t used_ = 0, expanded_ = 0;
  int step_ = 0, run_step_ = 0, half_ = 0;  // of the one to expand
};

// --- tiles of pixels -----------------------------------------------------------------------------

// Output pixels by number: `pitch` numbers a row, of which the first s.pixels are real. A tile is
// `rows` numbers.
struct Pixels {
  explicit Pixels(const bnn_span& s)
      : step(s.input_step * BNN_WORD_BITS), row_step(s.input_row_step * BNN_WORD_BITS) {
    const int32_t per_row = divide_up(s.pixels, kTileRows);
    tiles = s.rows * per_row;
    rows = divide_up(s.pixels, per_row);
    pitch = per_row * rows;
    count = s.rows * pitch;
    if (s.rows == 1 || row_step % step != 0 || row_step / step < s.pixels) return;
    const auto run_on = static_cast<int32_t>(row_step / step);
    const int64_t numbers = int64_t{s.rows - 1} * run_on + s.pixels;
    const int64_t fewer = (numbers + kTileRows - 1) / kTileRows;
    if (fewer >= tiles) return;
    over_ends = true;
    tiles = static_cast<int32_t>(fewer);
    count = static_cast<int32_t>(numbers);
    rows = divide_up(count, tiles);
    pitch = run_on;
  }

  ptrdiff_t offset(int32_t number) const {
    if (over_ends) return number * step;
    return number / pitch * row_step + number % pitch * step;
  }

  const ptrdiff_t step, row_step;  // bytes of the image
  bool over_ends = false;
  int32_t tiles, rows, pitch, count;
};

// The configuration of this thread's tiles, by the rows of those of pixels.
static thread_local int32_t configured = 0;

inline void configure(int32_t rows) {
  if (configured == rows) return;
  TileConfig config{};
  config.palette = 1;
  for (int t = 0; t < 8; ++t) {
    config.row_bytes[t] = kTileBytes;
    config.rows[t] = static_cast<uint8_t>(t == kB ? kTileRows : rows);
  }
  tile_configure(&config);
  configured = rows;
}

// Tiles left configured would be saved at each switch to another thread.
void release() {
  if (configured == 0) return;
  tile_release();
  configured = 0;
}

// --- convolution ---------------------------------------------------------------------------------

// The steps of a window, in bytes from its origin.
class Steps {
 public:
  explicit Steps(const bnn_span& s) : run_(s.runs), run_steps_(steps_of_run(s.run_words)) {}
  ptrdiff_t offset() const { return *run_ * BNN_WORD_BITS + ptrdiff_t{step_} * kTileBytes; }
  void advance() {
    if (++step_ < run_steps_) return;
    step_ = 0;
    ++run_;
  }

 private:
  const ptrdiff_t* run_;
  const int32_t run_steps_;
  int32_t step_ = 0;
};

template <class Store, ptrdiff_t kElement, bool kPairs>
class Convolution {
 public:
  Convolution(const bnn_span& s, const uint32_t* minus, int halves)
      : s_(s),
        row_(s),
        pixels_(s),
        halves_(halves),
        steps_(s.run_count * steps_of_run(s.run_words)),
        weights_(s, minus + BNN_BLOCK, halves, kPairs, expanded_) {
    memcpy(minus_, minus, sizeof(minus_));
  }

  void run() {
    configure(pixels_.rows);
    constexpr int32_t kMost = kPairs ? 2 : kMostSums;
    int32_t groups = divide_up(pixels_.tiles, kMost);
    for (int32_t tile = 0; groups > 0; --groups) {
      const int32_t width = divide_up(pixels_.tiles - tile, groups);
      switch (width) {
        case 1: block<1>(tile); break;
        case 2: block<2>(tile); break;
        default:
          if constexpr (!kPairs) deep_block(tile, width);
      }
      tile += width;
    }
    store_sums<0>();
    finish(left_);
  }

 private:
  void deep_block(int32_t tile, int32_t width) {
    switch (width) {
      case 3: block<3>(tile); break;
      case 4: block<4>(tile); break;
      case 5: block<5>(tile); break;
      default: block<6>(tile); break;
    }
  }

  template <int kTiles>
  void block(int32_t tile) {
    const uint8_t* a[kTiles];
    for (int t = 0; t < kTiles; ++t) a[t] = s_.bytes + pixels_.offset((tile + t) * pixels_.rows);
    int32_t* const popcounts = popcounts_[current_];
    current_ = 1 - current_;
    if constexpr (kPairs) {
      pair<kTiles>(a, popcounts);
    } else {
      for (int half = 0; half < halves_; ++half) column<kTiles>(a, half, popcounts);
    }
    finish(left_);  // before the memory of these is written again
  }

  // After each step but the first of the current block.
  int32_t pixels_a_step(int tiles, int parts) const {
    return steps_ == 1 ? 0 : divide_up(tiles * pixels_.rows, parts * (steps_ - 1));
  }

  // Both halves of the channels.
  template <int kTiles>
  void pair(const uint8_t* const (&a)[kTiles], int32_t* popcounts) {
    const int32_t each = pixels_a_step(kTiles, 1);
    Steps step(s_);
    products<kTiles, true>(a, step.offset());
    sums_ = {popcounts, kTiles, 0, true};
    for (int32_t i = 1; i < steps_; ++i) {
      step.advance();
      products<kTiles, false>(a, step.offset());
      finish(each);
    }
  }

  template <int kTiles, bool kFirst>
  void products(const uint8_t* const (&a)[kTiles], ptrdiff_t offset) {
    unroll<0, 2>([&](auto h) {
      constexpr int half = decltype(h)::value;
      tile_load<kB>(weights_.next(), kTileBytes);
      unroll<0, kTiles>([&](auto t) {
        constexpr int tile = decltype(t)::value, sums = 2 * tile + half;
        if constexpr (half == 0) tile_load<kA + tile>(a[tile] + offset, pixels_.step);
        if constexpr (kFirst) begin_sums<sums>(half);
        tile_dot<sums, kA + tile, kB>();
      });
    });
    if constexpr (kFirst) store_sums<2 * kTiles>();
  }

  // One half of the channels.
  template <int kTiles>
  void column(const uint8_t* const (&a)[kTiles], int half, int32_t* popcounts) {
    const int32_t each = pixels_a_step(kTiles, halves_);
    Steps step(s_);
    for (int32_t i = 0; i < steps_; ++i) {
      const ptrdiff_t offset = step.offset();
      tile_load<kB>(weights_.next(), kTileBytes);
      unroll<0, kTiles>([&](auto t) {
        constexpr int tile = decltype(t)::value;
        if (i == 0) begin_sums<tile>(half);
        tile_load<kOnlyA>(a[tile] + offset, pixels_.step);
        tile_dot<tile, kOnlyA, kB>();
      });
      if (i == 0) {
        store_sums<kTiles>();
        sums_ = {popcounts, kTiles, half, half == halves_ - 1};
      } else {
        finish(each);
      }
      step.advance();
    }
  }

  // Those of the block before make room one by one, between the first products of this one.
  template <int kSums>
  void begin_sums(int half) {
    store_one<kSums>();
    tile_load<kSums>(minus_ + half * kHalf, 0);
  }

  template <int kSums>
  void store_one() {
    constexpr int kTile = kPairs ? kSums / 2 : kSums;
    if (kTile >= sums_.tiles) return;
    int32_t* const target = sums_.popcounts + kTile * pixels_.rows * BNN_BLOCK;
    tile_store<kSums>(target + (kPairs ? kSums % 2 : sums_.half) * kHalf,
                      BNN_BLOCK * sizeof(int32_t));
  }

  // The rest of them. After the last half of the channels, pixels can be finished.
  template <int kFrom>
  void store_sums() {
    unroll<kFrom, kPairs ? 4 : kMostSums>([&](auto t) { store_one<decltype(t)::value>(); });
    if (!sums_.last) return;
    popcounts_left_ = sums_.popcounts;
    left_ = sums_.tiles * pixels_.rows;
    sums_ = {};
  }

  void finish(int32_t count) {
    if (count > left_) count = left_;
    left_ -= count;
    for (; count > 0; --count, popcounts_left_ += BNN_BLOCK) {
      if (y_ == s_.rows) continue;  // beyond the last pixel
      if (x_ < s_.pixels) store_pixel<Store>(row_, x_, popcounts_left_);
      if (++x_ == pixels_.pitch) next_row();
    }
  }

  void next_row() {
    x_ = 0;
    ++y_;
    row_.output = static_cast<char*>(row_.output) + s_.output_row_step * kElement;
    if (row_.shortcut != nullptr) row_.shortcut += s_.shortcut_row_step;
    if (row_.signs != nullptr) row_.signs += s_.signs_row_step;
  }

  struct Sums {                    // in tiles
    int32_t* popcounts = nullptr;  // where they are stored, [pixel][32]
    int tiles = 0, half = 0;
    bool last = false;  // half of the channels
  };

  const bnn_span& s_;
  bnn_span row_;  // of the next pixel to finish
  const Pixels pixels_;
  const int halves_;
  const int32_t steps_;
  Weights weights_;
  Sums sums_;
  int current_ = 0;
  const int32_t* popcounts_left_ = nullptr;
  int32_t left_ = 0, x_ = 0, y_ = 0;
  alignas(64) int32_t minus_[BNN_BLOCK];
  alignas(64) int32_t popcounts_[2][(kPairs ? 2 : kMostSums) * kTileRows * BNN_BLOCK];
  alignas(64) uint8_t expanded_[kSlots * kTileRows * kTileBytes];
};

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
