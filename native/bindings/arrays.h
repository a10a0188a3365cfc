// NumPy's arrays and the kernels' words, for all bindings.
#ifndef BNN_BINDINGS_ARRAYS_H_
#define BNN_BINDINGS_ARRAYS_H_

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bnn/geometry.h"

namespace bnn::python {

namespace nb = nanobind;

template <class T, int kRank>
using Array = nb::ndarray<const T, nb::ndim<kRank>, nb::c_contig, nb::device::cpu>;

inline const uint32_t* words(const int32_t* p) { return reinterpret_cast<const uint32_t*>(p); }
inline uint32_t* words(int32_t* p) { return reinterpret_cast<uint32_t*>(p); }

// A new array, owned by NumPy.
template <class T>
nb::ndarray<nb::numpy, T> new_array(const std::vector<size_t>& shape) {
  size_t size = 1;
  for (size_t d : shape) size *= d;
  std::unique_ptr<T[]> data(new T[std::max<size_t>(size, 1)]);  // the kernel fills it
  nb::capsule owner(data.get(), [](void* p) noexcept { delete[] static_cast<T*>(p); });
  return nb::ndarray<nb::numpy, T>(data.release(), shape.size(), shape.data(), owner);
}

inline size_t words_for(size_t channels) { return static_cast<size_t>(bnn::words_for(channels)); }

inline void check_words(size_t have, int64_t channels) {
  if (channels < 0 || words_for(static_cast<size_t>(channels)) != have) {
    throw std::invalid_argument("the words' last dimension does not fit the number of channels");
  }
}

inline Padding padding_of(const std::string& name) {
  if (name == "same") return Padding::kSame;
  if (name == "valid") return Padding::kValid;
  throw std::invalid_argument("padding must be 'same' or 'valid'");
}

}  // namespace bnn::python

#endif  // BNN_BINDINGS_ARRAYS_H_
