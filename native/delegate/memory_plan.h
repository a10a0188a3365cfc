// Where the tensors of a partition lie that no other partition sees.
#ifndef BNN_DELEGATE_MEMORY_PLAN_H_
#define BNN_DELEGATE_MEMORY_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "partition_node.h"

namespace bnn {

struct InternalTensor {
  Shape shape;
  size_t bytes = 0;
  size_t buffer = 0;  // its number
  Frame frame;
  bool bits = false;  // in the frame
};
using InternalTensors = std::map<int, InternalTensor>;

// Throws std::invalid_argument if it is too large.
int64_t byte_size(const Shape& shape, tfl::Type type);

// Bits that only convolutions read, all with the same padding, are written into it, so that no
// convolution has to copy its input, which one thread would do for all. With several threads rows
// are also kept apart, of these and of sums that are only added on.
void plan_frames(const std::vector<PartitionNode>& nodes, int threads, InternalTensors* tensors);

struct BufferPlan {
  size_t bytes = 0;
  // Of bits in a frame, whose surroundings must stay zero: only others of the same layout may share
  // the buffer. All 0 for anything else.
  Frame frame;
  int64_t batch = 0, words = 0;
  bool same_layout(const BufferPlan& o) const {
    return frame == o.frame && batch == o.batch && words == o.words;
  }
};

// Tensors share buffers as soon as nobody reads the earlier one any more. A sum overwrites its
// shortcut in place, which halves what a residual block asks of the cache: every element is read
// before it is written, by the same thread.
std::vector<BufferPlan> plan_buffers(const std::vector<PartitionNode>& nodes,
                                     InternalTensors* tensors);

}  // namespace bnn
#endif  // BNN_DELEGATE_MEMORY_PLAN_H_
