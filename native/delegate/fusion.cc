#include "fusion.h"

#include <algorithm>
#include <utility>

#include "builtins.h"
#include "graph.h"

namespace bnn {
namespace {

class Fusion {
 public:
  Fusion(const tfl::Context* context, const tfl::DelegateParams& params,
         std::vector<PartitionNode>* nodes)
      : context_(context), params_(params), nodes_(*nodes) {}

  // Fuses into the node at `at` what can be; returns where it then stands.
  size_t fuse_into(size_t at) {
    steps_ = 0;
    while (take_reader(&at)) {
    }
    take_quantize(at);
    return at;
  }

 private:
  // The op that alone reads the result is taken in. The fused op must come after the producer of
  // the shortcut, so it stands where a sum stood.
  bool take_reader(size_t* at) {
    const size_t next = only_reader(nodes_[*at].output);
    if (next == nodes_.size() || nodes_[next].steps.empty()) return false;
    PartitionNode &node = nodes_[*at], &taken = nodes_[next];
    const bool sum = is_sum(taken.steps);
    steps_ += taken.steps.size();
    if (steps_ > BNN_MAX_STEPS || (sum && node.shortcut != tfl::kNoTensor)) return false;
    for (EpilogueStep& step : taken.steps) node.op->fuse(std::move(step));
    if (sum) node.shortcut = taken.inputs[taken.inputs[0] == node.output ? 1 : 0];
    node.output = taken.output;
    join(&node, taken);
    if (sum) std::swap(node, taken);
    erase(sum ? *at : next);
    if (sum) *at = next - 1;
    return true;
  }

  void take_quantize(size_t at) {
    for (size_t q = at + 1; q < nodes_.size(); ++q) {
      if (!nodes_[q].quantize || nodes_[q].inputs != std::vector<int>{nodes_[at].output}) continue;
      // Its own prepare() then refuses it.
      if (context_->tensors[nodes_[q].output].type != tfl::kInt32) continue;
      nodes_[at].signs = nodes_[q].output;
      join(&nodes_[at], nodes_[q]);
      erase(q);
      return;
    }
  }

  // The position of the one op that reads a tensor, or nodes_.size().
  size_t only_reader(int tensor) const {
    size_t found = nodes_.size();
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const auto count = std::count(nodes_[i].inputs.begin(), nodes_[i].inputs.end(), tensor) +
                         (nodes_[i].shortcut == tensor);
      if (count > 1 || (count == 1 && found < nodes_.size())) return nodes_.size();
      if (count == 1) found = i;
    }
    return leaves(tensor) ? nodes_.size() : found;
  }

  bool leaves(int tensor) const {
    const tfl::IntArray& outputs = *params_.output_tensors;
    return std::find(outputs.begin(), outputs.end(), tensor) != outputs.end();
  }

  static void join(PartitionNode* node, const PartitionNode& taken) {
    node->graph_nodes.insert(node->graph_nodes.end(), taken.graph_nodes.begin(),
                             taken.graph_nodes.end());
  }

  void erase(size_t position) { nodes_.erase(nodes_.begin() + static_cast<ptrdiff_t>(position)); }

  const tfl::Context* context_;
  const tfl::DelegateParams& params_;
  std::vector<PartitionNode>& nodes_;
  size_t steps_ = 0;
};

}  // namespace

void fuse_nodes(const tfl::Context* context, const tfl::DelegateParams& params,
                std::vector<PartitionNode>* nodes) {
  Fusion fusion(context, params, nodes);
  for (size_t i = 0; i < nodes->size(); ++i) {
    const PartitionNode& node = (*nodes)[i];
    if (!node.op->fuses() || !is_float(context, node.output)) continue;
    if (node.shortcut != tfl::kNoTensor) continue;  // met again, at its new position
    if (fusion.fuse_into(i) != i) --i;              // another op moved to position i
  }
}

}  // namespace bnn
