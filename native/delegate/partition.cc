#include "partition.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

#include "bnn/dispatch.h"

namespace bnn {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 40;  // of a tensor; a larger one is a mistake
constexpr int kMaxRank = 16;

struct GraphNode {
  const tfl::Node* node;
  const tfl::Registration* registration;
};

// Reads a node, and refuses what can only mean that the structs are laid out differently.
GraphNode read_node(tfl::Context* context, int index) {
  tfl::Node* node = nullptr;
  tfl::Registration* registration = nullptr;
  if (context->GetNodeAndRegistration(context, index, &node, &registration) != tfl::kOk) {
    throw std::runtime_error("node " + std::to_string(index) + " cannot be read");
  }
  for (const tfl::IntArray* list : {node->inputs, node->outputs}) {
    bool plausible = list != nullptr && list->size >= 0;
    for (int i = 0; plausible && i < list->size; ++i) {
      const int tensor = (*list)[i];
      plausible = tensor == tfl::kNoTensor ||
                  (tensor >= 0 && static_cast<size_t>(tensor) < context->tensors_size);
    }
    if (!plausible) {
      throw std::runtime_error(
          "this LiteRT lays out its structs in a way that the bnn_lab delegate does not know; "
          "use a version that bnn_lab was tested with");
    }
  }
  return {node, registration};
}

int only_output(const tfl::Node& node) {
  return node.outputs->size == 1 ? (*node.outputs)[0] : tfl::kNoTensor;
}

Activation activation_of(int builtin_code) {
  switch (builtin_code) {
    case tfl::kRelu: return Activation::kRelu;
    case tfl::kReluN1To1: return Activation::kReluN1To1;
    case tfl::kRelu6: return Activation::kRelu6;
    default: return Activation::kNone;
  }
}

bool same_shape(const tfl::Context* context, int a, int b) {
  const tfl::IntArray *x = context->tensors[a].dims, *y = context->tensors[b].dims;
  return x != nullptr && y != nullptr && x->size == y->size &&
         std::equal(std::as_const(*x).begin(), std::as_const(*x).end(), std::as_const(*y).begin());
}

bool is_float(const tfl::Context* context, int tensor) {
  return tensor != tfl::kNoTensor && context->tensors[tensor].type == tfl::kFloat32;
}

// The activation fused into an ADD, as numbered in TFLite's parameters; -1 for one we have not.
int sum_activation(const tfl::Node& node) {
  const auto* params = static_cast<const tfl::AddParams*>(node.builtin_data);
  return params != nullptr && params->activation >= 0 && params->activation <= 3
             ? params->activation
             : -1;
}

// A sum of two float tensors of one shape.
bool is_residual_add(const tfl::Context* context, const GraphNode& n) {
  if (n.registration->builtin_code != tfl::kAdd || n.node->inputs->size != 2) return false;
  const int a = (*n.node->inputs)[0], b = (*n.node->inputs)[1], sum = only_output(*n.node);
  return sum_activation(*n.node) >= 0 && is_float(context, a) && is_float(context, b) &&
         is_float(context, sum) && same_shape(context, a, b) && same_shape(context, a, sum);
}

bool is_activation(const tfl::Context* context, const GraphNode& n) {
  return activation_of(n.registration->builtin_code) != Activation::kNone &&
         n.node->inputs->size == 1 && is_float(context, (*n.node->inputs)[0]) &&
         is_float(context, only_output(*n.node));
}

int64_t byte_size(const Shape& shape, tfl::Type type) {
  int64_t bytes = type == tfl::kInt8 || type == tfl::kBool ? 1 : 4;
  for (int64_t d : shape) {
    if (d < 0 || (d > 0 && bytes > kMaxBytes / d)) {
      throw std::invalid_argument("a tensor is too large");
    }
    bytes *= d;
  }
  return bytes;
}

}  // namespace

