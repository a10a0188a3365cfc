#include "partition.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "bnn/checks.h"
#include "builtins.h"
#include "fusion.h"
#include "graph.h"

namespace bnn {
namespace {

constexpr int kMaxRank = 16;

// LiteRT refuses such files itself; whoever calls the delegate otherwise may not.
void require_data(const TensorView& v) {
  const bool known = v.type == tfl::kFloat32 || v.type == tfl::kInt32 || v.type == tfl::kInt8 ||
                     v.type == tfl::kBool;
  require(!v.constant || !known || v.bytes >= static_cast<size_t>(byte_size(v.shape, v.type)),
          "a constant has too little data for its shape");
}

}  // namespace

ThreadPool* DelegateState::pool_of(int wanted) {
  if (wanted > 1 && (pool == nullptr || pool->threads() < wanted)) {
    pool = std::make_unique<ThreadPool>(wanted);
  }
  return pool.get();
}

Partition::Partition(tfl::Context* context, const tfl::DelegateParams& params, DelegateState* state)
    : state_(state),
      outputs_(std::as_const(*params.output_tensors).begin(),
               std::as_const(*params.output_tensors).end()),
      group_(state->groups.size()),
      in_main_graph_(context == state->main_graph) {
  if (in_main_graph_) {
    state_->groups.emplace_back();
    state_->spent.emplace_back();
  }
  const auto made = [&](bool shortcuts) {
    std::vector<PartitionNode> nodes;
    for (int index : *params.nodes_to_replace) nodes.push_back(make_node(context, index));
    if (state_->fuse) fuse_nodes(context, params, shortcuts, &nodes);
    return nodes;
  };
  take_nodes(made(true));
  const auto adds = [](const PartitionNode& node) { return node.shortcut != tfl::kNoTensor; };
  if (std::any_of(nodes_.begin(), nodes_.end(), adds)) without_shortcuts_ = made(false);
}

void Partition::take_nodes(std::vector<PartitionNode> nodes) {
  nodes_ = std::move(nodes);
  internal_.clear();
  for (const PartitionNode& node : nodes_) {
    internal_[node.output];
    if (node.signs != tfl::kNoTensor) internal_[node.signs];
  }
  for (int tensor : outputs_) internal_.erase(tensor);
  if (!in_main_graph_ || group_ >= state_->groups.size()) return;
  std::vector<std::vector<int>>& groups = state_->groups[group_];
  groups.clear();
  for (const PartitionNode& node : nodes_) {
    groups.push_back(node.graph_nodes);
    std::sort(groups.back().begin(), groups.back().end());
  }
  state_->spent[group_].assign(groups.size(), {});
}

PartitionNode Partition::make_node(tfl::Context* context, int index) const {
  const GraphNode n = read_node(context, index);
  PartitionNode node;
  node.graph_nodes = {index};
  node.inputs.assign(std::as_const(*n.node->inputs).begin(), std::as_const(*n.node->inputs).end());
  node.output = only_output(*n.node);
  if (n.registration->builtin_code != tfl::kCustom) {
    node.name = builtin_name(n.registration->builtin_code);
    node.join = is_join_of_channels(context, n);
    node.pad = is_pad_of_channels(context, n);
    node.steps = epilogue_steps(context, n);
    node.operand = step_operand(context, n);
    node.op = make_builtin(context, n);
    return node;
  }
  node.name = n.registration->custom_name;
  node.quantize = node.name == "LceQuantize";
  guarded(context, node, [&] {
    require(node.output != tfl::kNoTensor, "must have one output");
    node.op = make_op(node.name, n.node->custom_initial_data,
                      static_cast<size_t>(std::max(n.node->custom_initial_data_size, 0)),
                      *state_->backend);
  });
  return node;
}

// Runs `action`; its errors get the op's name and the name of what it writes.
template <class Action>
void Partition::guarded(const tfl::Context* context, const PartitionNode& node, Action action) {
  try {
    action();
  } catch (const std::exception& error) {
    const char* name = node.output >= 0 ? context->tensors[node.output].name : nullptr;
    throw std::runtime_error(node.name + " (output '" + (name == nullptr ? "?" : name) +
                             "'): " + error.what());
  }
}

TensorView Partition::view(const tfl::Context* context, int index) const {
  TensorView v;
  if (index == tfl::kNoTensor) return v;
  const tfl::Tensor& tensor = context->tensors[index];
  v.index = index;
  v.type = tensor.type;
  v.scale = tensor.scale;
  v.zero_point = tensor.zero_point;
  v.constant = tensor.allocation_type == tfl::kReadOnly;
  v.data = tensor.data;
  v.bytes = tensor.bytes;
  const auto own = internal_.find(index);
  if (own != internal_.end() && !own->second.shape.empty()) {
    v.shape = own->second.shape;
  } else if (tensor.dims != nullptr && tensor.dims->size >= 0 && tensor.dims->size <= kMaxRank) {
    v.shape.assign(tensor.dims->begin(), tensor.dims->end());
  }
  return v;
}

void Partition::set_shape(tfl::Context* context, int index, const Shape& shape, tfl::Type type) {
  const int64_t bytes = byte_size(shape, type);
  const auto own = internal_.find(index);
  if (own != internal_.end()) {
    own->second.shape = shape;
    own->second.bytes = static_cast<size_t>(bytes);
    own->second.frame = {};
    return;
  }
  const size_t rank = shape.size();
  auto* dims = static_cast<tfl::IntArray*>(std::malloc((rank + 1) * sizeof(int)));
  if (dims == nullptr) throw std::bad_alloc();
  dims->size = static_cast<int>(rank);
  for (size_t i = 0; i < rank; ++i) dims->begin()[i] = static_cast<int>(shape[i]);
  if (context->ResizeTensor(context, &context->tensors[index], dims) != tfl::kOk) {
    throw std::runtime_error("the output cannot be resized");
  }
}

void Partition::prepare(tfl::Context* context) {
  const int threads =
      state_->threads > 0 ? state_->threads : std::max(context->recommended_num_threads, 1);
  context_.backend = state_->backend;
  context_.threads = std::min(threads, kMaxThreads);
  context_.pool = state_->pool_of(context_.threads);
  prepare_nodes(context);
  plan_frames(nodes_, context_.threads, &internal_);
  const std::vector<BufferPlan> plans = plan_buffers(nodes_, &internal_);
  buffers_.resize(plans.size());
  for (size_t b = 0; b < plans.size(); ++b) {
    if (buffers_[b].size() < plans[b].bytes || !plans[b].same_layout({})) {
      buffers_[b] = AlignedBuffer<char>(plans[b].bytes);  // zeros
    }
  }
  lay_out();
}

void Partition::prepare_nodes(tfl::Context* context) {
  for (PartitionNode& node : nodes_) {
    bool as_fused = true;
    guarded(context, node, [&] { as_fused = prepare_node(context, &node); });
    if (as_fused) continue;
    take_nodes(std::exchange(without_shortcuts_, {}));  // which have none, so this ends
    prepare_nodes(context);
    return;
  }
}

// False if the shortcut does not have the shape of what it is added to.
bool Partition::prepare_node(tfl::Context* context, PartitionNode* node) {
  OpTensors& tensors = node->tensors;
  tensors.inputs.clear();
  for (size_t i = 0; i < node->inputs.size(); ++i) {
    tensors.inputs.push_back(view(context, node->inputs[i]));
    tensors.inputs.back().plus_zero = i < node->plus_zero.size() && node->plus_zero[i];
    require_data(tensors.inputs.back());
  }
  tensors.output = view(context, node->output);
  tensors.shortcut = view(context, node->shortcut);
  tensors.signs = view(context, node->signs);
  const Shape shape = node->op->prepare(tensors);
  if (node->shortcut != tfl::kNoTensor && tensors.shortcut.shape != shape) return false;
  tensors.output.shape = shape;
  set_shape(context, node->output, shape, tensors.output.type);
  if (node->signs != tfl::kNoTensor) {
    Shape words = shape;
    words.back() = words_for(words.back());
    tensors.signs.shape = words;
    set_shape(context, node->signs, words, tfl::kInt32);
  }
  return true;
}

void Partition::lay_out() {
  const auto place = [&](TensorView* v) {
    const auto own = internal_.find(v->index);
    if (own == internal_.end()) return;
    v->data = buffers_[own->second.buffer].data();
    v->frame = own->second.frame;
  };
  for (PartitionNode& node : nodes_) {
    for (TensorView& v : node.tensors.inputs) place(&v);
    for (TensorView* v : {&node.tensors.output, &node.tensors.shortcut, &node.tensors.signs}) {
      place(v);
    }
    node.op->lay_out(node.tensors);
  }
}

// LiteRT may move what it allocated between two runs. In a file whose ops are not in order, a later
// op may have resized what was prepared already.
void Partition::point(const tfl::Context* context, TensorView* v) const {
  if (v->index == tfl::kNoTensor || internal_.count(v->index)) return;
  const tfl::Tensor& tensor = context->tensors[v->index];
  v->data = tensor.data;
  const tfl::IntArray* dims = tensor.dims;
  const bool same = dims == nullptr
                        ? v->shape.empty()
                        : std::equal(dims->begin(), dims->end(), v->shape.begin(), v->shape.end());
  require(same, "a tensor was resized by an op that comes later");
}

void Partition::run_node(tfl::Context* context, PartitionNode* node) {
  guarded(context, *node, [&] {
    for (TensorView& v : node->tensors.inputs) point(context, &v);
    for (TensorView* v : {&node->tensors.output, &node->tensors.shortcut, &node->tensors.signs}) {
      point(context, v);
    }
    node->op->run(node->tensors, context_);
  });
}

void Partition::run(tfl::Context* context) {
  if (!state_->trace || !in_main_graph_ || group_ >= state_->spent.size()) {
    for (PartitionNode& node : nodes_) run_node(context, &node);
    return;
  }
  for (size_t i = 0; i < nodes_.size(); ++i) {
    Spent& spent = state_->spent[group_][i];
    if (context_.pool != nullptr) context_.pool->time_into(&spent.pool);
    const auto start = std::chrono::steady_clock::now();
    run_node(context, &nodes_[i]);
    spent.total += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (context_.pool != nullptr) context_.pool->time_into(nullptr);
  }
}

}  // namespace bnn
