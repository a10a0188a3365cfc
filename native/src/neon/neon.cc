/* NEON backend: every AArch64 CPU, no optional instructions.
 *
 * Binary convolution is three vector operations per 128 bits, on any pipe: eor, cnt (popcount of
 * each byte), add of bytes. Byte sums are exact for 31 additions of at most 8, then they are
 * widened. Two 128-bit pipes (Cortex-A72, Neoverse N1) then allow 85 MAC a cycle, four (Neoverse
 * V1, Apple M1) 171. The dot-product variant (udot by ones for the add) needs as many operations,
 * and uadalp, which would spare the widening, runs on one pipe only.
 *
 * Two loops, because 128 bits can be filled in two ways:
 *
 * - Deep windows (more than 31 words, as 3x3 with 128 channels): a register holds 128 bits of the
 *   depth, of one pixel or of one channel. Tile: 4 pixels x 4 channels = 16 accumulators, 8 loads
 *   for 48 operations, nothing else. The sum over a register's lanes costs, being shared by four
 *   channels through pairwise adds, no more than the widening alone. The windows of the 4 pixels
 *   are first laid end to end in 2 KB of stack, once for all channels of the block: a depth that
 *   is not a multiple of 128 bits is filled up once a window instead of once a filter row, and the
 *   loop is long enough to be predicted. Windows in one piece (1x1, dense) are read in place.
 * - Shallow windows (3x3 with 32 or 64 channels): the lanes of a register are 4 output channels
 *   and the activation word is broadcast. No fill, and lanes need no sum. Broadcasting loads
 *   (ld1r) take a vector pipe's slot, hence the tile of 2 pixels x 32 channels: 2 for 48
 *   operations. Byte sums never overflow, as there are at most 31 words.
 */
#include <arm_neon.h>
#include <string.h>

#include "bits.h"
#include "bnn/backend.h"
#include "results.h"
#include "ternary.h"

// A tile keeps all 32 vector registers busy: inlining it into another loop only invites spills.
#define BNN_TILE __attribute__((noinline)) void

namespace {

constexpr int kMaxSums = 31;  // 31 * 8 <= 255
constexpr int kChunkWords = kMaxSums * kVectorWords;
constexpr int kQuads = BNN_BLOCK / 4;  // registers of 4 channels in a block

inline ptrdiff_t depth_of(int32_t run_count, int32_t run_words) {
  return static_cast<ptrdiff_t>(run_count) * run_words;
}

inline bool is_shallow(ptrdiff_t depth) { return depth <= kMaxSums; }

inline ptrdiff_t padded_words(ptrdiff_t words) {
  return (words + kVectorWords - 1) / kVectorWords * kVectorWords;
}

size_t packed_words(int32_t run_count, int32_t run_words) {
  const ptrdiff_t depth = depth_of(run_count, run_words);
  return static_cast<size_t>(is_shallow(depth) ? depth : padded_words(depth)) * BNN_BLOCK;
}

// Shallow: [word][32 channels]. Deep: [chunk][quad of channels][vector][4 channels][4 words], a
// chunk being 31 vectors or what is left. Missing channels and words are zero.
void pack_weights(const uint32_t* filter, ptrdiff_t row_words, int32_t channels, int32_t run_count,
                  int32_t run_words, uint32_t* packed) {
  const ptrdiff_t depth = depth_of(run_count, run_words);
  memset(packed, 0, packed_words(run_count, run_words) * sizeof(uint32_t));
  for (int32_t c = 0; c < channels; ++c) {
    const uint32_t* row = filter + c * row_words;
    for (ptrdiff_t k = 0; k < depth; ++k) {
      ptrdiff_t i = k * BNN_BLOCK + c;
      if (!is_shallow(depth)) {
        const ptrdiff_t first = k / kChunkWords * kChunkWords;
        const ptrdiff_t left = padded_words(depth - first);
        const ptrdiff_t chunk = left < kChunkWords ? left : kChunkWords;
        i = first * BNN_BLOCK + c / 4 * chunk * 4 + (k - first) / kVectorWords * 16 +
            c % 4 * kVectorWords + k % kVectorWords;
      }
      packed[i] = row[k];
    }
  }
}

// --- popcounts of a tile ------------------------------------------------------------------------

// sums[p][first + i] += popcounts of the bytes of a[p] ^ w[i]; kInitial: =. Like operations stand
// together, so that an in-order core finds independent ones to issue.
template <bool kInitial, int kPixels, int kWeights, int kRegisters>
inline void add_popcounts(const uint32x4_t* a, const uint32x4_t* w, uint8x16_t (*sums)[kRegisters],
                          int first) {
  uint8x16_t bytes[kPixels][kWeights];
#pragma GCC unroll 4
  for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 4
    for (int i = 0; i < kWeights; ++i) bytes[p][i] = vreinterpretq_u8_u32(veorq_u32(a[p], w[i]));
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 4
    for (int i = 0; i < kWeights; ++i) bytes[p][i] = vcntq_u8(bytes[p][i]);
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 4
    for (int i = 0; i < kWeights; ++i) {
      uint8x16_t& sum = sums[p][first + i];
      sum = kInitial ? bytes[p][i] : vaddq_u8(sum, bytes[p][i]);
    }
  }
}

