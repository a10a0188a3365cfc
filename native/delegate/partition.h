// One partition of a graph: claimed ops that LiteRT runs as a single node.
#ifndef BNN_DELEGATE_PARTITION_H_
#define BNN_DELEGATE_PARTITION_H_

#include <memory>
#include <vector>

#include "bnn/aligned_buffer.h"
#include "bnn/thread_pool.h"
#include "memory_plan.h"
#include "ops.h"
#include "partition_node.h"
#include "tflite_abi.h"

namespace bnn {

// What a pass took so far, seconds; `pool`: of that, and what its threads waited for.
struct Spent {
  double total = 0;
  PoolTimes pool;
};

// Of one delegate, shared by its partitions.
struct DelegateState {
  tfl::Delegate delegate{};
  const bnn_backend* backend = nullptr;
  int threads = 0;  // 0: as the interpreter says
  bool fuse = true;
  bool trace = false;  // adds up what each pass takes
  std::unique_ptr<ThreadPool> pool;
  // Of the file's main graph, which is the first that the delegate is applied to: for each
  // partition the ops of each of its passes.
  const tfl::Context* main_graph = nullptr;
  std::vector<std::vector<std::vector<int>>> groups;
  std::vector<std::vector<Spent>> spent;  // of each of them, if `trace`

  ThreadPool* pool_of(int wanted);
};

constexpr int kMaxThreads = 256;

// Runs its ops in order, fused as fusion.h says.
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
  template <class Action>
  static void guarded(const tfl::Context* context, const PartitionNode& node, Action action);
  TensorView view(const tfl::Context* context, int index) const;
  void set_shape(tfl::Context* context, int index, const Shape& shape, tfl::Type type);
  PartitionNode make_node(tfl::Context* context, int index) const;
  void take_nodes(std::vector<PartitionNode> nodes);
  void prepare_nodes(tfl::Context* context);
  bool prepare_node(tfl::Context* context, PartitionNode* node);
  void lay_out();
  void point(const tfl::Context* context, TensorView* view) const;
  void run_node(tfl::Context* context, PartitionNode* node);

  DelegateState* state_;
  OpContext context_;
  std::vector<PartitionNode> nodes_;
  // If shortcuts were fused: the nodes without that. In sizes other than the file's an addition may
  // turn out to repeat the smaller of its inputs, and only here can the graph be read.
  std::vector<PartitionNode> without_shortcuts_;
  std::vector<int> outputs_;  // tensors that others read
  size_t group_;              // its position in state_->groups, if it is of the main graph
  bool in_main_graph_;
  InternalTensors internal_;
  std::vector<AlignedBuffer<char>> buffers_;
};

}  // namespace bnn
#endif  // BNN_DELEGATE_PARTITION_H_
