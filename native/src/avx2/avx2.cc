/* AVX2 backend (Haswell, Zen and later). AVX2 has no vector popcount: bits are counted by lookup.
 *
 * Binary convolution: the bytes of a register are the 32 channels of the block, each a nibble of
 * its weights. For a nibble a of activations, the 16 bytes popcount(a ^ w), w = 0..15, are a table
 * in which one vpshufb looks up all 32 weight nibbles: 128 MACs for a shuffle and a byte add. This
 * code does twice that. Two pixels a and b share a table of popcount(a ^ w) + 16 * popcount(b ^ w),
 * one of 256 (4 KB in L1). Half a byte overflows beyond 3 * 4, so after three lookups their sum t
 * is split:
 *
 *   high += t >> 4 & 15;   all += t (modulo 256);   later low = all - 16 * high (modulo 256)
 *
 * This is exact while low and high stay below 256, for 63 nibbles. They are then added to 16-bit
 * counts, and those, before they overflow, to 32-bit ones.
 *
 * Cost of three lookups, 768 MACs: 3 loads of a table's offset, 3 vbroadcasti128, 3 vpshufb,
 * 4 vpaddb, 1 vpsrlw, 1 vpand: 15 operations, 9 of them vector arithmetic; per 128 bits 2.5 and
 * 1.5. With one pixel a table it would be 4 and 2, with a popcount of the xor by vpshufb at least
 * 4 vector operations, with a tree of carry-save adders 3. The weights of three nibbles are loaded
 * once for a tile of up to 4 pairs of pixels, whose sums fill the 16 registers. The offsets are
 * prepared for one run and tile at a time, once for windows that overlap.
 *
 * The same code on 512-bit registers was measured on Zen 4 and is a third slower: two tables must
 * be merged into a register for each lookup.
 */
#include <immintrin.h>
#include <string.h>

#include "bits.h"
#include "bnn/backend.h"
#include "results.h"
#include "ternary.h"
#include "vectors.h"

namespace {

constexpr int kNibbles = 8;         // of a word
constexpr int kGroup = 3;           // lookups between splits: 3 * 4 < 16
constexpr int kMaxGroups = 21;      // 21 * 3 * 4 < 256
constexpr int kMaxAdditions = 260;  // of bytes to 16-bit counts: 260 * 252 < 65536
constexpr int kMaxPairs = 4;
constexpr int kSegment = 96;  // words of a run whose offsets are prepared at once; 3 divides it
constexpr unsigned char kNoWeight = 0x80;  // vpshufb gives 0 for it, whatever the table

constexpr int popcount4(int x) { return (x & 1) + (x >> 1 & 1) + (x >> 2 & 1) + (x >> 3 & 1); }

// [low pixel's nibble | high pixel's nibble << 4][weight nibble]
struct PairTable {
  unsigned char entry[256][16];
  constexpr PairTable() : entry() {
    for (int i = 0; i < 256; ++i) {
      for (int w = 0; w < 16; ++w) {
        const int sum = popcount4((i & 15) ^ w) + 16 * popcount4((i >> 4) ^ w);
        entry[i][w] = static_cast<unsigned char>(sum);
      }
    }
  }
};
alignas(64) constexpr PairTable kTable;

/* --- weights ---------------------------------------------------------------------------------- */

inline size_t groups_of(size_t words) { return (words * kNibbles + kGroup - 1) / kGroup; }

size_t packed_words(int32_t run_count, int32_t run_words) {
  return static_cast<size_t>(run_count) * groups_of(run_words) * kGroup * BNN_BLOCK /
         sizeof(uint32_t);
}

// Byte of a channel in a register: those of even bytes become 16-bit lanes 0..15 by a mask, those
// of odd bytes lanes 16..31 by a shift.
inline int byte_of(int channel) { return channel < 16 ? 2 * channel : 2 * channel - 31; }

// [run][nibble, of a word: 0 2 4 6 1 3 5 7][32 bytes], runs filled up to whole groups.
void pack_weights(const uint32_t* filter, ptrdiff_t row_words, int32_t channels, int32_t run_count,
                  int32_t run_words, uint32_t* packed) {
  const size_t run_bytes = groups_of(run_words) * kGroup * BNN_BLOCK;
  unsigned char* bytes = reinterpret_cast<unsigned char*>(packed);
  memset(bytes, kNoWeight, run_count * run_bytes);
  for (int32_t c = 0; c < channels; ++c) {
    const uint32_t* word = filter + c * row_words;
    for (int32_t r = 0; r < run_count; ++r) {
      unsigned char* target = bytes + r * run_bytes + byte_of(c);
      for (int32_t k = 0; k < run_words; ++k, ++word) {
        for (int n = 0; n < kNibbles; ++n, target += BNN_BLOCK) {
          const int nibble = n < 4 ? 2 * n : 2 * n - 7;
          *target = *word >> (4 * nibble) & 15;
        }
      }
    }
  }
}

/* --- counts ----------------------------------------------------------------------------------- */

// Table offsets of 8 words of the low and the high pixel, in the nibble order of the weights.
inline void prepare8(__m256i low, __m256i high, uint16_t* offsets) {
  const __m256i fifteen = _mm256_set1_epi8(15);
  const __m256i even = _mm256_or_si256(_mm256_and_si256(low, fifteen),
                                       _mm256_slli_epi16(_mm256_and_si256(high, fifteen), 4));
  const __m256i odd = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(low, 4), fifteen),
                                      _mm256_andnot_si256(fifteen, high));
  const __m256i a = _mm256_unpacklo_epi32(even, odd);  // words 0 1 4 5
  const __m256i b = _mm256_unpackhi_epi32(even, odd);  // words 2 3 6 7
  const __m128i parts[4] = {_mm256_castsi256_si128(a), _mm256_castsi256_si128(b),
                            _mm256_extracti128_si256(a, 1), _mm256_extracti128_si256(b, 1)};
  for (int i = 0; i < 4; ++i) {  // an entry has 16 bytes
    store(offsets + 16 * i, _mm256_slli_epi16(_mm256_cvtepu8_epi16(parts[i]), 4));
  }
}

