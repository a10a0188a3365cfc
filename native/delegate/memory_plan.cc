#include "memory_plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "bnn/checks.h"

namespace bnn {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 40;  // of a tensor; a larger one is a mistake

// Bytes between two rows if several threads write them. The CPU reads ahead over the end of a row,
// and takes what the next thread is about to write from its cache. Measured between cores without a
// common cache, 14x14x256: two threads gained 1.4 times without gaps, 1.7 with these.
constexpr int64_t kBitGap = 256, kSumGap = 4096;

// Who reads and writes a tensor.
struct Uses {
  bool framed = true;  // all that write it can write into a frame
  bool bits = true;    // all that read it are convolutions with the same padding: `frame`
  bool sum = true;     // it is only added on
  Frame frame;

  void add(const PartitionNode& node, int tensor) {
    if (node.output == tensor || node.signs == tensor) framed &= node.op->writes_frames();
    bits &= node.shortcut != tensor;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] != tensor) continue;
      const Frame wanted = node.op->frame();
      bits &= i == 0 && !wanted.empty() && (frame.empty() || frame == wanted);
      sum = false;
      frame = wanted;
    }
  }
};

Frame frame_of(const Uses& uses, const Shape& shape, int threads) {
  const int64_t pixel_bytes = 4 * shape[3];
  const auto pixels_of = [&](int64_t bytes) { return (bytes + pixel_bytes - 1) / pixel_bytes; };
  Frame frame;
  if (uses.framed && uses.bits && !uses.frame.empty()) {
    frame = uses.frame;
    if (threads > 1) frame.width += pixels_of(kBitGap);
  } else if (uses.framed && uses.sum && threads > 1) {
    frame = {0, 0, shape[1], shape[2] + pixels_of(kSumGap)};
  }
  return frame;
}

BufferPlan plan_of(const InternalTensor& tensor) {
  BufferPlan plan;
  plan.bytes = tensor.bytes;
  if (tensor.frame.empty() || !tensor.bits) return plan;
  plan.frame = tensor.frame;
  plan.batch = tensor.shape[0];
  plan.words = tensor.shape[3];
  return plan;
}

class Buffers {
 public:
  // The number of a buffer for this.
  size_t take(const BufferPlan& wanted) {
    const auto best = best_free(wanted);
    if (best == free_.end()) {
      plans_.push_back(wanted);
      return plans_.size() - 1;
    }
    const size_t buffer = *best;
    plans_[buffer].bytes = std::max(plans_[buffer].bytes, wanted.bytes);
    free_.erase(best);
    return buffer;
  }
  void release(size_t buffer) { free_.push_back(buffer); }
  std::vector<BufferPlan> plans() && { return std::move(plans_); }

 private:
  // The smallest that is large enough, or else the largest, which then grows.
  std::vector<size_t>::iterator best_free(const BufferPlan& wanted) {
    auto best = free_.end();
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if (!plans_[*it].same_layout(wanted)) continue;
      if (best == free_.end() || is_better(plans_[*it].bytes, plans_[*best].bytes, wanted.bytes)) {
        best = it;
      }
    }
    return best;
  }
  static bool is_better(size_t bytes, size_t best, size_t wanted) {
    return best >= wanted ? bytes >= wanted && bytes < best : bytes > best;
  }

  std::vector<BufferPlan> plans_;
  std::vector<size_t> free_;
};

std::set<int> tensors_of(const PartitionNode& node) {
  std::set<int> all(node.inputs.begin(), node.inputs.end());
  all.insert({node.shortcut, node.output, node.signs});
  return all;
}

}  // namespace

int64_t byte_size(const Shape& shape, tfl::Type type) {
  int64_t bytes = type == tfl::kInt8 || type == tfl::kBool ? 1 : 4;
  for (int64_t d : shape) {
    require(d >= 0 && (d == 0 || bytes <= kMaxBytes / d), "a tensor is too large");
    bytes *= d;
  }
  return bytes;
}

void plan_frames(const std::vector<PartitionNode>& nodes, int threads, InternalTensors* tensors) {
  for (auto& [index, tensor] : *tensors) {
    if (tensor.shape.size() != 4 || tensor.bytes == 0) continue;
    Uses uses;
    for (const PartitionNode& node : nodes) uses.add(node, index);
    const Frame frame = frame_of(uses, tensor.shape, threads);
    if (frame.empty()) continue;
    tensor.frame = frame;
    tensor.bits = uses.bits;
    tensor.bytes = static_cast<size_t>(
        byte_size({tensor.shape[0], frame.height, frame.width, tensor.shape[3]}, tfl::kInt32));
  }
}

std::vector<BufferPlan> plan_buffers(const std::vector<PartitionNode>& nodes,
                                     InternalTensors* tensors) {
  const auto find = [&](int tensor) {
    const auto found = tensors->find(tensor);
    return found == tensors->end() ? nullptr : &found->second;
  };
  std::map<int, size_t> last_use;  // of each tensor: the position of a node
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (int tensor : tensors_of(nodes[i])) last_use[tensor] = i;
  }
  Buffers buffers;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const PartitionNode& node = nodes[i];
    std::set<int> used = tensors_of(node);
    InternalTensor *shortcut = find(node.shortcut), *output = find(node.output);
    if (shortcut != nullptr && output != nullptr && last_use[node.shortcut] == i &&
        shortcut->frame == output->frame) {
      output->buffer = shortcut->buffer;  // in place
      used.erase(node.shortcut);
    } else if (output != nullptr) {
      output->buffer = buffers.take(plan_of(*output));
    }
    if (InternalTensor* signs = find(node.signs)) signs->buffer = buffers.take(plan_of(*signs));
    for (int index : used) {
      const InternalTensor* tensor = find(index);
      if (tensor != nullptr && last_use[index] == i) buffers.release(tensor->buffer);
    }
  }
  return std::move(buffers).plans();
}

}  // namespace bnn
