/* Weights of the amx backend: bits in memory, expanded to tiles of bytes a few steps before their
 * use. Included by its translation unit alone. */
#ifndef BNN_AMX_WEIGHTS_H_
#define BNN_AMX_WEIGHTS_H_

#include <string.h>

#include "bnn/backend.h"
#include "tiles.h"
#ifdef BNN_AMX_PORTABLE
#include "portable.h"
#else
#include "vectors.h"
#endif

namespace {

constexpr int kHalf = 16;       // channels of a tile
constexpr int kTileWords = 32;  // of bits of weights
constexpr int kSlots = 72;      // tiles of expanded weights that are kept: 72 KB
constexpr int kRing = 4;        // of those that are expanded anew each time
constexpr int kAhead = 3;       // tiles of weights are expanded that long before their use

inline int32_t divide_up(int32_t a, int32_t b) { return (a + b - 1) / b; }

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

}  // namespace

#endif  // BNN_AMX_WEIGHTS_H_
