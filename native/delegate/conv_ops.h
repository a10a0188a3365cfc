// The convolutions: LceBconv2d, and two ops of our own that LCE has no name for.
//
//   BnnLabDepthwise2d  operands as LceBconv2d, filter [1, height, width, words of channels_out];
//                      options as LceBconv2d and depth_multiplier
//   BnnLabTranspose2d  operands as LceBconv2d; options channels_in, fused_activation_function,
//                      output_height, output_width, padding, stride_height, stride_width
#ifndef BNN_DELEGATE_CONV_OPS_H_
#define BNN_DELEGATE_CONV_OPS_H_

#include <memory>
#include <string>

#include "ops.h"
#include "options.h"

namespace bnn {

// Null if `name` is not a convolution. Throws std::invalid_argument for bad options.
std::unique_ptr<Op> make_conv_op(const std::string& name, const Options& options,
                                 const bnn_backend& backend);

}  // namespace bnn
#endif  // BNN_DELEGATE_CONV_OPS_H_
