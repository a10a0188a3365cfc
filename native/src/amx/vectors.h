/* What the amx backend does outside tiles, on AVX-512 registers; portable.h has the same in plain
 * C++. Included by its translation unit alone. */
#ifndef BNN_AMX_VECTORS_H_
#define BNN_AMX_VECTORS_H_

#include <string.h>

#include "../avx512vpopcntdq/intrinsics.h"
#include "../avx512vpopcntdq/results.h"

namespace {

// Whose functions serve where tiles do not.
inline const bnn_backend& without_tiles() { return *bnn_backend_avx512vpopcntdq(); }

// Each bit to a byte, 0 or 1.
void expand(const uint32_t* words, int64_t count, uint8_t* bytes) {
  const __m512i one = _mm512_set1_epi8(1);
  for (; count >= 2; count -= 2, words += 2, bytes += 64) {
    uint64_t bits;
    memcpy(&bits, words, sizeof(bits));
    _mm512_storeu_si512(bytes, _mm512_maskz_mov_epi8(bits, one));
  }
  if (count == 1) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes),
                        _mm256_maskz_mov_epi8(*words, _mm256_set1_epi8(1)));
  }
}

// Rows of a tile of weights from 64 bits each: 0 to +1, 1 to -1. Rows from `rows` on are zeros.
inline void expand_weights(const uint32_t* bits, int rows, uint8_t* tile) {
  const __m512i plus = _mm512_set1_epi8(1), minus = _mm512_set1_epi8(-1);
  for (int r = 0; r < rows; ++r) {
    uint64_t row;
    memcpy(&row, bits + 2 * r, sizeof(row));
    _mm512_store_si512(tile + r * 64, _mm512_mask_blend_epi8(row, plus, minus));
  }
  for (int r = rows; r < 16; ++r) _mm512_store_si512(tile + r * 64, _mm512_setzero_si512());
}

// One pixel, from its 32 popcounts.
template <class Store>
inline void store_pixel(const bnn_span& s, int32_t pixel, const int32_t* popcounts) {
  const __m512i low = _mm512_load_si512(popcounts);
  if (s.channels <= kLanes) {
    const __m512i counts[1][1] = {{low}};
    Store::template store_tile<1, 1>(s, pixel, counts);
  } else {
    const __m512i counts[1][2] = {{low, _mm512_load_si512(popcounts + kLanes)}};
    Store::template store_tile<1, 2>(s, pixel, counts);
  }
}

}  // namespace

#endif  // BNN_AMX_VECTORS_H_
