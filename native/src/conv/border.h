// What zero-padding adds to the results of the pixels at the border.
//
// The image is padded with zero bits, which stand for +1. Where padding must count as 0, what the
// padded taps added is taken back by an offset for each output channel. Output pixels whose windows
// hang over the border alike form a class with one set of offsets.
#ifndef BNN_CONV_BORDER_H_
#define BNN_CONV_BORDER_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "bnn/aligned_buffer.h"
#include "conv/pack.h"
#include "conv/plan.h"

namespace bnn {

class ConvBorder {
 public:
  struct Segment {  // output columns [begin, end) of one class
    int64_t begin, end;
    int32_t column_class;
  };

  ConvBorder() = default;
  // Throws std::invalid_argument.
  ConvBorder(const ConvLayer& layer, const ConvConstants& constants, const ConvPlan& plan);

  const std::vector<Segment>& segments() const { return segments_; }
  int32_t row_class(int64_t y) const { return row_classes_[static_cast<size_t>(y)]; }

  // Of a row and a segment: [group][block][32], and whether all are zero.
  const int32_t* offsets(int64_t y, const Segment& segment) const {
    return offsets_.data() + class_of(y, segment) * padded_channels_;
  }
  bool plain(int64_t y, const Segment& segment) const { return plain_[class_of(y, segment)] != 0; }

 private:
  using Taps = std::pair<int32_t, int32_t>;  // [first, last) of an axis: those inside the image

  size_t class_of(int64_t y, const Segment& segment) const {
    return static_cast<size_t>(row_class(y)) * column_count_ + segment.column_class;
  }
  std::vector<Taps> classify_rows(const ConvLayer& layer, const ConvPlan& plan);
  std::vector<Taps> classify_columns(const ConvLayer& layer, const ConvPlan& plan);

  size_t padded_channels_ = 0;
  std::vector<Segment> segments_;
  std::vector<int32_t> row_classes_;  // of each output row
  size_t column_count_ = 1;           // of classes
  AlignedBuffer<int32_t> offsets_;    // [row class][column class][group][block][32]
  std::vector<char> plain_;           // [row class][column class]
};

}  // namespace bnn
#endif  // BNN_CONV_BORDER_H_
