// A dense layer of ternary weights, an op of our own:
//
//   BnnLabTernaryDense  operands: input float32 [..., K]; weights int8 [O, ceil(K / 4)], whose
//   bytes
//                       hold four codes (weight + 1) each, least significant bits first; scale
//                       float32 [1]. Option channels_in: K. Output float32 [..., O].
#ifndef BNN_DELEGATE_TERNARY_OP_H_
#define BNN_DELEGATE_TERNARY_OP_H_

#include <memory>

#include "ops.h"
#include "options.h"

namespace bnn {

std::unique_ptr<Op> make_ternary_dense(const Options& options, const bnn_backend& backend);

}  // namespace bnn
#endif  // BNN_DELEGATE_TERNARY_OP_H_
