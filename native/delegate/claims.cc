#include "claims.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "builtins.h"
#include "graph.h"
#include "ops.h"

namespace bnn {
namespace {

class Claims {
 public:
  Claims(tfl::Context* context, const std::vector<int>& order) : context_(context) {
    for (int index : order) {
      const GraphNode n = read_node(context, index);
      for (int tensor : *n.node->inputs) ++readers_[tensor];
      for (int tensor : *n.node->outputs) producers_[tensor] = index;
    }
  }

  bool has(int index) const { return claimed_.count(index) != 0; }
  bool empty() const { return claimed_.empty(); }

  void claim_binary(int index, const GraphNode& n) {
    if (!is_binary_op(n.registration->custom_name)) return;
    claimed_.insert(index);
    const int output = only_output(*n.node);
    if (std::string(n.registration->custom_name) == "LceBconv2d" && is_float(context_, output)) {
      leave_open(output, {0, false});
    }
  }

  // Claims a float op that can be fused into what comes before it.
  void claim_fused(int index, const GraphNode& n) {
    for (int x : *n.node->inputs) {
      const auto before = open_.find(x);
      if (before == open_.end()) continue;
      const std::vector<EpilogueStep> steps = steps_of(context_, n, x);
      const Result result{before->second.steps + steps.size(), before->second.sum || is_sum(steps)};
      if (steps.empty() || result.steps > BNN_MAX_STEPS || (before->second.sum && is_sum(steps))) {
        continue;
      }
      claimed_.insert(index);
      leave_open(only_output(*n.node), result);
      return;
    }
  }

  // Claims what adds a convolution's result to the newest of joined images, which is all that an
  // addition to an image with zeros in its other channels does: the convolution takes it in, and
  // what is joined then is the sum instead. So MeliusNet improves its newest channels.
  void claim_refinement(int index, const GraphNode& n) {
    const tfl::IntArray& inputs = *n.node->inputs;
    if (n.registration->builtin_code != tfl::kAdd || has(index) || inputs.size != 2) return;
    for (int i = 0; i < 2; ++i) {
      const int joined = inputs[i], padded = inputs[1 - i];
      const auto pad = producers_.find(padded), join = producers_.find(joined);
      if (pad == producers_.end() || join == producers_.end() || readers_[padded] != 1) continue;
      const GraphNode before = read_node(context_, pad->second);
      const int newest = newest_part(joined);
      if (newest == tfl::kNoTensor || !is_pad_of_channels(context_, before)) continue;
      const int refined = (*before.node->inputs)[0];
      const auto result = open_.find(refined);
      const std::vector<EpilogueStep> steps = steps_of(context_, n, padded);
      if (result == open_.end() || result->second.sum || steps.size() != 1 || !is_sum(steps) ||
          result->second.steps + 1 > BNN_MAX_STEPS || !same_shape(context_, newest, refined)) {
        continue;
      }
      claimed_.insert({join->second, pad->second, index});
      refined_[only_output(*n.node)] = refined;
      return;
    }
  }

  // Claims what comes before an LceQuantize and is done while its input is read: constants of each
  // channel, and images joined along their channels.
  void claim_before_signs(const GraphNode& n) {
    if (std::string(n.registration->custom_name) != "LceQuantize" || n.node->inputs->size != 1) {
      return;
    }
    size_t steps = 0;
    for (int x = (*n.node->inputs)[0]; is_float(context_, x);) {
      const auto producer = producers_.find(x);
      if (producer == producers_.end() || has(producer->second)) return;
      const GraphNode before = read_node(context_, producer->second);
      if (before.registration->builtin_code == tfl::kCustom) return;
      if (is_join_of_channels(context_, before)) {
        claimed_.insert(producer->second);
        return;
      }
      const int operand = readers_[x] == 1 ? step_operand(context_, before) : tfl::kNoTensor;
      if (operand == tfl::kNoTensor) return;
      steps += steps_of(context_, before, operand).size();
      if (steps > BNN_MAX_STEPS) return;
      claimed_.insert(producer->second);
      x = operand;
    }
  }

  // Joined images of which one is joined here already: it need not be written then.
  void claim_join(int index, const GraphNode& n) {
    if (has(index) || !is_join_of_channels(context_, n)) return;
    for (int x : *n.node->inputs) {
      const auto producer = producers_.find(x);
      if (producer != producers_.end() && has(producer->second) &&
          (refined_.count(x) != 0 ||
           is_join_of_channels(context_, read_node(context_, producer->second)))) {
        claimed_.insert(index);
        return;
      }
    }
  }

