// A dense layer of ternary weights, an op of our own:
//
//   BnnLabTernaryDense
//     operands  input float32 [..., K]; weights int8 [O, ceil(K / trits_per_byte)], whose bytes
//               hold codes (weight + 1) as bnn/ternary.h says; scale float32 [1]
//     options   channels_in: K; trits_per_byte: 4 or 5
//     output    float32 [..., O]
#ifndef BNN_DELEGATE_TERNARY_OP_H_
#define BNN_DELEGATE_TERNARY_OP_H_

#include <memory>

#include "ops.h"
#include "options.h"

namespace bnn {

std::unique_ptr<Op> make_ternary_dense(const Options& options, const bnn_backend& backend);

}  // namespace bnn
#endif  // BNN_DELEGATE_TERNARY_OP_H_
