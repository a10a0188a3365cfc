#include "claims.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

namespace bnn {
namespace {

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

// The activation fused into an ADD, MUL or SUB; false for one we have not.
bool read_activation(const tfl::Node& node, Activation* activation) {
  const auto* params = static_cast<const tfl::ArithmeticParams*>(node.builtin_data);
  if (params == nullptr || params->activation < 0 || params->activation > 3) return false;
  *activation = static_cast<Activation>(params->activation);
  return true;
}

// Of a float constant with one value, or one for each of `channels`; empty for any other tensor.
std::vector<float> channel_values(const tfl::Context* context, int index, int channels) {
  if (!is_float(context, index)) return {};
  const tfl::Tensor& tensor = context->tensors[index];
  if (tensor.allocation_type != tfl::kReadOnly || tensor.data == nullptr ||
      tensor.dims == nullptr) {
    return {};
  }
  const tfl::IntArray& dims = *tensor.dims;
  int64_t count = 1;
  for (int i = 0; i < dims.size; ++i) {
    if (dims[i] < 1 || (dims[i] > 1 && i + 1 < dims.size)) return {};
    count *= dims[i];
  }
  if ((count != 1 && count != channels) ||
      tensor.bytes < static_cast<size_t>(count) * sizeof(float)) {
    return {};
  }
  const auto* values = static_cast<const float*>(tensor.data);
  return {values, values + count};
}

void add_clamp(Activation activation, std::vector<EpilogueStep>* steps) {
  if (activation != Activation::kNone) steps->push_back({BNN_STEP_CLAMP, {}, activation});
}

// What an op with a constant for each channel does to operand `x`; no values if it is none of them.
EpilogueStep channel_step(const tfl::Context* context, const GraphNode& n, int x) {
  const tfl::IntArray& inputs = *n.node->inputs;
  const bool first = inputs[0] == x;
  EpilogueStep step;
  switch (n.registration->builtin_code) {
    case tfl::kAdd: step.kind = BNN_STEP_ADD; break;
    case tfl::kMul: step.kind = BNN_STEP_MULTIPLY; break;
    case tfl::kSub: step.kind = BNN_STEP_ADD; break;  // x - c is x + (-c), with the same rounding
    default: step.kind = BNN_STEP_PRELU;
  }
  const bool ordered = n.registration->builtin_code == tfl::kSub || step.kind == BNN_STEP_PRELU;
  const tfl::IntArray& dims = *context->tensors[x].dims;
  if ((ordered && !first) || dims.size == 0) return step;
  step.values = channel_values(context, inputs[first ? 1 : 0], dims[dims.size - 1]);
  if (n.registration->builtin_code == tfl::kSub) {
    for (float& value : step.values) value = -value;
  }
  return step;
}

// What a builtin op does to operand `x`, as steps of a convolution's epilogue; empty if it cannot
// be taken in.
std::vector<EpilogueStep> steps_of(const tfl::Context* context, const GraphNode& n, int x) {
  const tfl::IntArray& inputs = *n.node->inputs;
  const int output = only_output(*n.node);
  std::vector<EpilogueStep> steps;
  if (!is_float(context, x) || !is_float(context, output) || !same_shape(context, x, output)) {
    return steps;
  }
  const int code = n.registration->builtin_code;
  if (inputs.size == 1) {
    add_clamp(activation_of(code), &steps);
    if (code == tfl::kLeakyRelu && n.node->builtin_data != nullptr) {
      const float alpha = static_cast<const tfl::LeakyReluParams*>(n.node->builtin_data)->alpha;
      steps.push_back({BNN_STEP_PRELU, {alpha}, Activation::kNone});
    }
    return steps;
  }
  Activation activation = Activation::kNone;
  const bool arithmetic = code == tfl::kAdd || code == tfl::kMul || code == tfl::kSub;
  if (inputs.size != 2 ||
      (arithmetic ? !read_activation(*n.node, &activation) : code != tfl::kPrelu)) {
    return steps;
  }
  const int other = inputs[0] == x ? inputs[1] : inputs[0];
  EpilogueStep step = channel_step(context, n, x);
  if (!step.values.empty()) {
    steps.push_back(std::move(step));
  } else if (code == tfl::kAdd && is_float(context, other) && same_shape(context, other, x)) {
    steps.push_back({BNN_STEP_SHORTCUT, {}, Activation::kNone});
  } else {
    return steps;
  }
  add_clamp(activation, &steps);
  return steps;
}

bool is_constant(const tfl::Context* context, int tensor) {
  return tensor != tfl::kNoTensor && context->tensors[tensor].allocation_type == tfl::kReadOnly &&
         context->tensors[tensor].data != nullptr && context->tensors[tensor].dims != nullptr;
}

// True for an average over the whole image.
bool read_average(const tfl::Context* context, const GraphNode& n, AverageOptions* options) {
  const tfl::IntArray& inputs = *n.node->inputs;
  const int code = n.registration->builtin_code, output = only_output(*n.node);
  if ((code != tfl::kMean && code != tfl::kAveragePool2d) || inputs.size < 1 ||
      n.node->builtin_data == nullptr || !is_float(context, inputs[0]) ||
      is_constant(context, inputs[0]) || !is_float(context, output)) {
    return false;
  }
  const tfl::IntArray* dims = context->tensors[inputs[0]].dims;
  const tfl::IntArray* out = context->tensors[output].dims;
  if (dims == nullptr || out == nullptr || dims->size != 4) return false;
  if (code == tfl::kMean) {
    if (inputs.size != 2 || !is_constant(context, inputs[1])) return false;
    const tfl::Tensor& axes = context->tensors[inputs[1]];
    if (axes.type != tfl::kInt32 || axes.bytes != 2 * sizeof(int32_t)) return false;
    const auto* axis = static_cast<const int32_t*>(axes.data);
    std::set<int> reduced;
    for (int i = 0; i < 2; ++i) reduced.insert(axis[i] < 0 ? axis[i] + 4 : axis[i]);
    options->keep_dims = static_cast<const tfl::ReducerParams*>(n.node->builtin_data)->keep_dims;
    return reduced == std::set<int>{1, 2} && out->size == (options->keep_dims ? 4 : 2);
  }
  const auto& pool = *static_cast<const tfl::PoolParams*>(n.node->builtin_data);
  if (pool.filter_height != (*dims)[1] || pool.filter_width != (*dims)[2] ||
      pool.filter_height < 1 || pool.filter_width < 1 || pool.stride_height < 1 ||
      pool.stride_width < 1 || pool.padding < 1 || pool.padding > 2 || pool.activation < 0 ||
      pool.activation > 3 || out->size != 4) {
    return false;
  }
  options->filter_height = pool.filter_height;
  options->filter_width = pool.filter_width;
  options->stride_height = pool.stride_height;
  options->stride_width = pool.stride_width;
  options->padding = pool.padding == 1 ? Padding::kSame : Padding::kValid;
  options->activation = static_cast<Activation>(pool.activation);
  // SAME with a stride below the image's size has several windows, which are not the whole image.
  return options->padding == Padding::kValid ||
         (pool.stride_height >= pool.filter_height && pool.stride_width >= pool.filter_width);
}

}  // namespace

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

bool is_float(const tfl::Context* context, int tensor) {
  return tensor != tfl::kNoTensor && context->tensors[tensor].type == tfl::kFloat32;
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
  std::set<int> claimed;
  struct Open {
    size_t steps;
    bool sum;  // the one shortcut has been added
  };
  std::map<int, Open> open;  // results of float convolutions that only one op reads
  for (int index : order) {
    const GraphNode n = read_node(context, index);
    const int output = only_output(*n.node);
    if (n.registration->builtin_code == tfl::kCustom) {
      if (!is_binary_op(n.registration->custom_name)) continue;
      claimed.insert(index);
      if (std::string(n.registration->custom_name) == "LceBconv2d" && is_float(context, output) &&
          readers[output] == 1) {
        open[output] = {0, false};
      }
      continue;
    }
    if (!fuse) continue;
    for (int x : *n.node->inputs) {
      const auto before = open.find(x);
      if (before == open.end()) continue;
      const std::vector<EpilogueStep> steps = steps_of(context, n, x);
      const size_t count = before->second.steps + steps.size();
      const bool sum = before->second.sum || is_sum(steps);
      if (steps.empty() || count > BNN_MAX_STEPS || (before->second.sum && is_sum(steps))) continue;
      claimed.insert(index);
      if (readers[output] == 1) open[output] = {count, sum};
      break;
    }
  }
  std::vector<int> in_order;
  for (int index : order) {
    AverageOptions options;
    if (claimed.count(index) ||
        (!claimed.empty() && read_average(context, read_node(context, index), &options))) {
      in_order.push_back(index);
    }
  }
  return in_order;
}

std::vector<EpilogueStep> epilogue_steps(const tfl::Context* context, const GraphNode& n) {
  for (int x : *n.node->inputs) {
    if (is_constant(context, x)) continue;
    std::vector<EpilogueStep> steps = steps_of(context, n, x);
    if (!steps.empty()) return steps;
  }
  return {};
}

bool is_sum(const std::vector<EpilogueStep>& steps) {
  return !steps.empty() && steps.front().kind == BNN_STEP_SHORTCUT;
}

std::unique_ptr<Op> make_builtin(const tfl::Context* context, const GraphNode& n) {
  AverageOptions average;
  if (read_average(context, n, &average)) return make_average(average);
  const std::vector<EpilogueStep> steps = epilogue_steps(context, n);
  if (steps.empty()) {
    throw std::runtime_error(std::string(builtin_name(n.registration->builtin_code)) +
                             " was claimed but cannot be run");
  }
  const Activation activation = steps.back().activation;
  switch (steps.front().kind) {
    case BNN_STEP_SHORTCUT: return make_sum(activation);
    case BNN_STEP_CLAMP: return make_activation(activation);
    default: return make_channel_op(steps.front(), activation);
  }
}

const char* builtin_name(int code) {
  switch (code) {
    case tfl::kAdd: return "ADD";
    case tfl::kMul: return "MUL";
    case tfl::kSub: return "SUB";
    case tfl::kPrelu: return "PRELU";
    case tfl::kLeakyRelu: return "LEAKY_RELU";
    case tfl::kMean: return "MEAN";
    case tfl::kAveragePool2d: return "AVERAGE_POOL_2D";
    default: return "RELU";
  }
}

}  // namespace bnn
