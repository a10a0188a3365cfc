// Fusing the ops of a partition.
#ifndef BNN_DELEGATE_FUSION_H_
#define BNN_DELEGATE_FUSION_H_

#include <vector>

#include "partition_node.h"
#include "tflite_abi.h"

namespace bnn {

// A float convolution takes in, as far as no other op reads what lies between, the ops that follow
// it: MUL and ADD with a constant for each channel, activations, the addition of one shortcut; and
// an LceQuantize of the result, whose bits are written in the same pass. Values are those of the
// ops one by one, since every rounding stays. An LceQuantize of anything else, and a MAX_POOL_2D,
// take in what comes before them: constants of each channel, and images joined along their
// channels. shortcuts: false leaves the additions of a shortcut on their own.
void fuse_nodes(const tfl::Context* context, const tfl::DelegateParams& params, bool shortcuts,
                std::vector<PartitionNode>* nodes);

}  // namespace bnn
#endif  // BNN_DELEGATE_FUSION_H_
