/* How the amx backend's tiles lie over the output's pixels. Included by its translation unit
 * alone. */
#ifndef BNN_AMX_PIXELS_H_
#define BNN_AMX_PIXELS_H_

#include "bnn/backend.h"
#include "weights.h"

namespace {

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

}  // namespace

#endif  // BNN_AMX_PIXELS_H_
