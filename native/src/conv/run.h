// Running a convolution over the images of a batch.
#ifndef BNN_CONV_RUN_H_
#define BNN_CONV_RUN_H_

#include <cstdint>

#include "bnn/bconv2d.h"
#include "conv/spans.h"

namespace bnn {

struct ConvMemory {
  uint32_t* copy;  // of plan.image_words(), its border zero; unused unless the plan copies
  uint8_t* bytes;  // of plan.byte_image(), null if that is 0
};
void run_convolution(const ConvParts& parts, const uint32_t* x, int64_t batch, OutputView view,
                     const ConvMemory& memory, ThreadPool* pool, int threads);

}  // namespace bnn
#endif  // BNN_CONV_RUN_H_
