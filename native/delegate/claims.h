// Which nodes of a graph the delegate runs.
#ifndef BNN_DELEGATE_CLAIMS_H_
#define BNN_DELEGATE_CLAIMS_H_

#include <vector>

#include "tflite_abi.h"

namespace bnn {

// In execution order: the binary ops; the float ops that it can fuse into a convolution (see
// fusion.h), if `fuse`; and averages over the whole image, whether or not it fuses, if there are
// binary ops at all. Throws std::runtime_error if the graph cannot be read, if an op writes
// what is written already, if a claimed one writes a constant, or if what a claimed one reads or
// writes was read before it is written.
std::vector<int> claim_nodes(tfl::Context* context, bool fuse);

}  // namespace bnn
#endif  // BNN_DELEGATE_CLAIMS_H_
