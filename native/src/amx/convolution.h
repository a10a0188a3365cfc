/* The amx backend's convolution of a span. Included by its translation unit alone. */
#ifndef BNN_AMX_CONVOLUTION_H_
#define BNN_AMX_CONVOLUTION_H_

#include <string.h>

#include "pixels.h"
#include "tiles.h"
#include "weights.h"

namespace {

constexpr int kMostSums = 6;               // tiles of sums
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

}  // namespace

#endif  // BNN_AMX_CONVOLUTION_H_
