#include "read_memory.h"

#include <cstring>

namespace bnn {

uint64_t read_memory(const uint8_t* bytes, size_t size) {
  // GCC's and clang's vectors, 128 bits wide on every CPU; eight of them, so that no addition waits
  // for another.
  typedef uint64_t Vector __attribute__((vector_size(16)));
  constexpr size_t kVectors = 8, kStep = kVectors * sizeof(Vector), kAhead = 2048;
  Vector sums[kVectors] = {};
  size_t i = 0;
  for (; i + kStep <= size; i += kStep) {
    __builtin_prefetch(bytes + i + kAhead);
    __builtin_prefetch(bytes + i + kAhead + 64);
#pragma GCC unroll 8
    for (size_t j = 0; j < kVectors; ++j) {
      Vector v;
      std::memcpy(&v, bytes + i + j * sizeof(Vector), sizeof(v));
      sums[j] += v;
    }
  }
  uint64_t sum = 0;
  for (; i < size; ++i) sum += bytes[i];
  for (const Vector& v : sums) sum += v[0] + v[1];
  return sum;
}

}  // namespace bnn
