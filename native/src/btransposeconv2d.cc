#include "bnn/btransposeconv2d.h"

#include <algorithm>
#include <string>
#include <utility>

#include "bnn/checks.h"

namespace bnn {
namespace {

int32_t taps_of_phase(int32_t phase, int32_t kernel, int32_t stride) {
  return phase < kernel ? (kernel - 1 - phase) / stride + 1 : 0;
}

// The windows of one phase over the input, and where its outputs start.
struct AxisPhase {
  Windows windows;
  int64_t first;
};
AxisPhase phase_axis(int64_t out, int64_t pad, int32_t phase, int32_t taps, int32_t stride) {
  // Output position first + i * stride reads inputs (t0 + i) - taps + 1 ... t0 + i.
  const int64_t t0 = pad > phase ? (pad - phase + stride - 1) / stride : 0;
  const int64_t first = phase - pad + stride * t0;
  const int64_t count = first < out ? (out - 1 - first) / stride + 1 : 0;
  // Without taps: a window of one tap that never meets the image.
  return {{count, taps > 0 ? t0 - (taps - 1) : -std::max<int64_t>(count, 1)}, first};
}

void check(const BConv2DParams& p) {
  require(p.groups == 1 && !p.depthwise && p.dilation_height == 1 && p.dilation_width == 1,
          "a transposed convolution has no groups and no dilation");
  constexpr int32_t kMaxStride = 32;  // there are stride_height * stride_width phases
  require(p.stride_height >= 1 && p.stride_width >= 1 && p.stride_height <= kMaxStride &&
              p.stride_width <= kMaxStride,
          "the stride of a transposed convolution must lie in [1, 32]");
  require(p.filter_height >= 1 && p.filter_width >= 1 && p.channels_in >= 1 && p.channels_out >= 1,
          "the filter must not be empty");
  require(int64_t{p.filter_height} * p.filter_width * p.channels_in <= kMaxDepth,
          "filter_height * filter_width * channels_in is too large");
}

}  // namespace

BTransposeConv2D::BTransposeConv2D(const bnn_backend& backend, const BConv2DParams& params,
                                   const uint32_t* filters, const float* multiplier,
                                   const float* bias, const int32_t* threshold)
    : params_(params) {
  check(params);
  BConv2DParams p = params;
  p.stride_height = p.stride_width = 1;
  p.padding = Padding::kSame;  // what lies outside adds nothing
  p.pad_values = 0;
  p.transform_depth = params.filter_height * params.filter_width * params.channels_in;
  for (int32_t row = 0; row < params.stride_height; ++row) {
    for (int32_t column = 0; column < params.stride_width; ++column) {
      Phase phase;
      phase.row = row;
      phase.column = column;
      phase.row_taps = taps_of_phase(row, params.filter_height, params.stride_height);
      phase.column_taps = taps_of_phase(column, params.filter_width, params.stride_width);
      p.filter_height = std::max(phase.row_taps, 1);
      p.filter_width = std::max(phase.column_taps, 1);
      const std::vector<uint32_t> taps = taps_of(phase, filters);
      phase.conv = std::make_unique<BConv2D>(backend, p, taps.data(), multiplier, bias, threshold);
      phases_.push_back(std::move(phase));
    }
  }
}

// The filter of a phase; one tap of zeros if it has none.
std::vector<uint32_t> BTransposeConv2D::taps_of(const Phase& phase, const uint32_t* filters) const {
  const BConv2DParams& p = params_;
  const int64_t words = words_for(p.channels_in);
  const int64_t height = std::max(phase.row_taps, 1), width = std::max(phase.column_taps, 1);
  std::vector<uint32_t> taps(static_cast<size_t>(p.channels_out * height * width * words), 0);
  for (int64_t o = 0; o < p.channels_out; ++o) {
    for (int32_t i = 0; i < phase.row_taps; ++i) {
      for (int32_t j = 0; j < phase.column_taps; ++j) {
        const int64_t ky = phase.row + int64_t{p.stride_height} * (phase.row_taps - 1 - i);
        const int64_t kx = phase.column + int64_t{p.stride_width} * (phase.column_taps - 1 - j);
        const uint32_t* tap = filters + ((o * p.filter_height + ky) * p.filter_width + kx) * words;
        std::copy_n(tap, words, taps.data() + ((o * height + i) * width + j) * words);
      }
    }
  }
  return taps;
}

void BTransposeConv2D::resize(int64_t height, int64_t width, int64_t out_height,
                              int64_t out_width) {
  const Windows ys =
      window_axis(out_height, params_.filter_height, params_.stride_height, 1, params_.padding);
  const Windows xs =
      window_axis(out_width, params_.filter_width, params_.stride_width, 1, params_.padding);
  require(ys.out == height && xs.out == width,
          "an output of " + std::to_string(out_height) + " x " + std::to_string(out_width) +
              " does not fit an input of " + std::to_string(height) + " x " +
              std::to_string(width));
  // Each phase keeps a padded copy of the input.
  const int64_t pixel_words = static_cast<int64_t>(phases_.size()) * words_for(params_.channels_in);
  require(height <= 0 || width <= kMaxImageWords / pixel_words / height,
          "the input is too large for this stride: copies of it would need more than 256 MiB");
  height_ = height;
  width_ = width;
  out_height_ = out_height;
  out_width_ = out_width;
  for (Phase& phase : phases_) {
    AxisPhase y =
        phase_axis(out_height, -ys.start, phase.row, phase.row_taps, params_.stride_height);
    AxisPhase x =
        phase_axis(out_width, -xs.start, phase.column, phase.column_taps, params_.stride_width);
    phase.first_row = y.first;
    phase.first_column = x.first;
    phase.conv->resize(height, width, y.windows, x.windows);
  }
}

int64_t BTransposeConv2D::macs() const {
  int64_t total = 0;
  for (const Phase& phase : phases_) {
    if (phase.row_taps > 0 && phase.column_taps > 0) total += phase.conv->macs();
  }
  return total;
}

void BTransposeConv2D::run(const uint32_t* x, int64_t batch, void* output, ThreadPool* pool,
                           int threads) {
  const int64_t channels = out_channels();
  const int64_t element = params_.output == Output::kInt8 ? 1 : 4;
  for (Phase& phase : phases_) {
    if (phase.conv->out_height() == 0 || phase.conv->out_width() == 0) continue;
    OutputView view;
    view.data = static_cast<char*>(output) +
                (phase.first_row * out_width_ + phase.first_column) * channels * element;
    view.pixel_step = params_.stride_width * channels;
    view.row_step = params_.stride_height * out_width_ * channels;
    view.image_step = out_height_ * out_width_ * channels;
    phase.conv->run(x, batch, view, pool, threads);
  }
}

}  // namespace bnn