// --- shallow windows: lanes are output channels ------------------------------------------------

// One word of the window of each pixel with the weights of all channels.
template <bool kInitial, int kPixels, int kRegisters>
inline void add_word(const uint32_t* word, ptrdiff_t step, const uint32_t* weights,
                     uint8x16_t (*sums)[kRegisters]) {
  constexpr int kGroup = 4;  // weights at a time: with 2 pixels 8 popcounts are under way
  uint32x4_t a[kPixels];
  for (int p = 0; p < kPixels; ++p) a[p] = vld1q_dup_u32(word + p * step);
#pragma GCC unroll 4
  for (int r = 0; r < kRegisters; r += kGroup) {
    uint32x4_t w[kGroup];
#pragma GCC unroll 4
    for (int i = 0; i < kGroup; ++i) w[i] = vld1q_u32(weights + 4 * (r + i));
    add_popcounts<kInitial, kPixels, kGroup, kRegisters>(a, w, sums, r);
  }
}

// Always inlined, so that the counts stay in registers until they are results.
template <int kPixels, int kRegisters>
__attribute__((always_inline)) inline void popcounts_shallow(
    const bnn_span& s, const uint32_t* origin, uint32x4_t counts[kPixels][kRegisters]) {
  const ptrdiff_t step = s.input_step;
  const uint32_t* weights = s.weights;
  const uint32_t* word = origin + s.runs[0];
  const uint32_t* end = word + s.run_words;
  uint8x16_t sums[kPixels][kRegisters];
  add_word<true, kPixels, kRegisters>(word++, step, weights, sums);
  for (int32_t run = 0;;) {
    for (; word != end; ++word) {
      weights += BNN_BLOCK;
      add_word<false, kPixels, kRegisters>(word, step, weights, sums);
    }
    if (++run == s.run_count) break;
    word = origin + s.runs[run];
    end = word + s.run_words;
  }
  for (int p = 0; p < kPixels; ++p) {
    for (int r = 0; r < kRegisters; ++r) counts[p][r] = vpaddlq_u16(vpaddlq_u8(sums[p][r]));
  }
}

template <class Store, int kPixels, int kRegisters>
BNN_TILE tile_shallow(const bnn_span& s, int32_t pixel) {
  uint32x4_t counts[kPixels][kRegisters];
  popcounts_shallow<kPixels, kRegisters>(s, s.input + pixel * s.input_step, counts);
  store_tile<Store>(s, pixel, counts);
}

template <class Store, int kRegisters>
void bconv_shallow(const bnn_span& s) {
  int32_t p = 0;
  for (; p + 2 <= s.pixels; p += 2) tile_shallow<Store, 2, kRegisters>(s, p);
  if (p < s.pixels) tile_shallow<Store, 1, kRegisters>(s, p);
}

// --- deep windows: lanes are the depth -------------------------------------------------------

// Next words of a window whose runs are laid end to end.
struct WindowReader {
  const uint32_t* origin;
  const ptrdiff_t* runs;
  int32_t run_words;
  int32_t used;  // words of the current run

