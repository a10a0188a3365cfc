// One partition of a graph: claimed ops that LiteRT runs as a single node.
#ifndef BNN_DELEGATE_PARTITION_H_
#define BNN_DELEGATE_PARTITION_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bnn/aligned_buffer.h"
#include "bnn/thread_pool.h"
#include "ops.h"
#include "tflite_abi.h"

namespace bnn {

// Of one delegate, shared by its partitions.
struct DelegateState {
  tfl::Delegate delegate{};
  const bnn_backend* backend = nullptr;
  int threads = 0;  // 0: as the interpreter says
  bool fuse = true;
  std::unique_ptr<ThreadPool> pool;

  ThreadPool* pool_of(int wanted);
};

constexpr int kMaxThreads = 256;

// Runs its ops in order. A float convolution takes in, as far as no other op reads what lies
// between, the ops that follow it: MUL and ADD with a constant for each channel, activations, the
// addition of one shortcut; and an LceQuantize of the result, whose bits are written in the same
// pass. Values are those of the ops one by one, since every rounding stays.
//
// LiteRT does not allocate tensors between two ops of a partition; it owns them. All memory is
// planned in prepare(), none is allocated in run().
class Partition {
 public:
  // Throws std::runtime_error naming the op.
  Partition(tfl::Context* context, const tfl::DelegateParams& params, DelegateState* state);
  void prepare(tfl::Context* context);
  void run(tfl::Context* context);

 private:
  struct Node {
    std::string name;
    std::unique_ptr<Op> op;
    std::vector<int> inputs;
    int output = tfl::kNoTensor;
    int shortcut = tfl::kNoTensor;
    int signs = tfl::kNoTensor;
    // What a convolution before it takes in instead: these steps, in order. A sum has the shortcut
    // as its first one.
    std::vector<EpilogueStep> steps;
    bool quantize = false;
    OpTensors tensors;  // as prepared
  };
  struct Internal {  // a tensor that no other partition sees
    Shape shape;
    size_t bytes = 0;
    size_t buffer = 0;  // index in buffers_
    Frame frame;
    bool bits = false;  // in the frame
  };

  void fuse(const tfl::Context* context, const tfl::DelegateParams& params);
  template <class Action>
  static void guarded(const tfl::Context* context, const Node& node, Action action);
  TensorView view(const tfl::Context* context, int index) const;
  void set_shape(tfl::Context* context, int index, const Shape& shape, tfl::Type type);
  void plan_frames();
  void plan_buffers();
  void point(const tfl::Context* context, TensorView* view) const;

  DelegateState* state_;
  OpContext context_;
  std::vector<Node> nodes_;
  std::map<int, Internal> internal_;
  std::vector<AlignedBuffer<char>> buffers_;
};

}  // namespace bnn
#endif  // BNN_DELEGATE_PARTITION_H_
