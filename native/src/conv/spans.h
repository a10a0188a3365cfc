// From rows of an image and a block of output channels to calls of a backend's span functions.
#ifndef BNN_CONV_SPANS_H_
#define BNN_CONV_SPANS_H_

#include <cstdint>

#include "conv/border.h"
#include "conv/layer.h"
#include "conv/pack.h"
#include "conv/plan.h"

namespace bnn {

// All that a run reads and does not change.
struct ConvParts {
  const bnn_backend& backend;
  const ConvLayer& layer;
  const ConvConstants& constants;
  const ConvPlan& plan;
  const ConvBorder& border;
};

// What windows are read from.
struct ConvImage {
  const uint32_t* words;
  const uint8_t* bytes;  // the same, each bit a byte, or null
};

// One block of one image. No step of the view is 0.
class BlockRun {
 public:
  BlockRun(const ConvParts& parts, const ConvImage& image, const OutputView& output, int64_t block);
  void run_rows(int64_t first_row, int64_t last_row);

 private:
  void set_constants(int64_t block);
  void set_epilogue();
  void set_steps();
  int32_t rows_alike(int64_t y, int64_t last_row) const;
  void place(int64_t y, const ConvBorder::Segment& segment);
  void place_fused(int64_t y, const ConvBorder::Segment& segment);
  void call() const;
  void call_straddling(int64_t y, int64_t column);

  const ConvParts parts_;
  const OutputView output_;
  const int64_t first_constant_;  // of the block
  const int64_t channel_;         // the first of the block
  const int64_t sign_words_;      // of a pixel
  const uint32_t* origin_;        // of the first window of row 0
  const uint8_t* byte_origin_ = nullptr;
  bool even_ = false, unclamped_ = false, fused_ = false;
  bnn_span span_{};
};

}  // namespace bnn
#endif  // BNN_CONV_SPANS_H_