  void read(uint32_t* out, int32_t words) {
    while (words > 0) {
      const uint32_t* from = origin + *runs + used;
      const int32_t left = run_words - used;
      const int32_t n = left < words ? left : words;
      int32_t i = 0;
      for (; i + kVectorWords <= n; i += kVectorWords) vst1q_u32(out + i, vld1q_u32(from + i));
      for (; i < n; ++i) out[i] = from[i];
      out += n;
      words -= n;
      used += n;
      if (used == run_words) {
        used = 0;
        ++runs;
      }
    }
  }
};

// Sums of neighbours of a, then of b. Up to 15 vectors, two byte sums still fit in a byte.
inline uint16x8_t pairwise(uint8x16_t a, uint8x16_t b, bool fits) {
  return fits ? vpaddlq_u8(vpaddq_u8(a, b)) : vpaddq_u16(vpaddlq_u8(a), vpaddlq_u8(b));
}

// One vector of the window of each pixel with that of 4 channels.
template <bool kInitial, int kPixels>
inline void add_vector(const uint32_t* window, ptrdiff_t step, const uint32_t* weights,
                       uint8x16_t (*sums)[4]) {
  uint32x4_t w[4], a[kPixels];
  for (int c = 0; c < 4; ++c) w[c] = vld1q_u32(weights + c * kVectorWords);
  for (int p = 0; p < kPixels; ++p) a[p] = vld1q_u32(window + p * step);
  for (int p = 0; p < kPixels; ++p) add_popcounts<kInitial, 1, 4, 4>(a + p, w, sums + p, 0);
}

// Adds the popcounts of up to 31 vectors to counts[p * kQuads]: 4 channels in the lanes.
template <int kPixels>
inline void popcounts_deep(const uint32_t* window, ptrdiff_t step, const uint32_t* weights,
                           int32_t vectors, uint32x4_t* counts) {
  const uint32_t* end = window + vectors * kVectorWords;
  uint8x16_t sums[kPixels][4];
  add_vector<true, kPixels>(window, step, weights, sums);
  for (window += kVectorWords; window != end; window += kVectorWords) {
    weights += 4 * kVectorWords;
    add_vector<false, kPixels>(window, step, weights, sums);
  }
  const bool fits = vectors <= 15;
  for (int p = 0; p < kPixels; ++p) {
    const uint16x8_t first = pairwise(sums[p][0], sums[p][1], fits);
    const uint16x8_t second = pairwise(sums[p][2], sums[p][3], fits);
    counts[p * kQuads] = vpadalq_u16(counts[p * kQuads], vpaddq_u16(first, second));
  }
}

template <class Store, int kPixels>
BNN_TILE tile_deep(const bnn_span& s, int32_t pixel) {
  const uint32_t* origin = s.input + pixel * s.input_step;
  const uint32_t* weights = s.weights;
  const ptrdiff_t depth = depth_of(s.run_count, s.run_words);
  const int32_t quads = (s.channels + 3) / 4;
  uint32x4_t counts[kPixels][kQuads];
  for (int p = 0; p < kPixels; ++p) {
    for (int q = 0; q < kQuads; ++q) counts[p][q] = vdupq_n_u32(0);
  }
  WindowReader readers[kPixels];
  for (int p = 0; p < kPixels; ++p) {
    readers[p] = {origin + p * s.input_step, s.runs, s.run_words, 0};
  }
  uint32_t laid_out[kPixels][kChunkWords];
  for (ptrdiff_t first = 0; first < depth; first += kChunkWords) {
    const auto words =
        static_cast<int32_t>(depth - first < kChunkWords ? depth - first : kChunkWords);
    const int32_t vectors = (words + kVectorWords - 1) / kVectorWords;
    const uint32_t* window = origin + s.runs[0] + first;
    ptrdiff_t window_step = s.input_step;
    if (s.run_count > 1 || words % kVectorWords != 0) {
      for (int p = 0; p < kPixels; ++p) {
        if (s.run_count == 1) readers[p].used = static_cast<int32_t>(first);
        vst1q_u32(&laid_out[p][(vectors - 1) * kVectorWords], vdupq_n_u32(0));
        readers[p].read(laid_out[p], words);
      }
      window = laid_out[0];
      window_step = kChunkWords;
    }
    for (int32_t q = 0; q < quads; ++q) {
      popcounts_deep<kPixels>(window, window_step, weights + q * vectors * 16, vectors,
                              &counts[0][q]);
    }
    weights += vectors * kVectorWords * BNN_BLOCK;
  }
  store_tile<Store>(s, pixel, counts);
}

