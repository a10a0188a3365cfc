// A LiteRT external delegate: claims the binary ops of a graph and runs them on bnn kernels.
//
// LiteRT hands over each maximal group of claimed ops as one partition. Tensors between two ops of
// a partition are not allocated by LiteRT, so the partition owns buffers for them.
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bnn/aligned_buffer.h"
#include "bnn/dispatch.h"
#include "ops.h"
#include "tflite_abi.h"

#define BNN_EXPORT extern "C" __attribute__((visibility("default")))

namespace bnn {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 40;  // of a tensor; a larger one is a mistake
constexpr int kMaxThreads = 256;

struct State {
  tfl::Delegate delegate{};
  const bnn_backend* backend = nullptr;
  int threads = 0;  // 0: as the interpreter says
  std::unique_ptr<ThreadPool> pool;

  ThreadPool* pool_of(int wanted) {
    if (wanted > 1 && (pool == nullptr || pool->threads() < wanted)) {
      pool = std::make_unique<ThreadPool>(wanted);
    }
    return pool.get();
  }
};

int64_t element_size(tfl::Type type) { return type == tfl::kInt8 || type == tfl::kBool ? 1 : 4; }

int64_t byte_size(const Shape& shape, tfl::Type type) {
  int64_t bytes = element_size(type);
  for (int64_t d : shape) {
    if (d < 0 || (d > 0 && bytes > kMaxBytes / d)) {
      throw std::invalid_argument("a tensor is too large");
    }
    bytes *= d;
  }
  return bytes;
}

struct PartitionOp {
  std::string name;
  std::unique_ptr<Op> op;
  std::vector<int> inputs;
  int output;
};

class Partition {
 public:
  Partition(tfl::Context* context, const tfl::DelegateParams& params, State* state)
      : state_(state) {
    for (int index : *params.nodes_to_replace) {
      tfl::Node* node = nullptr;
      tfl::Registration* registration = nullptr;
      if (context->GetNodeAndRegistration(context, index, &node, &registration) != tfl::kOk) {
        throw std::runtime_error("node " + std::to_string(index) + " cannot be read");
      }
      PartitionOp op{registration->custom_name, nullptr, {}, tfl::kNoTensor};
      op.inputs.assign(node->inputs->begin(), node->inputs->end());
      if (node->outputs->size != 1) {
        throw std::invalid_argument(op.name + ": must have one output");
      }
      op.output = node->outputs->begin()[0];
      guarded(context, op, [&] {
        op.op = make_op(op.name, node->custom_initial_data,
                        static_cast<size_t>(std::max(node->custom_initial_data_size, 0)),
                        *state_->backend);
      });
      ops_.push_back(std::move(op));
    }
    for (const PartitionOp& op : ops_) internal_[op.output];
    for (int tensor : *params.output_tensors) internal_.erase(tensor);
  }

  void prepare(tfl::Context* context) {
    const int threads =
        state_->threads > 0 ? state_->threads : std::max(context->recommended_num_threads, 1);
    context_.backend = state_->backend;
    context_.threads = std::min(threads, kMaxThreads);
    context_.pool = state_->pool_of(context_.threads);
    for (PartitionOp& op : ops_) {
      guarded(context, op, [&] {
        const std::vector<TensorView> inputs = input_views(context, op);
        const TensorView output = view(context, op.output);
        const Shape shape = op.op->prepare(inputs, output);
        const int64_t bytes = byte_size(shape, output.type);
        auto own = internal_.find(op.output);
        if (own == internal_.end()) {
          resize(context, op.output, shape);
        } else {
          own->second.shape = shape;
          if (own->second.buffer.size() < static_cast<size_t>(bytes)) {
            own->second.buffer = AlignedBuffer<char>(static_cast<size_t>(bytes));
          }
        }
      });
    }
  }

  void run(tfl::Context* context) {
    for (PartitionOp& op : ops_) {
      op.op->run(input_views(context, op), view(context, op.output), context_);
    }
  }

 private:
  struct Internal {
    Shape shape;
    AlignedBuffer<char> buffer;
  };

  // Runs `action`; its errors get the op's name and the name of what it writes.
  template <class Action>
  void guarded(tfl::Context* context, const PartitionOp& op, Action action) const {
    try {
      action();
    } catch (const std::exception& error) {
      const char* name = op.output >= 0 && size_t(op.output) < context->tensors_size
                             ? context->tensors[op.output].name
                             : nullptr;
      throw std::runtime_error(op.name + " (output '" + (name == nullptr ? "?" : name) +
                               "'): " + error.what());
    }
  }

  TensorView view(const tfl::Context* context, int index) const {
    TensorView v;
    if (index == tfl::kNoTensor) return v;
    if (index < 0 || static_cast<size_t>(index) >= context->tensors_size) {
      throw std::invalid_argument("tensor index " + std::to_string(index) + " does not exist");
    }
    const tfl::Tensor& tensor = context->tensors[index];
    v.name = tensor.name == nullptr ? "?" : tensor.name;
    v.type = tensor.type;
    v.scale = tensor.scale;
    v.zero_point = tensor.zero_point;
    v.constant = tensor.allocation_type == tfl::kReadOnly;
    v.data = tensor.data;
    v.bytes = tensor.bytes;
    const auto own = internal_.find(index);
    if (own != internal_.end()) {
      v.data = const_cast<char*>(own->second.buffer.data());
      v.shape = own->second.shape;
    }
    if (v.shape.empty() && tensor.dims != nullptr) {
      v.shape.assign(tensor.dims->begin(), tensor.dims->end());
    }
    return v;
  }