// Of low_words >= high_words words, missing ones 0; and then some more valid offsets.
inline void prepare(const uint32_t* low, int64_t low_words, const uint32_t* high,
                    int64_t high_words, uint16_t* offsets) {
  int64_t k = 0;
  for (; k + 8 <= high_words; k += 8) prepare8(load(low + k), load(high + k), offsets + k * 8);
  for (; k < low_words; k += 8) {
    const __m256i l =
        _mm256_maskload_epi32(reinterpret_cast<const int*>(low + k), head8(low_words - k));
    __m256i h = _mm256_setzero_si256();
    if (k < high_words) {
      h = _mm256_maskload_epi32(reinterpret_cast<const int*>(high + k), head8(high_words - k));
    }
    prepare8(l, h, offsets + k * 8);
  }
  store(offsets + k * 8, _mm256_setzero_si256());
}

inline __m256i look_up(uint16_t offset, __m256i weights) {
  const void* entry = reinterpret_cast<const char*>(&kTable) + offset;
  const __m128i table = _mm_load_si128(static_cast<const __m128i*>(entry));
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), weights);
}

// Adds up to kMaxGroups groups of lookups to the counts of kPairs pairs, whose offsets lie
// pair_step apart. Pair i is pixels i and i + kPairs.
template <int kPairs>
__attribute__((noinline)) void look_up_groups(const uint16_t* offsets, ptrdiff_t pair_step,
                                              const unsigned char* weights, int64_t groups,
                                              Counts* counts) {
  const __m256i fifteen = _mm256_set1_epi8(15);
  __m256i all[kPairs], high[kPairs];
  for (int i = 0; i < kPairs; ++i) all[i] = high[i] = _mm256_setzero_si256();
  for (; groups > 0; --groups) {
    const __m256i w[kGroup] = {load(weights), load(weights + 32), load(weights + 64)};
#pragma GCC unroll 4
    for (int i = 0; i < kPairs; ++i) {
      const uint16_t* offset = offsets + i * pair_step;
      const __m256i t =
          _mm256_add_epi8(_mm256_add_epi8(look_up(offset[0], w[0]), look_up(offset[1], w[1])),
                          look_up(offset[2], w[2]));
      all[i] = _mm256_add_epi8(all[i], t);
      const __m256i upper = _mm256_and_si256(_mm256_srli_epi16(t, 4), fifteen);
      high[i] = _mm256_add_epi8(high[i], upper);
    }
    weights += kGroup * BNN_BLOCK;
    offsets += kGroup;
  }
#pragma GCC unroll 4
  for (int i = 0; i < kPairs; ++i) {
    const __m256i sixteenfold = _mm256_slli_epi16(_mm256_and_si256(high[i], fifteen), 4);
    counts[i].add_bytes(_mm256_sub_epi8(all[i], sixteenfold));
    counts[i + kPairs].add_bytes(high[i]);
  }
}

// Counts of the pixels of one tile.
struct TileCounts {
  Counts counts[2 * kMaxPairs];
  int32_t additions;  // to counts
  bool widened;       // wide holds a part of the counts
  __m256i wide[2 * kMaxPairs][4];

  __attribute__((noinline)) void widen(int pixels) {
    if (!widened) memset(wide, 0, sizeof(wide));
    for (int p = 0; p < pixels; ++p) {
      __m256i now[4];
      counts[p].widen(now);
      for (int r = 0; r < 4; ++r) wide[p][r] = _mm256_add_epi32(wide[p][r], now[r]);
    }
    memset(counts, 0, sizeof(counts));
    additions = 0;
    widened = true;
  }
};

