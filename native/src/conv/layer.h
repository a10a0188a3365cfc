// A convolution's parameters, checked, and the sizes that follow from them.
#ifndef BNN_CONV_LAYER_H_
#define BNN_CONV_LAYER_H_

#include <cstddef>
#include <cstdint>

#include "bnn/bconv2d.h"

namespace bnn {

struct ConvLayer {
  // Throws std::invalid_argument naming the field, of the constants' values too.
  ConvLayer(const BConv2DParams& params, const float* multiplier, const float* bias,
            const int32_t* threshold);

  const BConv2DParams params;
  const int32_t taps;                  // of the filter
  const int32_t group_in, group_out;   // channels of one group
  const int32_t group_words, blocks;   // of one group
  const int32_t depth;                 // K of the filter
  const int32_t transform_depth;       // K of the output transform
  const bool repack;                   // the input's channels must be rearranged
  const bool straddle;                 // bit outputs of groups do not start at word boundaries
  const bool whole_rows;               // a run is a row of the filter, else one tap
  const int32_t run_count, run_words;  // of a window
  const int64_t pixel_words;           // of the image that windows are read from
  const int64_t out_channels;          // last dimension of the output: words for bits
  const int64_t element;               // bytes of one of them

  int64_t all_blocks() const { return int64_t{params.groups} * blocks; }
  size_t padded_channels() const { return static_cast<size_t>(all_blocks()) * BNN_BLOCK; }
  // Position of output channel o in the arrays of constants, which are [group][block][32].
  size_t slot(int32_t o) const {
    return static_cast<size_t>(o / group_out) * blocks * BNN_BLOCK + o % group_out;
  }
};

}  // namespace bnn
#endif  // BNN_CONV_LAYER_H_
