// Binary convolution: geometry, padding, groups and threads around the span functions of a backend.
#ifndef BNN_BCONV2D_H_
#define BNN_BCONV2D_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "bnn/activation.h"
#include "bnn/backend.h"
#include "bnn/geometry.h"
#include "bnn/thread_pool.h"

namespace bnn {

enum class Output { kFloat32, kInt8, kBits };

// One step of the fused epilogue of float output.
struct EpilogueStep {
  int32_t kind = BNN_STEP_SHORTCUT;
  std::vector<float> values = {};             // of MULTIPLY, ADD, PRELU: one, or channels_out
  Activation activation = Activation::kNone;  // of BNN_STEP_CLAMP
};

// Clamps, adds a shortcut, clamps again.
std::vector<EpilogueStep> residual_epilogue(Activation before, Activation after);

struct BConv2DParams {
  int32_t channels_in = 0, channels_out = 0;
  int32_t filter_height = 0, filter_width = 0;
  int32_t stride_height = 1, stride_width = 1;
  int32_t dilation_height = 1, dilation_width = 1;
  int32_t groups = 1;
  // Depthwise: channels_out = channels_in * m, output channel c reads input channel c / m alone.
  // filters are then [filter_height, filter_width, words(channels_out)]; groups stays 1.
  bool depthwise = false;
  Padding padding = Padding::kValid;
  int32_t pad_values = 0;  // what kSame pads with: 0 or 1
  Activation activation = Activation::kNone;
  Output output = Output::kFloat32;
  double output_scale = 1.0;  // of int8
  int32_t output_zero_point = 0;
  // What happens to the float result after multiplier and bias, in this order. At most
  // BNN_MAX_STEPS; BNN_STEP_SHORTCUT once, and passed over where run() gets no shortcut.
  std::vector<EpilogueStep> epilogue = {};
  // K of the output transform if it is not that of the filter (phases of a transposed
  // convolution), else 0.
  int32_t transform_depth = 0;
};

// Where results go, beyond the plain case of one dense array. Steps count elements (words, for
// bits); 0 means dense.
struct OutputView {
  void* data = nullptr;
  int64_t pixel_step = 0, row_step = 0, image_step = 0;
  // Float output only: what is added to it, which may be the output itself, and the signs of the
  // result. Pixels of both are dense.
  const float* shortcut = nullptr;
  int64_t shortcut_row_step = 0, shortcut_image_step = 0;
  uint32_t* signs = nullptr;
  int64_t signs_row_step = 0, signs_image_step = 0;
};

// A convolution with its weights packed for one backend. Semantics: bnn_lab/reference.py.
//
// All errors are std::invalid_argument naming the field. resize() before run(), again whenever the
// image size changes. One run at a time: it owns scratch memory.
class BConv2D {
 public:
  // filters: OHWI words, or HW + words of channels if depthwise. multiplier, bias: [channels_out]
  // or null (ones, zeros); not for bits. threshold: [channels_out], for bits only. All are copied.
  BConv2D(const bnn_backend& backend, const BConv2DParams& params, const uint32_t* filters,
          const float* multiplier, const float* bias, const int32_t* threshold);
  ~BConv2D();

  // Windows as padding and stride say, or given: the stride stays that of the parameters, and
  // what lies outside the image is padded with pad_values.
  void resize(int64_t height, int64_t width);
  void resize(int64_t height, int64_t width, const Windows& ys, const Windows& xs);

  // The narrowest frame in which run() takes its input without copying it, empty if there is none.
  // After take_framed() with that, or a wider one, and until the next resize(), x of run() is
  // [batch, height, width, words] of the frame. An empty frame: as without the call.
  Frame frame() const;
  void take_framed(const Frame& frame);

  int64_t out_height() const;
  int64_t out_width() const;
  int64_t out_channels() const;  // last dimension of the output: words for bits
  int64_t macs() const;          // multiply-accumulates of one image
  const bnn_backend& backend() const;
  const BConv2DParams& params() const;

  // x: [batch, height, width, words] as given to resize(); output: [batch, out_height(),
  // out_width(), out_channels()]. pool may be null.
  void run(const uint32_t* x, int64_t batch, void* output, ThreadPool* pool, int threads) {
    OutputView view;
    view.data = output;
    run(x, batch, view, pool, threads);
  }
  void run(const uint32_t* x, int64_t batch, const OutputView& output, ThreadPool* pool,
           int threads);

 private:
  struct Parts;  // src/conv
  std::unique_ptr<Parts> parts_;
};

}  // namespace bnn
#endif  // BNN_BCONV2D_H_
