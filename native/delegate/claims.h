// Which nodes of a graph the delegate runs, and what the builtin ones do.
#ifndef BNN_DELEGATE_CLAIMS_H_
#define BNN_DELEGATE_CLAIMS_H_

#include <memory>
#include <vector>

#include "ops.h"
#include "tflite_abi.h"

namespace bnn {

struct GraphNode {
  const tfl::Node* node;
  const tfl::Registration* registration;
};

// Throws std::runtime_error for what can only mean that the structs are laid out differently.
GraphNode read_node(tfl::Context* context, int index);

// Its one output, or kNoTensor.
int only_output(const tfl::Node& node);

bool is_float(const tfl::Context* context, int tensor);

// In execution order: the binary ops; the float ops that it can fuse into a convolution (see
// Partition), if `fuse`; and averages over the whole image, whether or not it fuses, if there are
// binary ops at all. Throws std::runtime_error if the graph cannot be read.
std::vector<int> claim_nodes(tfl::Context* context, bool fuse);

// What a builtin op does to its input, as steps of a convolution's epilogue; empty if it cannot be
// taken in. A sum has BNN_STEP_SHORTCUT as its first step.
std::vector<EpilogueStep> epilogue_steps(const tfl::Context* context, const GraphNode& n);
bool is_sum(const std::vector<EpilogueStep>& steps);

// A claimed builtin op as an op of its own.
std::unique_ptr<Op> make_builtin(const tfl::Context* context, const GraphNode& n);
const char* builtin_name(int code);

}  // namespace bnn
#endif  // BNN_DELEGATE_CLAIMS_H_