  // Claims a max-pooling of joined images of which one is made here, and the constants of each
  // channel in between. The first of those must calculate, as XNNPACK's pool takes a denormal for
  // zero, which their results never are.
  void claim_pool(int index, const GraphNode& n) {
    MaxPoolOptions options;
    if (has(index) || !read_max_pool(context_, n, &options)) return;
    std::vector<int> taken{index};
    std::vector<EpilogueStep> steps;
    int x = (*n.node->inputs)[0];
    for (;;) {
      const auto producer = producers_.find(x);
      if (producer == producers_.end()) return;
      const GraphNode before = read_node(context_, producer->second);
      if (refined_.count(x) != 0 || is_join_of_channels(context_, before)) {
        if (!has(producer->second) && !joins_ours(before)) return;
        taken.push_back(producer->second);
        break;
      }
      const int operand = readers_[x] == 1 && !has(producer->second)
                              ? step_operand(context_, before)
                              : tfl::kNoTensor;
      if (operand == tfl::kNoTensor) return;
      const std::vector<EpilogueStep> more = steps_of(context_, before, operand);
      steps.insert(steps.begin(), more.begin(), more.end());
      taken.push_back(producer->second);
      x = operand;
    }
    if (steps.empty() || steps.size() > BNN_MAX_STEPS ||
        (steps[0].kind != BNN_STEP_MULTIPLY && steps[0].kind != BNN_STEP_ADD)) {
      return;
    }
    claimed_.insert(taken.begin(), taken.end());
  }

 private:
  struct Result {  // of a float convolution and what was fused into it
    size_t steps;
    bool sum;  // the one shortcut has been added
  };

  // The last of the images that are joined in `tensor`; kNoTensor if it is not one.
  int newest_part(int tensor) const {
    const auto refined = refined_.find(tensor);
    if (refined != refined_.end()) return refined->second;
    const GraphNode n = read_node(context_, producers_.at(tensor));
    return is_join_of_channels(context_, n) ? (*n.node->inputs)[n.node->inputs->size - 1]
                                            : tfl::kNoTensor;
  }

  bool joins_ours(const GraphNode& n) const {
    return std::any_of(n.node->inputs->begin(), n.node->inputs->end(), [&](int x) {
      const auto producer = producers_.find(x);
      return producer != producers_.end() && has(producer->second);
    });
  }

  // What reads `tensor` may be fused, if nothing else reads it.
  void leave_open(int tensor, const Result& result) {
    if (readers_[tensor] == 1) open_[tensor] = result;
  }

  tfl::Context* context_;
  std::map<int, int> readers_;    // of each tensor: how many
  std::map<int, int> producers_;  // of each tensor: the node that writes it
  std::set<int> claimed_;
  std::map<int, Result> open_;
  std::map<int, int> refined_;  // of each sum that is joined images still: the last of them
};

std::string described(const tfl::Context* context, const GraphNode& n, int tensor) {
  const bool custom = n.registration->builtin_code == tfl::kCustom;
  const char* op =
      custom ? n.registration->custom_name : builtin_name(n.registration->builtin_code);
  const char* name = context->tensors[tensor].name;
  return std::string(op == nullptr ? "an op" : op) + " writes tensor '" +
         (name == nullptr ? "?" : name) + "'";
}

// Memory is planned for tensors that are written once, and read only afterwards; and what the file
// holds is not ours to write. LiteRT does not look at this.
void check_writes(tfl::Context* context, const std::vector<int>& order,
                  const std::set<int>& claimed) {
  std::set<int> read, read_here, written;
  for (int index : order) {
    const GraphNode n = read_node(context, index);
    const bool here = claimed.count(index) != 0;
    const tfl::IntArray &inputs = *n.node->inputs, &outputs = *n.node->outputs;
    read.insert(inputs.begin(), inputs.end());
    if (here) read_here.insert(inputs.begin(), inputs.end());
    for (int tensor : outputs) {
      if (tensor == tfl::kNoTensor) continue;
      const char* problem = nullptr;
      if (!written.insert(tensor).second) {
        problem = ", which an op before it has written already";
      } else if (here && context->tensors[tensor].allocation_type == tfl::kReadOnly) {
        problem = ", which is a constant";
      } else if (here ? read.count(tensor) : read_here.count(tensor)) {
        problem = ", which is read before, or is its own input";
      }
      if (problem != nullptr) throw std::runtime_error(described(context, n, tensor) + problem);
    }
  }
}

}  // namespace

std::vector<int> claim_nodes(tfl::Context* context, bool fuse) {
  tfl::IntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != tfl::kOk || plan == nullptr) {
    throw std::runtime_error("the execution plan cannot be read");
  }
  const std::vector<int> order(plan->begin(), plan->end());  // the plan changes under our hands
  Claims claims(context, order);
  for (int index : order) {
    const GraphNode n = read_node(context, index);
    if (n.registration->builtin_code == tfl::kCustom) {
      claims.claim_binary(index, n);
    } else if (fuse) {
      claims.claim_fused(index, n);
    }
  }
  if (fuse) {
    for (int index : order) claims.claim_refinement(index, read_node(context, index));
    for (int index : order) {
      const GraphNode n = read_node(context, index);
      if (claims.has(index) && n.registration->builtin_code == tfl::kCustom) {
        claims.claim_before_signs(n);
      }
    }
    for (int index : order) claims.claim_join(index, read_node(context, index));
    for (int index : order) claims.claim_pool(index, read_node(context, index));
  }
  std::vector<int> in_order;
  for (int index : order) {
    AverageOptions options;
    if (claims.has(index) ||
        (!claims.empty() && read_average(context, read_node(context, index), &options))) {
      in_order.push_back(index);
    }
  }
  if (!in_order.empty()) check_writes(context, order, {in_order.begin(), in_order.end()});
  return in_order;
}

}  // namespace bnn
