// Dividing rows among threads: each row of each block once, and each thread's own rows at the start
// of the part of the tasks that ThreadPool gives it. Prints what it did, exits with 1 on an error.
#include "bnn/row_split.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace {

bool check(int64_t rows, int64_t blocks, int threads) {
  const bnn::RowSplit split(rows, blocks, threads);
  const int64_t count = split.count(), own = rows / threads;
  std::vector<int> done(static_cast<size_t>(rows * blocks));
  int64_t before = 0;  // the end of the rows of the thread before
  for (int64_t t = 0; t < threads; ++t) {
    const int64_t begin = count * t / threads, end = count * (t + 1) / threads;
    int64_t low = rows, high = 0;
    for (int64_t i = begin; i < end; ++i) {
      const bnn::RowSplit::Piece piece = split.piece(i);
      if (piece.block < 0 || piece.block >= blocks || piece.first_row < 0 ||
          piece.first_row >= piece.last_row || piece.last_row > rows) {
        return false;
      }
      for (int64_t y = piece.first_row; y < piece.last_row; ++y) ++done[y * blocks + piece.block];
      const int64_t left = rows % threads * blocks;
      if (i - begin >= (count - left) / threads) continue;  // of a row that is shared
      low = std::min(low, piece.first_row);
      high = std::max(high, piece.last_row);
    }
    if (own > 0 && (high - low != own || low < before || low > before + 1)) return false;
    if (own > 0) before = high;
  }
  return std::all_of(done.begin(), done.end(), [](int times) { return times == 1; });
}

}  // namespace

int main() {
  int cases = 0;
  for (int64_t rows = 0; rows <= 40; ++rows) {
    for (int64_t blocks : {1, 2, 3, 4, 7, 8, 9, 16, 40}) {
      for (int threads = 1; threads <= 9; ++threads, ++cases) {
        if (!check(rows, blocks, threads)) {
          std::printf("WRONG: %d rows, %d blocks, %d threads\n", static_cast<int>(rows),
                      static_cast<int>(blocks), threads);
          return 1;
        }
      }
    }
  }
  std::printf("%d divisions of rows are right\n", cases);
}