ThreadPool* DelegateState::pool_of(int wanted) {
  if (wanted > 1 && (pool == nullptr || pool->threads() < wanted)) {
    pool = std::make_unique<ThreadPool>(wanted);
  }
  return pool.get();
}

std::vector<int> claim_nodes(tfl::Context* context, bool fuse) {
  tfl::IntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != tfl::kOk || plan == nullptr) {
    throw std::runtime_error("the execution plan cannot be read");
  }
  const std::vector<int> order(plan->begin(), plan->end());  // the plan changes under our hands
  std::map<int, int> readers;                                // of each tensor
  for (int index : order) {
    const GraphNode n = read_node(context, index);
    for (int tensor : *n.node->inputs) ++readers[tensor];
  }
  std::vector<int> claimed;
  std::map<int, bool> open;  // results of float convolutions -> may still take an activation
  for (int index : order) {
    const GraphNode n = read_node(context, index);
    const int output = only_output(*n.node);
    if (n.registration->builtin_code == tfl::kCustom) {
      if (!is_binary_op(n.registration->custom_name)) continue;
      claimed.push_back(index);
      if (std::string(n.registration->custom_name) == "LceBconv2d" && is_float(context, output) &&
          readers[output] == 1) {
        open[output] = true;
      }
    } else if (fuse && is_activation(context, n)) {
      const auto before = open.find((*n.node->inputs)[0]);
      if (before == open.end() || !before->second) continue;
      claimed.push_back(index);
      if (readers[output] == 1) open[output] = false;
    } else if (fuse && is_residual_add(context, n)) {
      if (open.count((*n.node->inputs)[0]) || open.count((*n.node->inputs)[1])) {
        claimed.push_back(index);
      }
    }
  }
  return claimed;
}

Partition::Partition(tfl::Context* context, const tfl::DelegateParams& params, DelegateState* state)
    : state_(state) {
  for (int index : *params.nodes_to_replace) {
    const GraphNode n = read_node(context, index);
    Node node;
    node.inputs.assign(std::as_const(*n.node->inputs).begin(),
                       std::as_const(*n.node->inputs).end());
    node.output = only_output(*n.node);
    if (n.registration->builtin_code == tfl::kAdd) {
      node.name = "ADD";
      node.add = true;
      node.kind = static_cast<Activation>(sum_activation(*n.node));
      node.op = make_add(node.kind);
    } else if (n.registration->builtin_code != tfl::kCustom) {
      node.name = "RELU";
      node.activation = true;
      node.kind = activation_of(n.registration->builtin_code);
      node.op = make_activation(node.kind);
    } else {
      node.name = n.registration->custom_name;
      node.quantize = node.name == "LceQuantize";
      guarded(context, node, [&] {
        if (node.output == tfl::kNoTensor) {
          throw std::invalid_argument("must have one output");
        }
        node.op = make_op(node.name, n.node->custom_initial_data,
                          static_cast<size_t>(std::max(n.node->custom_initial_data_size, 0)),
                          *state_->backend);
      });
    }
    nodes_.push_back(std::move(node));
  }
  if (state_->fuse) fuse(context, params);
  for (const Node& node : nodes_) {
    internal_[node.output];
    if (node.signs != tfl::kNoTensor) internal_[node.signs];
  }
  for (int tensor : *params.output_tensors) internal_.erase(tensor);
}

