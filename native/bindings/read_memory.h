// How fast memory is read.
#ifndef BNN_BINDINGS_READ_MEMORY_H_
#define BNN_BINDINGS_READ_MEMORY_H_

#include <cstddef>
#include <cstdint>

namespace bnn {

// Reads every byte once, in order, and returns a sum that depends on all of them: the least that a
// product with these weights could do.
uint64_t read_memory(const uint8_t* bytes, size_t size);

}  // namespace bnn
#endif  // BNN_BINDINGS_READ_MEMORY_H_
