/* What the amx backend does outside tiles, in plain C++ as in vectors.h, for tests on CPUs without
 * AVX-512. Included by its translation unit alone. */
#ifndef BNN_AMX_PORTABLE_H_
#define BNN_AMX_PORTABLE_H_

#include <string.h>

#include "../scalar/results.h"

namespace {

inline const bnn_backend& without_tiles() { return *bnn_backend_scalar(); }

void expand(const uint32_t* words, int64_t count, uint8_t* bytes) {
  for (int64_t i = 0; i < count; ++i) {
    for (int bit = 0; bit < 32; ++bit) *bytes++ = words[i] >> bit & 1;
  }
}

inline void expand_weights(const uint32_t* bits, int rows, uint8_t* tile) {
  memset(tile, 0, 16 * 64);
  for (int i = 0; i < rows * 64; ++i) tile[i] = bits[i / 32] >> (i % 32) & 1 ? 0xff : 1;
}

template <class Store>
inline void store_pixel(const bnn_span& s, int32_t pixel, const int32_t* popcounts) {
  for (int32_t c = 0; c < s.channels; ++c) {
    Store::store(s, pixel, c, 2 * popcounts[c] + s.offset[c]);
  }
}

}  // namespace

#endif  // BNN_AMX_PORTABLE_H_
