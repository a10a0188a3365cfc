// Checks that the ops share. Their messages name the operand and what was expected.
#ifndef BNN_DELEGATE_OP_CHECKS_H_
#define BNN_DELEGATE_OP_CHECKS_H_

#include <string>
#include <utility>

#include "bnn/checks.h"
#include "ops.h"

namespace bnn {

constexpr int32_t kMaxFactor = 1 << 20;  // of strides, dilations and windows

inline std::string text(const Shape& shape) {
  std::string result = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    result += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return result + "]";
}

// Of the first `rank` dimensions.
inline int64_t element_count(const Shape& shape, size_t rank) {
  int64_t count = 1;
  for (size_t i = 0; i < rank; ++i) count *= shape[i];
  return count;
}

inline int64_t element_count(const Shape& shape) { return element_count(shape, shape.size()); }

// Rows and last dimension, as bitpacking sees a tensor.
inline std::pair<int64_t, int64_t> rows_and_channels(const Shape& shape) {
  return {element_count(shape, shape.size() - 1), shape.back()};
}

inline void require_rank(const TensorView& tensor, size_t rank, const char* what) {
  require(tensor.shape.size() == rank, std::string(what) + " must have " + std::to_string(rank) +
                                           " dimensions, not shape " + text(tensor.shape));
}

// Data of a constant operand, of this type and shape.
template <class T>
const T* constant(const TensorView& tensor, tfl::Type type, const Shape& shape, const char* what) {
  require(tensor.type == type, std::string(what) + " has a wrong type");
  require(tensor.constant && tensor.data != nullptr,
          std::string(what) + " must be a constant of the model");
  require(tensor.shape == shape,
          std::string(what) + " has shape " + text(tensor.shape) + ", expected " + text(shape));
  require(tensor.bytes >= static_cast<size_t>(element_count(shape)) * sizeof(T),
          std::string(what) + " has too little data for its shape");
  return static_cast<const T*>(tensor.data);
}

}  // namespace bnn
#endif  // BNN_DELEGATE_OP_CHECKS_H_
