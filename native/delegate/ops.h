// The binary ops of a model file, as the delegate runs them.
#ifndef BNN_DELEGATE_OPS_H_
#define BNN_DELEGATE_OPS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bnn/backend.h"
#include "bnn/thread_pool.h"
#include "tflite_abi.h"

namespace bnn {

using Shape = std::vector<int64_t>;

// What an op sees of a tensor. Data of constants is there at creation, of others only in run().
struct TensorView {
  const char* name = "?";
  tfl::Type type = tfl::kNoType;
  Shape shape;
  float scale = 0;
  int32_t zero_point = 0;
  bool constant = false;
  void* data = nullptr;
  size_t bytes = 0;  // of a constant
};

struct OpContext {
  const bnn_backend* backend = nullptr;
  ThreadPool* pool = nullptr;
  int threads = 1;
};

// One op. Errors are std::invalid_argument, worded to follow "<op> (output <tensor>): ".
class Op {
 public:
  virtual ~Op() = default;
  // The shape of the output for these inputs (absent operands are empty views).
  virtual Shape prepare(const std::vector<TensorView>& inputs, const TensorView& output) = 0;
  // Views as in prepare(), with data.
  virtual void run(const std::vector<TensorView>& inputs, const TensorView& output,
                   const OpContext& context) = 0;
};

// True for the custom ops that make_op() knows.
bool is_binary_op(const char* custom_name);

// Parses the options. Throws std::invalid_argument.
std::unique_ptr<Op> make_op(const std::string& custom_name, const void* options,
                            size_t options_size, const bnn_backend& backend);

}  // namespace bnn
#endif  // BNN_DELEGATE_OPS_H_
