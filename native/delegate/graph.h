// Reading nodes and tensors of LiteRT's graph.
#ifndef BNN_DELEGATE_GRAPH_H_
#define BNN_DELEGATE_GRAPH_H_

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
bool is_constant(const tfl::Context* context, int tensor);
bool same_shape(const tfl::Context* context, int a, int b);

}  // namespace bnn
#endif  // BNN_DELEGATE_GRAPH_H_
