#include "fusion.h"

#include <algorithm>
#include <utility>

#include "builtins.h"
#include "graph.h"

namespace bnn {
namespace {

class Fusion {
 public:
  Fusion(const tfl::Context* context, const tfl::DelegateParams& params, bool shortcuts,
         std::vector<PartitionNode>* nodes)
      : context_(context), params_(params), shortcuts_(shortcuts), nodes_(*nodes) {}

  // Fuses into the node at `at` what can be; returns where it then stands.
  size_t fuse_into(size_t at) {
    steps_ = 0;
    while (take_reader(&at) || take_refinement(&at)) {
    }
    take_quantize(at);
    return at;
  }

  // Lets bitpacking and max-pooling read what their input is made of: constants of each channel are
  // applied, and joined images read where they are. Joined images that nobody else reads are never
  // written.
  void take_in_inputs() {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].op->takes_in() && nodes_[i].inputs.size() == 1) {
        i = take_steps(i);
      }
    }
    for (PartitionNode& node : nodes_) {
      if (node.op->takes_in() || node.join) read_parts(&node);
    }
    for (size_t i = nodes_.size(); i-- > 0;) {
      if (nodes_[i].join) drop_unread(i);
    }
  }

 private:
  // Returns where the op then stands.
  size_t take_steps(size_t at) {
    std::vector<EpilogueStep> steps;
    for (;;) {
      const size_t before = producer(nodes_[at].inputs[0]);
      if (before >= at || nodes_[before].operand == tfl::kNoTensor ||
          only_reader(nodes_[before].output) != at ||
          steps.size() + nodes_[before].steps.size() > BNN_MAX_STEPS) {
        break;
      }
      PartitionNode& taken = nodes_[before];
      steps.insert(steps.begin(), taken.steps.begin(), taken.steps.end());
      nodes_[at].inputs = {taken.operand};
      join(&nodes_[at], taken);
      erase(before);
      --at;
    }
    nodes_[at].op->take_in(std::move(steps));
    return at;
  }

  // Puts what joined images are made of in their place. Those come first, so theirs is done.
  void read_parts(PartitionNode* node) {
    std::vector<int> parts;
    std::vector<bool> plus_zero;
    for (size_t i = 0; i < node->inputs.size(); ++i) {
      const bool zero = adds_zero(*node, i);
      const size_t from = producer(node->inputs[i]);
      if (from < nodes_.size() && nodes_[from].join) {
        const std::vector<int>& made_of = nodes_[from].inputs;
        for (size_t part = 0; part < made_of.size(); ++part) {
          parts.push_back(made_of[part]);
          plus_zero.push_back(zero || adds_zero(nodes_[from], part));
        }
      } else {
        parts.push_back(node->inputs[i]);
        plus_zero.push_back(zero);
      }
    }
    node->inputs = std::move(parts);
    node->plus_zero = std::move(plus_zero);
  }

  static bool adds_zero(const PartitionNode& node, size_t input) {
    return input < node.plus_zero.size() && node.plus_zero[input];
  }

  void drop_unread(size_t at) {
    const int tensor = nodes_[at].output;
    if (leaves(tensor)) return;
    const auto reads = [tensor](const PartitionNode& node) {
      return node.shortcut == tensor ||
             std::find(node.inputs.begin(), node.inputs.end(), tensor) != node.inputs.end();
    };
    if (std::any_of(nodes_.begin(), nodes_.end(), reads)) return;
    // Whoever reads the parts next stands for it.
    for (size_t i = at + 1; i < nodes_.size(); ++i) {
      if (!nodes_[i].op->takes_in() && !nodes_[i].join) continue;
      join(&nodes_[i], nodes_[at]);
      erase(at);
      return;
    }
  }

  // The position of the op that writes a tensor, or nodes_.size().
  size_t producer(int tensor) const {
    const auto found = std::find_if(nodes_.begin(), nodes_.end(),
                                    [tensor](const auto& node) { return node.output == tensor; });
    return static_cast<size_t>(found - nodes_.begin());
  }

  // The op that alone reads the result is taken in. The fused op must come after the producer of
  // the shortcut, so it stands where a sum stood.
  bool take_reader(size_t* at) {
    const size_t next = only_reader(nodes_[*at].output);
    if (next == nodes_.size() || nodes_[next].steps.empty()) return false;
    PartitionNode &node = nodes_[*at], &taken = nodes_[next];
    const bool sum = is_sum(taken.steps);
    steps_ += taken.steps.size();
    if (steps_ > BNN_MAX_STEPS || (sum && (!shortcuts_ || node.shortcut != tfl::kNoTensor))) {
      return false;
    }
    for (EpilogueStep& step : taken.steps) node.op->fuse(std::move(step));
    if (sum) node.shortcut = taken.inputs[taken.inputs[0] == node.output ? 1 : 0];
    node.output = taken.output;
    join(&node, taken);
    if (sum) std::swap(node, taken);
    erase(sum ? *at : next);
    if (sum) *at = next - 1;
    return true;
  }

  // The result is added to the last of joined images, the others stay: what is joined then is the
  // sum instead, and the convolution takes it in. The others had 0 added to them.
  bool take_refinement(size_t* at) {
    const size_t pad = only_reader(nodes_[*at].output);
    if (pad == nodes_.size() || !nodes_[pad].pad) return false;
    const size_t sum = only_reader(nodes_[pad].output);
    if (sum == nodes_.size() || nodes_[sum].steps.size() != 1 || !is_sum(nodes_[sum].steps)) {
      return false;
    }
    PartitionNode &node = nodes_[*at], &added = nodes_[sum];
    const int image = added.inputs[added.inputs[0] == nodes_[pad].output ? 1 : 0];
    const size_t from = producer(image);
    if (from == nodes_.size() || !nodes_[from].join) return false;
    const int newest = nodes_[from].inputs.back();
    if (++steps_ > BNN_MAX_STEPS || !shortcuts_ || node.shortcut != tfl::kNoTensor ||
        !same_shape(context_, newest, node.output)) {
      return false;
    }
    node.op->fuse(std::move(added.steps[0]));
    node.shortcut = newest;
    join(&node, nodes_[pad]);
    added.join = true;
    added.op = make_join();
    added.steps.clear();
    added.inputs = nodes_[from].inputs;
    added.inputs.back() = node.output;
    added.plus_zero.assign(added.inputs.size(), true);
    added.plus_zero.back() = false;
    erase(pad);
    const auto begin = nodes_.begin();  // the last part is there before the sum, maybe not before
    std::rotate(begin + index(*at), begin + index(*at + 1), begin + index(sum - 1));
    *at = sum - 2;
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

  static ptrdiff_t index(size_t position) { return static_cast<ptrdiff_t>(position); }
  void erase(size_t position) { nodes_.erase(nodes_.begin() + index(position)); }

  const tfl::Context* context_;
  const tfl::DelegateParams& params_;
  const bool shortcuts_;
  std::vector<PartitionNode>& nodes_;
  size_t steps_ = 0;
};

}  // namespace

void fuse_nodes(const tfl::Context* context, const tfl::DelegateParams& params, bool shortcuts,
                std::vector<PartitionNode>* nodes) {
  Fusion fusion(context, params, shortcuts, nodes);
  for (size_t i = 0; i < nodes->size(); ++i) {
    const PartitionNode& node = (*nodes)[i];
    if (!node.op->fuses() || !is_float(context, node.output)) continue;
    if (node.shortcut != tfl::kNoTensor) continue;  // met again, at its new position
    if (fusion.fuse_into(i) != i) --i;              // another op moved to position i
  }
  fusion.take_in_inputs();
}

}  // namespace bnn