  std::vector<TensorView> input_views(const tfl::Context* context, const PartitionOp& op) const {
    std::vector<TensorView> views;
    for (int index : op.inputs) views.push_back(view(context, index));
    return views;
  }

  static void resize(tfl::Context* context, int index, const Shape& shape) {
    tfl::Tensor* tensor = &context->tensors[index];
    const size_t rank = shape.size();
    auto* dims = static_cast<tfl::IntArray*>(std::malloc((rank + 1) * sizeof(int)));
    if (dims == nullptr) throw std::bad_alloc();
    dims->size = static_cast<int>(rank);
    for (size_t i = 0; i < rank; ++i) dims->begin()[i] = static_cast<int>(shape[i]);
    if (context->ResizeTensor(context, tensor, dims) != tfl::kOk) {
      throw std::runtime_error("the output cannot be resized");
    }
  }

  State* state_;
  OpContext context_;
  std::vector<PartitionOp> ops_;
  std::map<int, Internal> internal_;
};

void* partition_init(tfl::Context* context, const char* buffer, size_t) {
  const auto& params = *reinterpret_cast<const tfl::DelegateParams*>(buffer);
  try {
    return new Partition(context, params, static_cast<State*>(params.delegate->data));
  } catch (const std::exception& error) {
    context->ReportError(context, "%s", error.what());
    return nullptr;  // prepare will refuse
  }
}

void partition_free(tfl::Context*, void* partition) { delete static_cast<Partition*>(partition); }

tfl::Status partition_prepare(tfl::Context* context, tfl::Node* node) {
  if (node->user_data == nullptr) return tfl::kError;
  try {
    static_cast<Partition*>(node->user_data)->prepare(context);
    return tfl::kOk;
  } catch (const std::exception& error) {
    context->ReportError(context, "%s", error.what());
    return tfl::kError;
  }
}

tfl::Status partition_invoke(tfl::Context* context, tfl::Node* node) {
  try {
    static_cast<Partition*>(node->user_data)->run(context);
    return tfl::kOk;
  } catch (const std::exception& error) {
    context->ReportError(context, "%s", error.what());
    return tfl::kError;
  }
}

tfl::Status delegate_prepare(tfl::Context* context, tfl::Delegate* delegate) {
  tfl::IntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != tfl::kOk) return tfl::kError;
  const std::vector<int> nodes(plan->begin(), plan->end());  // the plan changes under our hands
  std::vector<int> claimed = {0};                            // length first, as in IntArray
  for (int index : nodes) {
    tfl::Node* node = nullptr;
    tfl::Registration* registration = nullptr;
    if (context->GetNodeAndRegistration(context, index, &node, &registration) != tfl::kOk) {
      return tfl::kError;
    }
    if (is_binary_op(registration->custom_name)) claimed.push_back(index);
  }
  claimed[0] = static_cast<int>(claimed.size()) - 1;
  if (claimed[0] == 0) return tfl::kOk;

  tfl::Registration kernel{};
  kernel.init = partition_init;
  kernel.free = partition_free;
  kernel.prepare = partition_prepare;
  kernel.invoke = partition_invoke;
  kernel.builtin_code = tfl::kDelegateBuiltinCode;
  kernel.custom_name = "BnnLabDelegate";
  kernel.version = 1;
  return context->ReplaceNodeSubsetsWithDelegateKernels(
      context, kernel, reinterpret_cast<const tfl::IntArray*>(claimed.data()), delegate);
}

void configure(State* state, char** keys, char** values, int count) {
  std::string backend;
  for (int i = 0; i < count; ++i) {
    const std::string key = keys[i], value = values[i];
    if (key == "backend") {
      backend = value;
    } else if (key == "num_threads") {
      char* end = nullptr;
      const long threads = std::strtol(value.c_str(), &end, 10);
      if (value.empty() || *end != '\0' || threads < 1 || threads > kMaxThreads) {
        throw std::invalid_argument("delegate option num_threads must be 1 to " +
                                    std::to_string(kMaxThreads) + ", not '" + value + "'");
      }
      state->threads = static_cast<int>(threads);
    } else {
      throw std::invalid_argument("unknown delegate option '" + key +
                                  "'; known: backend, num_threads");
    }
  }
  state->backend = &select_backend(backend);
}

}  // namespace
}  // namespace bnn

// The interface says size_t for count, LiteRT's Python passes an int: int reads both.
BNN_EXPORT bnn::tfl::Delegate* tflite_plugin_create_delegate(char** keys, char** values, int count,
                                                             void (*report)(const char*)) {
  try {
    auto state = std::make_unique<bnn::State>();
    bnn::configure(state.get(), keys, values, count);
    state->delegate.data = state.get();
    state->delegate.Prepare = bnn::delegate_prepare;
    // Without it the interpreter rejects the unresolved custom ops before it asks the delegate.
    state->delegate.flags = bnn::tfl::kAllowDynamicTensors;
    return &state.release()->delegate;
  } catch (const std::exception& error) {
    if (report != nullptr) report(error.what());
    return nullptr;
  }
}

BNN_EXPORT void tflite_plugin_destroy_delegate(bnn::tfl::Delegate* delegate) {
  if (delegate != nullptr) delete static_cast<bnn::State*>(delegate->data);
}
