#include "builtins.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

namespace bnn {
namespace {

struct Builtin {
  int code;
  const char* name;                           // in TFLite's schema
  Activation activation = Activation::kNone;  // what the op is
};
constexpr Builtin kBuiltins[] = {
    {tfl::kAdd, "ADD"},
    {tfl::kMul, "MUL"},
    {tfl::kSub, "SUB"},
    {tfl::kPrelu, "PRELU"},
    {tfl::kLeakyRelu, "LEAKY_RELU"},
    {tfl::kMean, "MEAN"},
    {tfl::kAveragePool2d, "AVERAGE_POOL_2D"},
    {tfl::kMaxPool2d, "MAX_POOL_2D"},
    {tfl::kConcatenation, "CONCATENATION"},
    {tfl::kPad, "PAD"},
    {tfl::kRelu, "RELU", Activation::kRelu},
    {tfl::kReluN1To1, "RELU_N1_TO_1", Activation::kReluN1To1},
    {tfl::kRelu6, "RELU6", Activation::kRelu6},
};

// Null for an op that is never claimed.
const Builtin* find_builtin(int code) {
  const auto* found = std::find_if(std::begin(kBuiltins), std::end(kBuiltins),
                                   [&](const Builtin& b) { return b.code == code; });
  return found == std::end(kBuiltins) ? nullptr : found;
}

using Steps = std::vector<EpilogueStep>;

// Of a float constant with one value, or one for each of `channels`; empty for any other tensor.
std::vector<float> channel_values(const tfl::Context* context, int index, int channels) {
  if (!is_float(context, index) || !is_constant(context, index)) return {};
  const tfl::Tensor& tensor = context->tensors[index];
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

void add_clamp(Activation activation, Steps* steps) {
  if (activation != Activation::kNone) steps->push_back({BNN_STEP_CLAMP, {}, activation});
}

// What an op with a constant for each channel does to operand `x`; no values if it is none of them.
EpilogueStep channel_step(const tfl::Context* context, const GraphNode& n, int x) {
  const tfl::IntArray& inputs = *n.node->inputs;
  const int code = n.registration->builtin_code;
  const bool first = inputs[0] == x;
  EpilogueStep step;
  switch (code) {
    case tfl::kAdd: step.kind = BNN_STEP_ADD; break;
    case tfl::kMul: step.kind = BNN_STEP_MULTIPLY; break;
    case tfl::kSub: step.kind = BNN_STEP_ADD; break;  // x - c is x + (-c), with the same rounding
    default: step.kind = BNN_STEP_PRELU;
  }
  const bool ordered = code == tfl::kSub || code == tfl::kPrelu;
  const tfl::IntArray& dims = *context->tensors[x].dims;
  if ((ordered && !first) || dims.size == 0) return step;
  step.values = channel_values(context, inputs[first ? 1 : 0], dims[dims.size - 1]);
  if (code == tfl::kSub) {
    for (float& value : step.values) value = -value;
  }
  return step;
}

// Of ADD, MUL, SUB and PRELU.
Steps steps_of_two_operands(const tfl::Context* context, const GraphNode& n, int x) {
  const tfl::IntArray& inputs = *n.node->inputs;
  const int code = n.registration->builtin_code;
  Activation activation = Activation::kNone;
  if (code != tfl::kPrelu) {
    const auto* params = static_cast<const tfl::ArithmeticParams*>(n.node->builtin_data);
    if (params == nullptr || !read_activation(params->activation, &activation)) return {};
  }
  Steps steps{channel_step(context, n, x)};
  if (steps[0].values.empty()) {
    const int other = inputs[0] == x ? inputs[1] : inputs[0];
    // A constant keeps its shape when the batch is resized, a shortcut does not.
    if (code != tfl::kAdd || !is_float(context, other) || is_constant(context, other) ||
        !same_shape(context, other, x)) {
      return {};
    }
    steps[0] = {BNN_STEP_SHORTCUT, {}, Activation::kNone};
  }
  add_clamp(activation, &steps);
  return steps;
}

// Of the activations.
Steps steps_of_one_operand(const GraphNode& n, const Builtin& builtin) {
  Steps steps;
  add_clamp(builtin.activation, &steps);
  if (builtin.code == tfl::kLeakyRelu && n.node->builtin_data != nullptr) {
    const float alpha = static_cast<const tfl::LeakyReluParams*>(n.node->builtin_data)->alpha;
    steps.push_back({BNN_STEP_PRELU, {alpha}, Activation::kNone});
  }
  return steps;
}

bool takes_two_operands(int code) {
  return code == tfl::kAdd || code == tfl::kMul || code == tfl::kSub || code == tfl::kPrelu;
}

// Over height and width, in whichever order and however counted.
bool reduces_image(const tfl::Tensor& axes) {
  if (axes.type != tfl::kInt32 || axes.bytes != 2 * sizeof(int32_t)) return false;
  const auto* axis = static_cast<const int32_t*>(axes.data);
  std::set<int> reduced;
  for (int i = 0; i < 2; ++i) reduced.insert(axis[i] < 0 ? axis[i] + 4 : axis[i]);
  return reduced == std::set<int>{1, 2};
}

bool read_mean(const tfl::Context* context, const tfl::Node& node, int out_rank,
               AverageOptions* options) {
  const tfl::IntArray& inputs = *node.inputs;
  if (inputs.size != 2 || !is_constant(context, inputs[1])) return false;
  options->keep_dims = static_cast<const tfl::ReducerParams*>(node.builtin_data)->keep_dims;
  return reduces_image(context->tensors[inputs[1]]) && out_rank == (options->keep_dims ? 4 : 2);
}

bool covers(const tfl::PoolParams& pool, const tfl::IntArray& dims) {
  return pool.filter_height == dims[1] && pool.filter_width == dims[2] && pool.filter_height >= 1 &&
         pool.filter_width >= 1;
}

bool read_pool(const tfl::Node& node, const tfl::IntArray& dims, int out_rank,
               AverageOptions* options) {
  const auto& pool = *static_cast<const tfl::PoolParams*>(node.builtin_data);
  if (!covers(pool, dims) || pool.stride_height < 1 || pool.stride_width < 1 || pool.padding < 1 ||
      pool.padding > 2 || !read_activation(pool.activation, &options->activation) ||
      out_rank != 4) {
    return false;
  }
  options->filter_height = pool.filter_height;
  options->filter_width = pool.filter_width;
  options->stride_height = pool.stride_height;
  options->stride_width = pool.stride_width;
  options->padding = pool.padding == 1 ? Padding::kSame : Padding::kValid;
  // SAME with a stride below the image's size has several windows, which are not the whole image.
  return options->padding == Padding::kValid ||
         (pool.stride_height >= pool.filter_height && pool.stride_width >= pool.filter_width);
}

}  // namespace

std::vector<EpilogueStep> steps_of(const tfl::Context* context, const GraphNode& n, int x) {
  const Builtin* builtin = find_builtin(n.registration->builtin_code);
  const int output = only_output(*n.node), operands = n.node->inputs->size;
  if (builtin == nullptr || !is_float(context, x) || !is_float(context, output) ||
      !same_shape(context, x, output)) {
    return {};
  }
  if (operands == 1) return steps_of_one_operand(n, *builtin);
  if (operands == 2 && takes_two_operands(builtin->code)) {
    return steps_of_two_operands(context, n, x);
  }
  return {};
}

std::vector<EpilogueStep> epilogue_steps(const tfl::Context* context, const GraphNode& n) {
  for (int x : *n.node->inputs) {
    if (is_constant(context, x)) continue;
    Steps steps = steps_of(context, n, x);
    if (!steps.empty()) return steps;
  }
  return {};
}

int step_operand(const tfl::Context* context, const GraphNode& n) {
  for (int x : *n.node->inputs) {
    if (is_constant(context, x)) continue;
    const Steps steps = steps_of(context, n, x);
    if (!steps.empty() && !is_sum(steps)) return x;
  }
  return tfl::kNoTensor;
}

bool is_join_of_channels(const tfl::Context* context, const GraphNode& n) {
  const int output = only_output(*n.node);
  if (n.registration->builtin_code != tfl::kConcatenation || !is_float(context, output) ||
      n.node->builtin_data == nullptr || n.node->inputs->size < 1) {
    return false;
  }
  const auto& params = *static_cast<const tfl::ConcatenationParams*>(n.node->builtin_data);
  const tfl::IntArray* dims = context->tensors[output].dims;
  if (dims == nullptr || dims->size != 4 || params.activation != 0 ||
      (params.axis != 3 && params.axis != -1)) {
    return false;
  }
  return std::all_of(n.node->inputs->begin(), n.node->inputs->end(), [&](int x) {
    return is_float(context, x) && !is_constant(context, x) &&
           context->tensors[x].dims != nullptr && context->tensors[x].dims->size == 4;
  });
}

bool is_pad_of_channels(const tfl::Context* context, const GraphNode& n) {
  const tfl::IntArray& inputs = *n.node->inputs;
  if (n.registration->builtin_code != tfl::kPad || inputs.size != 2 ||
      !is_float(context, inputs[0]) || is_constant(context, inputs[0]) ||
      !is_float(context, only_output(*n.node)) || !is_constant(context, inputs[1])) {
    return false;
  }
  const tfl::Tensor& amounts = context->tensors[inputs[1]];
  const tfl::IntArray* dims = context->tensors[inputs[0]].dims;
  if (amounts.type != tfl::kInt32 || amounts.bytes != 8 * sizeof(int32_t) || dims == nullptr ||
      dims->size != 4) {
    return false;
  }
  const auto* amount = static_cast<const int32_t*>(amounts.data);  // before and after, by axis
  for (int i = 0; i < 8; ++i) {
    if (i == 6 ? amount[i] < 1 : amount[i] != 0) return false;
  }
  return true;
}

bool is_sum(const std::vector<EpilogueStep>& steps) {
  return !steps.empty() && steps.front().kind == BNN_STEP_SHORTCUT;
}

bool read_average(const tfl::Context* context, const GraphNode& n, AverageOptions* options) {
  const int code = n.registration->builtin_code, output = only_output(*n.node);
  if ((code != tfl::kMean && code != tfl::kAveragePool2d) || n.node->inputs->size < 1 ||
      n.node->builtin_data == nullptr) {
    return false;
  }
  const int x = (*n.node->inputs)[0];
  if (!is_float(context, x) || is_constant(context, x) || !is_float(context, output)) return false;
  const tfl::IntArray* dims = context->tensors[x].dims;
  const tfl::IntArray* out = context->tensors[output].dims;
  if (dims == nullptr || out == nullptr || dims->size != 4) return false;
  return code == tfl::kMean ? read_mean(context, *n.node, out->size, options)
                            : read_pool(*n.node, *dims, out->size, options);
}

bool read_max_pool(const tfl::Context* context, const GraphNode& n, MaxPoolOptions* options) {
  const tfl::IntArray& inputs = *n.node->inputs;
  const int output = only_output(*n.node);
  if (n.registration->builtin_code != tfl::kMaxPool2d || inputs.size != 1 ||
      n.node->builtin_data == nullptr || !is_float(context, inputs[0]) ||
      is_constant(context, inputs[0]) || !is_float(context, output)) {
    return false;
  }
  const tfl::IntArray* dims = context->tensors[inputs[0]].dims;
  const auto& pool = *static_cast<const tfl::PoolParams*>(n.node->builtin_data);
  options->padding = pool.padding == 1 ? Padding::kSame : Padding::kValid;
  return dims != nullptr && dims->size == 4 && (pool.padding == 1 || pool.padding == 2) &&
         pool.filter_height == 2 && pool.filter_width == 2 && pool.stride_height == 2 &&
         pool.stride_width == 2 && read_activation(pool.activation, &options->activation);
}

std::unique_ptr<Op> make_builtin(const tfl::Context* context, const GraphNode& n) {
  AverageOptions average;
  if (read_average(context, n, &average)) return make_average(average);
  MaxPoolOptions pool;
  if (read_max_pool(context, n, &pool)) return make_max_pool(pool.padding, pool.activation);
  if (is_join_of_channels(context, n)) return make_join();
  if (is_pad_of_channels(context, n)) return make_pad();
  const Steps steps = epilogue_steps(context, n);
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
  const Builtin* builtin = find_builtin(code);
  return builtin == nullptr ? "a builtin op" : builtin->name;
}

}  // namespace bnn
