// Images that are joined along their channels, where they are: what ops that read them share.
#ifndef BNN_DELEGATE_JOINED_IMAGES_H_
#define BNN_DELEGATE_JOINED_IMAGES_H_

#include <algorithm>
#include <vector>

#include "bnn/row_split.h"
#include "op_checks.h"
#include "ops.h"

namespace bnn {

// Calls work(first row, last row, pixels of a row) for the rows of images, by several threads if it
// pays.
template <class Work>
void for_rows(const Shape& shape, const OpContext& context, const Work& work) {
  // Elements. Waking a thread costs more than it brings here, but it is needed at once for the
  // convolution, and half of the input may be in its cache.
  constexpr int64_t kWorthAThread = 16384;
  const auto [pixels, channels] = rows_and_channels(shape);
  // By rows of the image, as the convolutions that read and follow it.
  const int64_t width = shape.size() == 4 ? shape[2] : 1, rows = width > 0 ? pixels / width : 0;
  if (context.pool == nullptr || context.threads < 2 || pixels * channels < kWorthAThread) {
    work(0, rows, width);
    return;
  }
  const RowSplit split(rows, 1, std::min(context.threads, context.pool->threads()));
  context.pool->parallel_for(split.count(), context.threads, [&work, width, split](int64_t index) {
    const RowSplit::Piece piece = split.piece(index);
    work(piece.first_row, piece.last_row, width);
  });
}

// The shape of images joined along their channels.
inline Shape joined(const std::vector<TensorView>& parts) {
  Shape shape = parts[0].shape;
  for (size_t i = 1; i < parts.size(); ++i) {
    const Shape& other = parts[i].shape;
    require(other.size() == shape.size() &&
                std::equal(other.begin(), other.end() - 1, shape.begin(), shape.end() - 1),
            "the inputs " + text(parts[0].shape) + " and " + text(other) +
                " differ in more than their channels");
    shape.back() += other.back();
  }
  return shape;
}

inline void require_images(const std::vector<TensorView>& parts) {
  require(!parts.empty(), "needs an input");
  for (const TensorView& x : parts) {
    require(x.type == tfl::kFloat32, "the inputs must be float32");
    require_rank(x, 4, "each input");
  }
}

}  // namespace bnn
#endif  // BNN_DELEGATE_JOINED_IMAGES_H_
