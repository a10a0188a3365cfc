// Max-pooling of bits.
#ifndef BNN_BMAXPOOL2D_H_
#define BNN_BMAXPOOL2D_H_

#include <cstdint>

#include "bnn/backend.h"
#include "bnn/geometry.h"

namespace bnn {

// x: [batch, height, width, words]; output: [batch, windows, windows, words].
void bmaxpool2d(const bnn_backend& backend, const uint32_t* x, int64_t batch, int64_t height,
                int64_t width, int64_t words, int64_t pool_height, int64_t pool_width,
                int64_t stride_height, int64_t stride_width, Padding padding, uint32_t* output);

}  // namespace bnn
#endif  // BNN_BMAXPOOL2D_H_
