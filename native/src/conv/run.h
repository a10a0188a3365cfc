// Running a convolution over the images of a batch.
#ifndef BNN_CONV_RUN_H_
#define BNN_CONV_RUN_H_

#include <cstdint>

#include "bnn/bconv2d.h"
#include "conv/spans.h"

namespace bnn {

// `copy`: memory of plan.image_words(), its border zero; unused unless the plan copies.
void run_convolution(const ConvParts& parts, const uint32_t* x, int64_t batch, OutputView view,
                     uint32_t* copy, ThreadPool* pool, int threads);

}  // namespace bnn
#endif  // BNN_CONV_RUN_H_
