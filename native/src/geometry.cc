#include "bnn/geometry.h"

#include <algorithm>

namespace bnn {

Windows window_axis(int64_t size, int64_t kernel, int64_t stride, int64_t dilation,
                    Padding padding) {
  const int64_t extent = (kernel - 1) * dilation + 1;
  if (padding == Padding::kValid) {
    return {size < extent ? 0 : (size - extent) / stride + 1, 0};
  }
  const int64_t out = (size + stride - 1) / stride;
  const int64_t total = std::max<int64_t>((out - 1) * stride + extent - size, 0);
  return {out, -(total / 2)};  // the odd padding element comes after
}

}  // namespace bnn
