// The padded copy of an image.
#ifndef BNN_CONV_IMAGE_H_
#define BNN_CONV_IMAGE_H_

#include <cstdint>

#include "conv/plan.h"

namespace bnn {

// Copies the input into the middle of the padded image, whose border stays zero bits (+1).
void fill_image(const ConvLayer& layer, const ConvPlan& plan, const uint32_t* x, uint32_t* image);

}  // namespace bnn
#endif  // BNN_CONV_IMAGE_H_
