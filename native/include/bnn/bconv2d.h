// Binary convolution and pooling: geometry, padding, groups and threads around the leaf kernels.
#ifndef BNN_BCONV2D_H_
#define BNN_BCONV2D_H_

#include <cstdint>
#include <vector>

#include "bnn/aligned_buffer.h"
#include "bnn/backend.h"
#include "bnn/thread_pool.h"

namespace bnn {

enum class Padding { kSame, kValid };
enum class Activation { kNone, kRelu, kReluN1To1, kRelu6 };
enum class Output { kFloat32, kInt8, kBits };

constexpr int64_t words_for(int64_t channels) {
  return (channels + BNN_WORD_BITS - 1) / BNN_WORD_BITS;
}

// Where the windows along one axis lie: the i-th starts at input position start + i * stride.
struct Windows {
  int64_t out = 0;    // how many
  int64_t start = 0;  // negative: that many positions of padding come before
};
// As TensorFlow computes them.
Windows window_axis(int64_t size, int64_t kernel, int64_t stride, int64_t dilation,
                    Padding padding);

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

// An image that lies inside a larger one of height x width pixels, its first pixel at (top, left).
// What surrounds bits is zeros: the padding (+1) of the convolution that reads them. Empty if
// height is 0.
struct Frame {
  int64_t top = 0, left = 0, height = 0, width = 0;
  bool empty() const { return height == 0; }
  bool operator==(const Frame& o) const {
    return top == o.top && left == o.left && height == o.height && width == o.width;
  }
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

  // Windows as padding and stride say, or given: the stride stays that of the parameters, and
  // what lies outside the image is padded with pad_values.
  void resize(int64_t height, int64_t width);
  void resize(int64_t height, int64_t width, const Windows& ys, const Windows& xs);

  // The narrowest frame in which run() takes its input without copying it, empty if there is none.
  // After take_framed() with that, or a wider one, and until the next resize(), x of run() is
  // [batch, height, width, words] of the frame. An empty frame: as without the call.
  Frame frame() const;
  void take_framed(const Frame& frame);

  int64_t out_height() const { return ys_.out; }
  int64_t out_width() const { return xs_.out; }
  // Last dimension of the output: words for bits.
  int64_t out_channels() const {
    return params_.output == Output::kBits ? words_for(params_.channels_out) : params_.channels_out;
  }
  // Multiply-accumulates of one image.
  int64_t macs() const;
  const bnn_backend& backend() const { return backend_; }
  const BConv2DParams& params() const { return params_; }

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
  struct Segment {  // output columns [begin, end) that share one zero-padding correction
    int64_t begin, end;
    int32_t pattern;
  };

  size_t padded_channels() const {
    return static_cast<size_t>(params_.groups) * blocks_ * BNN_BLOCK;
  }
  // Position of output channel o in the arrays of constants.
  size_t slot(int32_t o) const {
    return static_cast<size_t>(o / group_out_) * blocks_ * BNN_BLOCK + o % group_out_;
  }
  bool whole_rows() const {
    return params_.dilation_width == 1 && params_.groups == 1 && !params_.depthwise;
  }
  void prepare_transform(const float* multiplier, const float* bias, const int32_t* threshold);
  void pack_weights(const uint32_t* filters);
  void pack_depthwise_weights(const uint32_t* filters);
  void sum_taps(const uint32_t* filters);
  void prepare_epilogue();
  std::vector<int32_t> integrate_taps() const;
  void prepare_corrections();
  void prepare_runs();
  size_t framed_words() const {
    return static_cast<size_t>(image_height_ * image_width_ * pixel_words_);
  }
  void fill_image(const uint32_t* x);
  void run_rows(const uint32_t* image, const OutputView& output, int64_t block, int64_t first_row,
                int64_t last_row) const;
  void call(const bnn_span& span, bool fused) const;
  void call_straddling(bnn_span span, uint32_t* row, int64_t column, int64_t channel) const;

  const bnn_backend& backend_;
  const BConv2DParams params_;
  int32_t group_in_, group_out_;  // channels of one group
  int32_t group_words_, blocks_;  // of one group
  int32_t depth_;                 // K of the filter
  int32_t transform_depth_;       // K of the output transform
  bool repack_;                   // the input's channels are rearranged into image_
  bool straddle_;                 // bit outputs of groups do not start at word boundaries
  size_t block_weight_words_;
  int32_t run_words_ = 0;
  AlignedBuffer<uint32_t> weights_;      // [group][block]
  AlignedBuffer<float> factor_, shift_;  // [group][block][32]
  AlignedBuffer<int32_t> threshold_;
  std::vector<int32_t> tap_sums_;  // [tap][group][block][32], where padding must add 0
  int32_t clamp_min_, clamp_max_;
  bool doubles_ = true;          // every factor can be doubled
  std::vector<bnn_step> steps_;  // values: [group][block][32] in step_values_
  std::vector<AlignedBuffer<float>> step_values_;

  // Set by resize().
  int64_t height_ = -1, width_ = -1;
  Windows ys_, xs_;
  int64_t top_ = 0, left_ = 0;  // padding before the image
  int64_t image_height_ = 0, image_width_ = 0, pixel_words_ = 0;
  int64_t least_width_ = 0;        // of image_width_
  bool copy_ = false;              // work on image_, not on the caller's input
  bool framed_ = false;            // the caller's input already looks like image_
  AlignedBuffer<uint32_t> image_;  // padded and, if needed, rearranged input
  std::vector<ptrdiff_t> runs_;
  std::vector<Segment> segments_;
  std::vector<int32_t> row_pattern_;  // of each output row
  int32_t column_patterns_ = 1;
  AlignedBuffer<int32_t> offsets_;  // [row pattern][column pattern][group][block][32]
  std::vector<char> plain_;         // [row pattern][column pattern]: all offsets are zero
};

// Max-pooling of bitpacked values. x: [batch, height, width, words].
void bmaxpool2d(const bnn_backend& backend, const uint32_t* x, int64_t batch, int64_t height,
                int64_t width, int64_t words, int64_t pool_height, int64_t pool_width,
                int64_t stride_height, int64_t stride_width, Padding padding, uint32_t* output);

}  // namespace bnn
#endif  // BNN_BCONV2D_H_
