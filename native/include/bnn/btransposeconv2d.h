// Transposed binary convolution, as convolutions of the input with parts of the filter.
#ifndef BNN_BTRANSPOSECONV2D_H_
#define BNN_BTRANSPOSECONV2D_H_

#include <memory>
#include <vector>

#include "bnn/bconv2d.h"

namespace bnn {

// Output positions whose coordinate is the same modulo the stride see the same taps of the filter:
// each such phase is an ordinary stride-1 convolution with those taps, in reverse order, that
// writes every stride-th output pixel. No zeros are inserted, no multiply is wasted.
class BTransposeConv2D {
 public:
  // params as for the convolution that this one transposes: its stride is the growth, and
  // dilation and groups must be 1. filters: OHWI words. pad_values has no meaning here.
  BTransposeConv2D(const bnn_backend& backend, const BConv2DParams& params, const uint32_t* filters,
                   const float* multiplier, const float* bias, const int32_t* threshold);

  // Input and output size; the convolution of the output must have the size of the input.
  void resize(int64_t height, int64_t width, int64_t out_height, int64_t out_width);

  int64_t out_height() const { return out_height_; }
  int64_t out_width() const { return out_width_; }
  int64_t out_channels() const { return phases_.front().conv->out_channels(); }
  int64_t macs() const;
  const bnn_backend& backend() const { return phases_.front().conv->backend(); }

  // x: [batch, height, width, words]; output: [batch, out_height(), out_width(), out_channels()].
  void run(const uint32_t* x, int64_t batch, void* output, ThreadPool* pool, int threads);

 private:
  struct Phase {
    int32_t row, column;            // output coordinates modulo the stride, before cropping
    int32_t row_taps, column_taps;  // may be 0: no input reaches this phase
    int64_t first_row = 0, first_column = 0;
    std::unique_ptr<BConv2D> conv;
  };

  std::vector<uint32_t> taps_of(const Phase& phase, const uint32_t* filters) const;

  const BConv2DParams params_;
  std::vector<Phase> phases_;
  int64_t height_ = 0, width_ = 0, out_height_ = 0, out_width_ = 0;
};

}  // namespace bnn
#endif  // BNN_BTRANSPOSECONV2D_H_
