#include "read_memory.h"

#include <cstring>

namespace bnn {
namespace {

// GCC's and clang's vectors, 128 bits wide on every CPU.
typedef uint64_t Vector __attribute__((vector_size(16)));
constexpr size_t kLine = 64;
constexpr size_t kStreams = 4;  // as many as measured fastest: a core has several prefetchers

inline Vector load(const uint8_t* bytes) {
  Vector v;
  std::memcpy(&v, bytes, sizeof(v));
  return v;
}

}  // namespace

uint64_t read_memory(const uint8_t* bytes, size_t size) {
  const size_t stream = size / (kStreams * kLine) * kLine;
  Vector sums[kStreams][2] = {};
  for (size_t i = 0; i < stream; i += kLine) {
#pragma GCC unroll 4
    for (size_t s = 0; s < kStreams; ++s) {
      const uint8_t* line = bytes + s * stream + i;
#pragma GCC unroll 4
      for (size_t j = 0; j < 4; ++j) sums[s][j % 2] += load(line + j * sizeof(Vector));
    }
  }
  uint64_t sum = 0;
  for (size_t i = kStreams * stream; i < size; ++i) sum += bytes[i];
  for (const auto& two : sums) {
    for (const Vector& v : two) sum += v[0] + v[1];
  }
  return sum;
}

}  // namespace bnn