void Partition::fuse(const tfl::Context* context, const tfl::DelegateParams& params) {
  const auto leaves = [&](int tensor) {
    const tfl::IntArray& outputs = *params.output_tensors;
    return std::find(outputs.begin(), outputs.end(), tensor) != outputs.end();
  };
  // The position of the one op that reads a tensor, or nodes_.size().
  const auto only_reader = [&](int tensor) {
    size_t found = nodes_.size();
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const auto count = std::count(nodes_[i].inputs.begin(), nodes_[i].inputs.end(), tensor) +
                         (nodes_[i].shortcut == tensor);
      if (count > 1 || (count == 1 && found < nodes_.size())) return nodes_.size();
      if (count == 1) found = i;
    }
    return leaves(tensor) ? nodes_.size() : found;
  };
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].op->fuses() || !is_float(context, nodes_[i].output)) continue;
    if (nodes_[i].shortcut != tfl::kNoTensor) continue;  // met again, at its new position
    size_t at = i;  // where the fused op stands: it must come after the shortcut's producer
    size_t next = only_reader(nodes_[at].output);
    if (next < nodes_.size() && nodes_[next].activation) {
      nodes_[at].op->fuse_activation(nodes_[next].kind);
      nodes_[at].output = nodes_[next].output;
      nodes_.erase(nodes_.begin() + static_cast<ptrdiff_t>(next));
      next = only_reader(nodes_[at].output);
    }
    if (next < nodes_.size() && nodes_[next].add) {
      const std::vector<int>& terms = nodes_[next].inputs;
      nodes_[at].op->fuse_sum_activation(nodes_[next].kind);
      nodes_[at].shortcut = terms[0] == nodes_[at].output ? terms[1] : terms[0];
      nodes_[at].output = nodes_[next].output;
      std::swap(nodes_[at], nodes_[next]);
      nodes_.erase(nodes_.begin() + static_cast<ptrdiff_t>(at));
      at = next - 1;
    }
    for (size_t q = at + 1; q < nodes_.size(); ++q) {
      if (!nodes_[q].quantize || nodes_[q].inputs.front() != nodes_[at].output) continue;
      nodes_[at].signs = nodes_[q].output;
      nodes_.erase(nodes_.begin() + static_cast<ptrdiff_t>(q));
      break;
    }
    if (at != i) --i;  // another op moved to position i
  }
}

// Runs `action`; its errors get the op's name and the name of what it writes.
template <class Action>
void Partition::guarded(const tfl::Context* context, const Node& node, Action action) {
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
    if (own->second.buffer.size() < static_cast<size_t>(bytes)) {
      own->second.buffer = AlignedBuffer<char>(static_cast<size_t>(bytes));
    }
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
  for (Node& node : nodes_) {
    guarded(context, node, [&] {
      node.tensors.inputs.clear();
      for (int index : node.inputs) node.tensors.inputs.push_back(view(context, index));
      node.tensors.output = view(context, node.output);
      node.tensors.shortcut = view(context, node.shortcut);
      node.tensors.signs = view(context, node.signs);
      const Shape shape = node.op->prepare(node.tensors);
      if (node.shortcut != tfl::kNoTensor && node.tensors.shortcut.shape != shape) {
        throw std::invalid_argument("the shortcut that is added has another shape");
      }
      node.tensors.output.shape = shape;
      set_shape(context, node.output, shape, node.tensors.output.type);
      if (node.signs != tfl::kNoTensor) {
        Shape words = shape;
        words.back() = words_for(words.back());
        node.tensors.signs.shape = words;
        set_shape(context, node.signs, words, tfl::kInt32);
      }
    });
  }
  for (Node& node : nodes_) {
    for (TensorView& v : node.tensors.inputs) {
      if (internal_.count(v.index)) v.data = internal_.at(v.index).buffer.data();
    }
    for (TensorView* v : {&node.tensors.output, &node.tensors.shortcut, &node.tensors.signs}) {
      if (internal_.count(v->index)) v->data = internal_.at(v->index).buffer.data();
    }
  }
}

// LiteRT may move what it allocated between two runs.
void Partition::point(const tfl::Context* context, TensorView* v) const {
  if (v->index != tfl::kNoTensor && !internal_.count(v->index)) {
    v->data = context->tensors[v->index].data;
  }
}

void Partition::run(tfl::Context* context) {
  for (Node& node : nodes_) {
    for (TensorView& v : node.tensors.inputs) point(context, &v);
    for (TensorView* v : {&node.tensors.output, &node.tensors.shortcut, &node.tensors.signs}) {
      point(context, v);
    }
    node.op->run(node.tensors, context_);
  }
}

}  // namespace bnn
