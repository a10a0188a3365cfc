// The binary ops of a model file, as the delegate runs them.
#ifndef BNN_DELEGATE_OPS_H_
#define BNN_DELEGATE_OPS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bnn/backend.h"
#include "bnn/bconv2d.h"
#include "bnn/thread_pool.h"
#include "tflite_abi.h"

namespace bnn {

using Shape = std::vector<int64_t>;

// What an op sees of a tensor. Data of constants is there at preparation, of others only in run().
struct TensorView {
  int index = tfl::kNoTensor;
  tfl::Type type = tfl::kNoType;
  Shape shape;
  float scale = 0;
  int32_t zero_point = 0;
  bool constant = false;
  void* data = nullptr;
  size_t bytes = 0;        // of a constant
  bool plus_zero = false;  // 0 is added to what is read: -0 becomes 0, and so do denormals
  Frame frame;             // of [batch, height, width, channels or words]; data is then the frame's

  // Elements from one row, and one image, to the next, and before the first pixel.
  int64_t row_step() const { return (frame.empty() ? shape[2] : frame.width) * shape[3]; }
  int64_t image_step() const { return (frame.empty() ? shape[1] : frame.height) * row_step(); }
  int64_t origin() const {
    return frame.empty() ? 0 : frame.top * row_step() + frame.left * shape[3];
  }
};

// The tensors of one op. Absent operands are empty views.
struct OpTensors {
  std::vector<TensorView> inputs;
  TensorView output;
  // Of a convolution that other ops were fused into:
  TensorView shortcut;  // added to the result
  TensorView signs;     // the result's signs, written beside it
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
  // The shape of the output for these inputs.
  virtual Shape prepare(const OpTensors& tensors) = 0;
  virtual void run(const OpTensors& tensors, const OpContext& context) = 0;

  // Whether fuse() may be called. A convolution with float output takes in what follows it, at most
  // BNN_MAX_STEPS steps, before it is prepared.
  virtual bool fuses() const { return false; }
  virtual void fuse(EpilogueStep) {}

  // Bitpacking and max-pooling take in what is done to their input, in this order, before they are
  // prepared. They may then have several inputs, whose channels follow one another.
  virtual bool takes_in() const { return false; }
  virtual void take_in(std::vector<EpilogueStep>) {}

  // After prepare(): the narrowest frame that inputs[0] may have, and whether output, shortcut and
  // signs may have one.
  virtual Frame frame() const { return {}; }
  virtual bool writes_frames() const { return false; }
  // Before run(), when the frames of all tensors are known.
  virtual void lay_out(const OpTensors&) {}
};

// True for the custom ops that make_op() knows.
bool is_binary_op(const char* custom_name);

// Float ops that the delegate claims only to fuse them; run as they are where that fails.
std::unique_ptr<Op> make_sum(Activation activation);
std::unique_ptr<Op> make_activation(Activation activation);
// step: BNN_STEP_MULTIPLY, _ADD or _PRELU.
std::unique_ptr<Op> make_channel_op(EpilogueStep step, Activation activation);

// CONCATENATION of images along their channels.
std::unique_ptr<Op> make_join();

// PAD with channels of zeros before an image's own.
std::unique_ptr<Op> make_pad();

// AVERAGE_POOL_2D, or a MEAN over height and width.
struct AverageOptions {
  int32_t filter_height = 0, filter_width = 0;  // 0: the whole image, whatever its size
  int32_t stride_height = 1, stride_width = 1;
  Padding padding = Padding::kValid;
  Activation activation = Activation::kNone;
  bool keep_dims = true;
};
std::unique_ptr<Op> make_average(const AverageOptions& options);

// MAX_POOL_2D with windows of 2x2 pixels that lie side by side.
std::unique_ptr<Op> make_max_pool(Padding padding, Activation activation);

// LceQuantize.
std::unique_ptr<Op> make_quantize();

// Parses the options. Throws std::invalid_argument.
std::unique_ptr<Op> make_op(const std::string& custom_name, const void* options,
                            size_t options_size, const bnn_backend& backend);

}  // namespace bnn
#endif  // BNN_DELEGATE_OPS_H_
