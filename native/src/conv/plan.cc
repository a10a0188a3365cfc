#include "conv/plan.h"

#include <algorithm>

#include "bnn/checks.h"

namespace bnn {
namespace {

// Where the last window along an axis ends.
int64_t end_of(const Windows& w, int64_t stride, int64_t kernel, int64_t dilation) {
  return w.out == 0 ? 0 : w.start + (w.out - 1) * stride + (kernel - 1) * dilation + 1;
}

// The largest image that is expanded to bytes.
constexpr size_t kMaxByteImage = size_t{1} << 26;

}  // namespace

ConvPlan::ConvPlan(const ConvLayer& layer, int64_t input_height, int64_t input_width,
                   const Windows& rows, const Windows& columns)
    : height(input_height), width(input_width), ys(rows), xs(columns) {
  require(height >= 0 && width >= 0, "the input's height and width must not be negative");
  const BConv2DParams& p = layer.params;
  top = std::max<int64_t>(-ys.start, 0);
  left = std::max<int64_t>(-xs.start, 0);
  image_height =
      top + std::max(height, end_of(ys, p.stride_height, p.filter_height, p.dilation_height));
  image_width =
      left + std::max(width, end_of(xs, p.stride_width, p.filter_width, p.dilation_width));
  least_width_ = image_width;
  padded_ = layer.repack || image_height != height || image_width != width;
  // Divided instead of multiplied, which could overflow.
  require(!padded_ || image_height == 0 || image_width == 0 ||
              image_height <= kMaxImageWords / image_width / layer.pixel_words,
          "the padded input would be larger than 256 MiB");
  place_runs(layer);
}

void ConvPlan::place_runs(const ConvLayer& layer) {
  const BConv2DParams& p = layer.params;
  runs.clear();
  for (int64_t ky = 0; ky < p.filter_height; ++ky) {
    const int64_t row = ky * p.dilation_height * image_width;
    for (int64_t kx = 0; kx < (layer.whole_rows ? 1 : p.filter_width); ++kx) {
      runs.push_back((row + kx * p.dilation_width) * layer.pixel_words);
    }
  }
}

size_t ConvPlan::byte_image(const bnn_backend& backend, const ConvLayer& layer) const {
  const BConv2DParams& p = layer.params;
  if (backend.layer_takes_bytes == nullptr || p.depthwise || layer.straddle) return 0;
  const int64_t pixels = ys.out * xs.out;
  if (!backend.layer_takes_bytes(layer.run_count, layer.run_words, pixels, p.channels_out))
    return 0;
  const int64_t behind = 15 * p.stride_width * layer.pixel_words + 1;
  const size_t bytes = (image_words(layer) + static_cast<size_t>(behind)) * BNN_WORD_BITS;
  return pixels > 0 && bytes <= kMaxByteImage ? bytes : 0;
}

Frame ConvPlan::frame(const ConvLayer& layer) const {
  if (layer.repack) return {};
  return {top, left, image_height, least_width_};
}

void ConvPlan::take_framed(const ConvLayer& layer, const Frame& given) {
  Frame fitting = frame(layer);
  fitting.width = std::max(fitting.width, given.width);
  require(given.empty() || fitting == given, "the frame of the input does not fit the padding");
  framed_ = !given.empty();
  const int64_t wanted = framed_ ? given.width : least_width_;
  if (wanted == image_width) return;
  image_width = wanted;
  place_runs(layer);
}

}  // namespace bnn
