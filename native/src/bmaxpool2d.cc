#include "bnn/bmaxpool2d.h"

#include <algorithm>

namespace bnn {

void bmaxpool2d(const bnn_backend& backend, const uint32_t* x, int64_t batch, int64_t height,
                int64_t width, int64_t words, int64_t pool_height, int64_t pool_width,
                int64_t stride_height, int64_t stride_width, Padding padding, uint32_t* output) {
  const Windows ys = window_axis(height, pool_height, stride_height, 1, padding);
  const Windows xs = window_axis(width, pool_width, stride_width, 1, padding);
  const ptrdiff_t row_words = static_cast<ptrdiff_t>(width * words);
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t oy = 0; oy < ys.out; ++oy) {
      const int64_t y0 = oy * stride_height + ys.start;
      const int64_t top = std::max<int64_t>(y0, 0), bottom = std::min(y0 + pool_height, height);
      for (int64_t ox = 0; ox < xs.out; ++ox) {
        const int64_t x0 = ox * stride_width + xs.start;
        const int64_t left = std::max<int64_t>(x0, 0), right = std::min(x0 + pool_width, width);
        backend.bmaxpool(x + top * row_words + left * words, row_words,
                         static_cast<int32_t>(std::max<int64_t>(bottom - top, 0)),
                         static_cast<int32_t>(std::max<int64_t>(right - left, 0)), words, output);
        output += words;
      }
    }
    x += height * row_words;
  }
}

}  // namespace bnn