// Pixels [pixel, pixel + n), n = 2 * kPairs or one less.
template <int kPairs>
__attribute__((noinline)) void count_tile(const bnn_span& s, int32_t pixel, int32_t n,
                                          TileCounts* tile) {
  constexpr ptrdiff_t kPairStep = (kSegment + 2) * kNibbles;
  alignas(32) uint16_t offsets[kPairs * kPairStep];
  const uint32_t* origin = s.input + pixel * s.input_step;
  const uint32_t* high_origin = origin + kPairs * s.input_step;
  const unsigned char* weights = reinterpret_cast<const unsigned char*>(s.weights);
  const int32_t high_pixels = n - kPairs;
  for (int p = 0; p < 2 * kPairs; ++p) {
    tile->counts[p] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  }
  tile->additions = 0;
  tile->widened = false;
  for (int32_t run = 0; run < s.run_count; ++run) {
    for (int32_t first = 0; first < s.run_words; first += kSegment) {
      const int32_t words = s.run_words - first < kSegment ? s.run_words - first : kSegment;
      const uint32_t* low_words = origin + s.runs[run] + first;
      const uint32_t* high_words = high_origin + s.runs[run] + first;
      ptrdiff_t pair_step = s.input_step * kNibbles;
      if (s.input_step <= words) {  // windows overlap
        prepare(low_words, (kPairs - 1) * s.input_step + words, high_words,
                high_pixels > 0 ? (high_pixels - 1) * s.input_step + words : 0, offsets);
      } else {
        pair_step = kPairStep;
        for (int i = 0; i < kPairs; ++i) {
          prepare(low_words + i * s.input_step, words, high_words + i * s.input_step,
                  i < high_pixels ? words : 0, offsets + i * pair_step);
        }
      }
      const uint16_t* pairs = offsets;
      for (auto left = static_cast<int64_t>(groups_of(words)); left > 0;) {
        const int64_t now = left < kMaxGroups ? left : kMaxGroups;
        if (tile->additions == kMaxAdditions) tile->widen(2 * kPairs);
        ++tile->additions;
        look_up_groups<kPairs>(pairs, pair_step, weights, now, tile->counts);
        weights += now * kGroup * BNN_BLOCK;
        pairs += now * kGroup;
        left -= now;
      }
    }
  }
}

template <class Store>
inline void store_tile(const bnn_span& s, int32_t pixel, int32_t n, const TileCounts& tile) {
  if (!tile.widened && Store::store_pixels(s, pixel, n, tile.counts)) return;
  for (int32_t p = 0; p < n; ++p) {
    __m256i counts[4];
    tile.counts[p].widen(counts);
    if (tile.widened) {
      for (int r = 0; r < 4; ++r) counts[r] = _mm256_add_epi32(counts[r], tile.wide[p][r]);
    }
    store_pixel<Store>(s, pixel + p, counts);
  }
}

template <class Store>
void bconv(const bnn_span* span) {
  const bnn_span s = *span;  // a copy, so that stores cannot be thought to change it
  int32_t pairs = (s.pixels + 1) / 2;
  int32_t tiles = (pairs + kMaxPairs - 1) / kMaxPairs;
  TileCounts tile;
  for (int32_t pixel = 0; tiles > 0; --tiles) {
    const int32_t width = (pairs + tiles - 1) / tiles;
    const int32_t n = 2 * width < s.pixels - pixel ? 2 * width : s.pixels - pixel;
    switch (width) {
      case 1: count_tile<1>(*span, pixel, n, &tile); break;
      case 2: count_tile<2>(*span, pixel, n, &tile); break;
      case 3: count_tile<3>(*span, pixel, n, &tile); break;
      default: count_tile<4>(*span, pixel, n, &tile); break;
    }
    store_tile<Store>(s, pixel, n, tile);
    pixel += n;
    pairs -= width;
  }
}

/* --- depthwise -------------------------------------------------------------------------------- */

template <class Store>
void dwconv(const bnn_span* span) {
  const bnn_span s = *span;
  for (int32_t p = 0; p < s.pixels; ++p) {
    const uint32_t* origin = s.input + p * s.input_step;
    __m256i wide[4] = {};
    for (int32_t r = 0; r < s.run_count;) {
      const int32_t end = s.run_count - r > 255 ? r + 255 : s.run_count;
      __m256i bytes = _mm256_setzero_si256();
      for (; r < end; ++r) {
        const uint32_t differ = origin[s.runs[r]] ^ s.weights[r];
        bytes = _mm256_sub_epi8(bytes, bits_to_bytes<true>(differ));
      }
      Counts counts{_mm256_setzero_si256(), _mm256_setzero_si256()};
      counts.add_bytes(bytes);
      __m256i now[4];
      counts.widen(now);
      for (int i = 0; i < 4; ++i) wide[i] = _mm256_add_epi32(wide[i], now[i]);
    }
    store_pixel<Store>(s, p, wide);
  }
}

constexpr bnn_backend make_table() {
  bnn_backend table{};
  table.name = "avx2";
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
  return table;
}
constexpr bnn_backend kBackend = make_table();

}  // namespace

extern "C" const bnn_backend* bnn_backend_avx2(void) { return &kBackend; }
