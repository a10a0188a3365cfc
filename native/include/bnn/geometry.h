// Words, windows and frames: where things lie in an image.
#ifndef BNN_GEOMETRY_H_
#define BNN_GEOMETRY_H_

#include <cstdint>

#include "bnn/backend.h"

namespace bnn {

enum class Padding { kSame, kValid };

constexpr int64_t words_for(int64_t channels) {
  return (channels + BNN_WORD_BITS - 1) / BNN_WORD_BITS;
}

// Where the windows along one axis lie: the i-th starts at input position start + i * stride.
struct Windows {
  int64_t out = 0;    // how many
  int64_t start = 0;  // negative: that many positions of padding come before
  bool operator==(const Windows& o) const { return out == o.out && start == o.start; }
};
// As TensorFlow computes them.
Windows window_axis(int64_t size, int64_t kernel, int64_t stride, int64_t dilation,
                    Padding padding);

// An image that lies inside a larger one of height x width pixels, its first pixel at (top, left).
// What surrounds bits is zeros: the padding (+1) of the convolution that reads them. Empty if
// height is 0.
struct Frame {
  int64_t top = 0, left = 0, height = 0, width = 0;
  bool empty() const { return height == 0; }
  bool operator==(const Frame& o) const {
    return top == o.top && left == o.left && height == o.height && width == o.width;
  }
};

}  // namespace bnn
#endif  // BNN_GEOMETRY_H_
