/* The five tile operations of AMX, or with BNN_TILES_EMULATED the same in plain C++, which ends the
 * program where a real one would fault or give garbage: a tile that is not configured, shapes that
 * do not fit, one tile as two operands. Tests run the backend on it wherever there are no tiles.
 *
 * GCC's own functions tell the compiler of no memory that tile loads read (versions up to 12), so
 * it may drop the stores before them: each operation is an asm of its own with a memory clobber. */
#ifndef BNN_AMX_TILES_H_
#define BNN_AMX_TILES_H_

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace {

constexpr int kTileRows = 16;
constexpr int kTileBytes = 64;  // of a row

struct alignas(64) TileConfig {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
};
static_assert(sizeof(TileConfig) == 64, "as the CPU reads it");

#ifndef BNN_TILES_EMULATED

inline void tile_configure(const TileConfig* config) {
  asm volatile("ldtilecfg %0" : : "m"(*config) : "memory");
}

inline void tile_release() { asm volatile("tilerelease" : : : "memory"); }

template <int kTile>
inline void tile_load(const void* first_row, ptrdiff_t step) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2"
               :
               : "r"(first_row), "r"(step), "i"(kTile)
               : "memory");
}

template <int kTile>
inline void tile_store(void* first_row, ptrdiff_t step) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)"
               :
               : "r"(first_row), "r"(step), "i"(kTile)
               : "memory");
}

// kSums += kA * kB. Row m of A: 64 values; row k of B: four values of each of 16 columns.
template <int kSums, int kA, int kB>
inline void tile_dot() {
  asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kA), "i"(kB) : "memory");
}

#else

struct Tile {
  int32_t rows, row_bytes;  // 0: not configured
  int8_t bytes[kTileRows][kTileBytes];
};
static thread_local Tile tiles[8];

inline void tile_check(bool right, const char* what) {
  if (right) return;
  fprintf(stderr, "emulated tiles: %s\n", what);
  abort();
}

inline void tile_configure(const TileConfig* config) {
  tile_check(config->palette == 1 && config->start_row == 0, "the configuration is not valid");
  for (int t = 0; t < 8; ++t) {
    tile_check(config->rows[t] <= kTileRows && config->row_bytes[t] <= kTileBytes,
               "a tile is configured too large");
    memset(&tiles[t], 0, sizeof(Tile));
    tiles[t].rows = config->rows[t];
    tiles[t].row_bytes = config->row_bytes[t];
  }
}

inline void tile_release() { memset(tiles, 0, sizeof(tiles)); }

template <int kTile>
inline void tile_load(const void* first_row, ptrdiff_t step) {
  Tile& t = tiles[kTile];
  tile_check(t.rows > 0 && t.row_bytes > 0, "a tile is loaded that is not configured");
  memset(t.bytes, 0, sizeof(t.bytes));
  for (int r = 0; r < t.rows; ++r) {
    memcpy(t.bytes[r], static_cast<const char*>(first_row) + r * step,
           static_cast<size_t>(t.row_bytes));
  }
}

template <int kTile>
inline void tile_store(void* first_row, ptrdiff_t step) {
  const Tile& t = tiles[kTile];
  tile_check(t.rows > 0 && t.row_bytes > 0, "a tile is stored that is not configured");
  for (int r = 0; r < t.rows; ++r) {
    memcpy(static_cast<char*>(first_row) + r * step, t.bytes[r], static_cast<size_t>(t.row_bytes));
  }
}

// Nearly all of the time goes here, and indices are constants or were checked: sanitizers, whose
// business are the loads and stores of tiles, would only make it several times slower.
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("O3"), no_sanitize("address", "undefined"), noinline))
#endif
static void tile_multiply(Tile* sums, const Tile& a, const Tile& b) {
  int8_t column[4][kTileRows][kTileRows];  // [k % 4][k / 4][n]
  for (int k = 0; k < kTileRows; ++k) {
    for (int n = 0; n < kTileRows; ++n) {
      for (int i = 0; i < 4; ++i) column[i][k][n] = b.bytes[k][4 * n + i];
    }
  }
  for (int m = 0; m < a.rows; ++m) {
    int32_t row[kTileRows];
    memcpy(row, sums->bytes[m], sizeof(row));
    for (int k = 0; k < b.rows; ++k) {
      for (int i = 0; i < 4; ++i) {
        const int32_t value = a.bytes[m][4 * k + i];
        for (int n = 0; n < kTileRows; ++n) row[n] += value * column[i][k][n];
      }
    }
    memcpy(sums->bytes[m], row, sizeof(row));
  }
}

template <int kSums, int kA, int kB>
inline void tile_dot() {
  static_assert(kSums != kA && kSums != kB && kA != kB, "a tile is one operand");
  Tile& sums = tiles[kSums];
  const Tile &a = tiles[kA], &b = tiles[kB];
  tile_check(a.rows > 0 && b.rows > 0 && sums.rows == a.rows && sums.row_bytes == b.row_bytes &&
                 a.row_bytes == 4 * b.rows,
             "the shapes of a product do not fit");
  tile_multiply(&sums, a, b);
}

#endif  // BNN_TILES_EMULATED

}  // namespace

#endif  // BNN_AMX_TILES_H_