template <class Store>
void bconv_deep(const bnn_span& s) {
  int32_t p = 0;
  for (; p + 4 <= s.pixels; p += 4) tile_deep<Store, 4>(s, p);
  switch (s.pixels - p) {
    case 3: tile_deep<Store, 3>(s, p); break;
    case 2: tile_deep<Store, 2>(s, p); break;
    case 1: tile_deep<Store, 1>(s, p); break;
    default: break;
  }
}

template <class Store>
void bconv(const bnn_span* span) {
  if (!is_shallow(depth_of(span->run_count, span->run_words))) {
    bconv_deep<Store>(*span);
  } else if (span->channels > BNN_BLOCK / 2) {
    bconv_shallow<Store, kQuads>(*span);
  } else {
    bconv_shallow<Store, kQuads / 2>(*span);
  }
}

// --- depthwise -------------------------------------------------------------------------------

inline void add_bytes(uint8x16_t bytes, uint32x4_t* counts) {
  const uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_u8(vget_high_u8(bytes));
  counts[0] = vaddw_u16(counts[0], vget_low_u16(low));
  counts[1] = vaddw_u16(counts[1], vget_high_u16(low));
  counts[2] = vaddw_u16(counts[2], vget_low_u16(high));
  counts[3] = vaddw_u16(counts[3], vget_high_u16(high));
}

// Channels are bytes while taps are counted, at most 255 of them before widening.
template <class Store>
void dwconv(const bnn_span* span) {
  const bnn_span& s = *span;
  const uint8x16_t low = select_low(), high = select_high();
  for (int32_t p = 0; p < s.pixels; ++p) {
    const uint32_t* origin = s.input + p * s.input_step;
    uint32x4_t counts[kQuads];
    for (int q = 0; q < kQuads; ++q) counts[q] = vdupq_n_u32(0);
    for (int32_t r = 0; r < s.run_count;) {
      const int32_t end = s.run_count - r < 255 ? s.run_count : r + 255;
      uint8x16_t sums[2] = {vdupq_n_u8(0), vdupq_n_u8(0)};
      for (; r < end; ++r) {
        const uint8x16_t differ =
            vreinterpretq_u8_u32(vdupq_n_u32(origin[s.runs[r]] ^ s.weights[r]));
        sums[0] = vsubq_u8(sums[0], byte_mask(differ, low));  // all ones is -1
        sums[1] = vsubq_u8(sums[1], byte_mask(differ, high));
      }
      add_bytes(sums[0], counts);
      add_bytes(sums[1], counts + kQuads / 2);
    }
    store<Store, kQuads>(s, p, counts);
  }
}

// Like operations stand together, for in-order cores. The empty asm makes the value unknown, or the
// compiler would compute the loop beforehand.
int64_t peak(int64_t rounds) {
  constexpr int kSums = 8;
  uint8x16_t a[kSums], sums[kSums];
  const uint8x16_t w = vdupq_n_u8(0x5a);
#pragma GCC unroll 8
  for (int j = 0; j < kSums; ++j) a[j] = sums[j] = vdupq_n_u8(static_cast<uint8_t>(j));
  for (int64_t i = 0; i < rounds; ++i) {
    uint8x16_t bytes[kSums];
#pragma GCC unroll 8
    for (int j = 0; j < kSums; ++j) {
      asm volatile("" : "+w"(a[j]));
      bytes[j] = veorq_u8(a[j], w);
    }
#pragma GCC unroll 8
    for (int j = 0; j < kSums; ++j) bytes[j] = vcntq_u8(bytes[j]);
#pragma GCC unroll 8
    for (int j = 0; j < kSums; ++j) sums[j] = vaddq_u8(sums[j], bytes[j]);
  }
#pragma GCC unroll 8
  for (int j = 0; j < kSums; ++j) asm volatile("" : : "w"(sums[j]));
  return rounds * kSums * 128;
}

constexpr bnn_backend make_table() {
  bnn_backend table{};
  table.name = "neon";
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

extern "C" const bnn_backend* bnn_backend_neon(void) { return &kBackend; }
