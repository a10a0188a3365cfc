// Where the windows of an image of one size lie, and the padded image that they are read from.
#ifndef BNN_CONV_PLAN_H_
#define BNN_CONV_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "conv/layer.h"

namespace bnn {

struct ConvPlan {
  ConvPlan() = default;
  // Throws std::invalid_argument.
  ConvPlan(const ConvLayer& layer, int64_t height, int64_t width, const Windows& ys,
           const Windows& xs);

  bool is_for(int64_t h, int64_t w, const Windows& y, const Windows& x) const {
    return height == h && width == w && ys == y && xs == x;
  }
  // The narrowest frame in which the input need not be copied, empty if there is none.
  Frame frame(const ConvLayer& layer) const;
  // The input comes in this frame, or in none.
  void take_framed(const ConvLayer& layer, const Frame& frame);

  // Whether the input is copied into a padded image, and its size.
  bool copies() const { return padded_ && !framed_; }
  size_t copied_words(const ConvLayer& layer) const { return copies() ? image_words(layer) : 0; }
  // Of the padded image, or of the input in a frame.
  size_t image_words(const ConvLayer& layer) const {
    return static_cast<size_t>(image_height * image_width * layer.pixel_words);
  }
  // Of the same image with each bit a byte, and what may be read after it: 0 if the backend has no
  // use for that.
  size_t byte_image(const bnn_backend& backend, const ConvLayer& layer) const;
  int64_t macs(const ConvLayer& layer) const {
    return ys.out * xs.out * layer.params.channels_out * static_cast<int64_t>(layer.depth);
  }
  // From one image of the input to the next.
  int64_t input_words(const ConvLayer& layer) const {
    return framed_ ? static_cast<int64_t>(image_words(layer))
                   : height * width * words_for(layer.params.channels_in);
  }

  int64_t height = -1, width = -1;  // of the input
  Windows ys, xs;
  int64_t top = 0, left = 0;  // padding before it
  int64_t image_height = 0, image_width = 0;
  std::vector<ptrdiff_t> runs;  // word offsets from the origin of a window

 private:
  void place_runs(const ConvLayer& layer);

  int64_t least_width_ = 0;  // of image_width
  bool padded_ = false;      // the image is not the input as it is
  bool framed_ = false;      // but the input looks like it already
};

}  // namespace bnn
#endif  // BNN_CONV_PLAN_H_
