// One op of a partition, and what was fused into it.
#ifndef BNN_DELEGATE_PARTITION_NODE_H_
#define BNN_DELEGATE_PARTITION_NODE_H_

#include <memory>
#include <string>
#include <vector>

#include "ops.h"

namespace bnn {

struct PartitionNode {
  std::string name;
  std::vector<int> graph_nodes;  // that it stands for
  std::unique_ptr<Op> op;
  std::vector<int> inputs;
  int output = tfl::kNoTensor;
  int shortcut = tfl::kNoTensor;
  int signs = tfl::kNoTensor;
  // What a convolution before it takes in instead: these steps, in order. A sum has the shortcut
  // as its first one.
  std::vector<EpilogueStep> steps;
  int operand = tfl::kNoTensor;  // of the steps, if they are not a sum
  bool quantize = false;
  bool join = false;            // of images along their channels
  bool pad = false;             // with channels of zeros before an image's own
  std::vector<bool> plus_zero;  // of a join's inputs, see TensorView; empty if of none
  OpTensors tensors;            // as prepared
};

}  // namespace bnn
#endif  // BNN_DELEGATE_PARTITION_NODE_H_
