#include "graph.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace bnn {
namespace {

bool is_plausible(const tfl::Context* context, const tfl::IntArray* list) {
  if (list == nullptr || list->size < 0) return false;
  return std::all_of(list->begin(), list->end(), [&](int tensor) {
    return tensor == tfl::kNoTensor ||
           (tensor >= 0 && static_cast<size_t>(tensor) < context->tensors_size);
  });
}

}  // namespace

GraphNode read_node(tfl::Context* context, int index) {
  tfl::Node* node = nullptr;
  tfl::Registration* registration = nullptr;
  if (context->GetNodeAndRegistration(context, index, &node, &registration) != tfl::kOk) {
    throw std::runtime_error("node " + std::to_string(index) + " cannot be read");
  }
  if (!is_plausible(context, node->inputs) || !is_plausible(context, node->outputs)) {
    throw std::runtime_error(
        "this LiteRT lays out its structs in a way that the bnn_lab delegate does not know; "
        "use a version that bnn_lab was tested with");
  }
  return {node, registration};
}

int only_output(const tfl::Node& node) {
  return node.outputs->size == 1 ? (*node.outputs)[0] : tfl::kNoTensor;
}

bool is_float(const tfl::Context* context, int tensor) {
  return tensor != tfl::kNoTensor && context->tensors[tensor].type == tfl::kFloat32;
}

bool is_constant(const tfl::Context* context, int tensor) {
  return tensor != tfl::kNoTensor && context->tensors[tensor].allocation_type == tfl::kReadOnly &&
         context->tensors[tensor].data != nullptr && context->tensors[tensor].dims != nullptr;
}

bool same_shape(const tfl::Context* context, int a, int b) {
  const tfl::IntArray *x = context->tensors[a].dims, *y = context->tensors[b].dims;
  return x != nullptr && y != nullptr && x->size == y->size &&
         std::equal(std::as_const(*x).begin(), std::as_const(*x).end(), std::as_const(*y).begin());
}

}  // namespace bnn
