// A LiteRT external delegate: the plugin functions, and the callbacks that LiteRT makes.
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bnn/dispatch.h"
#include "claims.h"
#include "export.h"
#include "partition.h"
#include "tflite_abi.h"

namespace bnn {
namespace {

// Calls action(); an exception becomes a message to LiteRT and an error status.
template <class Action>
tfl::Status reported(tfl::Context* context, Action action) {
  try {
    action();
    return tfl::kOk;
  } catch (const std::exception& error) {
    context->ReportError(context, "%s\n", error.what());
    return tfl::kError;
  }
}

void* partition_init(tfl::Context* context, const char* buffer, size_t) {
  const auto& params = *reinterpret_cast<const tfl::DelegateParams*>(buffer);
  Partition* partition = nullptr;  // prepare will refuse it
  reported(context, [&] {
    partition = new Partition(context, params, static_cast<DelegateState*>(params.delegate->data));
  });
  return partition;
}

void partition_free(tfl::Context*, void* partition) { delete static_cast<Partition*>(partition); }

tfl::Status partition_prepare(tfl::Context* context, tfl::Node* node) {
  if (node->user_data == nullptr) return tfl::kError;
  return reported(context, [&] { static_cast<Partition*>(node->user_data)->prepare(context); });
}

tfl::Status partition_invoke(tfl::Context* context, tfl::Node* node) {
  return reported(context, [&] { static_cast<Partition*>(node->user_data)->run(context); });
}

tfl::Status delegate_prepare(tfl::Context* context, tfl::Delegate* delegate) {
  std::vector<int> claimed;
  auto* state = static_cast<DelegateState*>(delegate->data);
  if (state->main_graph == nullptr) state->main_graph = context;
  if (state->main_graph == context) {  // it may be applied anew
    state->groups.clear();
    state->spent.clear();
  }
  const tfl::Status status =
      reported(context, [&] { claimed = claim_nodes(context, state->fuse); });
  if (status != tfl::kOk || claimed.empty()) return status;

  claimed.insert(claimed.begin(), static_cast<int>(claimed.size()));  // as an IntArray
  tfl::Registration kernel{};
  kernel.init = partition_init;
  kernel.free = partition_free;
  kernel.prepare = partition_prepare;
  kernel.invoke = partition_invoke;
  kernel.builtin_code = tfl::kDelegate;
  kernel.custom_name = "BnnLabDelegate";
  kernel.version = 1;
  return context->ReplaceNodeSubsetsWithDelegateKernels(
      context, kernel, reinterpret_cast<const tfl::IntArray*>(claimed.data()), delegate);
}

void configure(DelegateState* state, char** keys, char** values, int count) {
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
    } else if (key == "fuse" || key == "trace") {
      if (value != "0" && value != "1") {
        throw std::invalid_argument("delegate option " + key + " must be 0 or 1, not '" + value +
                                    "'");
      }
      (key == "fuse" ? state->fuse : state->trace) = value == "1";
    } else {
      throw std::invalid_argument("unknown delegate option '" + key +
                                  "'; known: backend, num_threads, fuse, trace");
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
    auto state = std::make_unique<bnn::DelegateState>();
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

BNN_EXPORT size_t bnn_delegate_groups(const bnn::tfl::Delegate* delegate, int32_t* list,
                                      size_t capacity) {
  if (delegate == nullptr) return 0;
  size_t length = 0;
  const auto add = [&](size_t value) {
    if (length < capacity) list[length] = static_cast<int32_t>(value);
    ++length;
  };
  for (const auto& partition : static_cast<const bnn::DelegateState*>(delegate->data)->groups) {
    add(partition.size());
    for (const std::vector<int>& group : partition) {
      add(group.size());
      for (int op : group) add(static_cast<size_t>(op));
    }
  }
  return length;
}

// Of each pass, in the order of bnn_delegate_groups: seconds so far in all, in calls of the pool,
// and of its threads before their first and after their last tasks. Zeros without the option trace.
BNN_EXPORT size_t bnn_delegate_trace(const bnn::tfl::Delegate* delegate, double* list,
                                     size_t capacity) {
  if (delegate == nullptr) return 0;
  size_t length = 0;
  for (const auto& partition : static_cast<const bnn::DelegateState*>(delegate->data)->spent) {
    for (const bnn::Spent& spent : partition) {
      for (double value : {spent.total, spent.pool.calls, spent.pool.late, spent.pool.idle}) {
        if (length < capacity) list[length] = value;
        ++length;
      }
    }
  }
  return length;
}

BNN_EXPORT void tflite_plugin_destroy_delegate(bnn::tfl::Delegate* delegate) {
  if (delegate != nullptr) delete static_cast<bnn::DelegateState*>(delegate->data);
}
