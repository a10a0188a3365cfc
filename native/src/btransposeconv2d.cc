#include "bnn/btransposeconv2d.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

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

}  // namespace

BTransposeConv2D::BTransposeConv2D(const bnn_backend& backend, const BConv2DParams& params,
                                   const uint32_t* filters, const float* multiplier,
                                   const float* bias, const int32_t* threshold)
    : params_(params) {
  if (params.groups != 1 || params.depthwise || params.dilation_height != 1 ||
      params.dilation_width != 1) {
    throw std::invalid_argument("a transposed convolution has no groups and no dilation");
  }
  constexpr int32_t kMaxStride = 32;  // there are stride_height * stride_width phases
  if (params.stride_height < 1 || params.stride_width < 1 || params.stride_height > kMaxStride ||
      params.stride_width > kMaxStride) {
    throw std::invalid_argument("the stride of a transposed convolution must lie in [1, 32]");
  }
  if (params.filter_height < 1 || params.filter_width < 1 || params.channels_in < 1 ||
      params.channels_out < 1) {
    throw std::invalid_argument("the filter must not be empty");
  }
  const int64_t words = words_for(params.channels_in);
  const int64_t depth = int64_t{params.filter_height} * params.filter_width * params.channels_in;
  if (depth > (int64_t{1} << 29)) {
    throw std::invalid_argument("filter_height * filter_width * channels_in is too large");
  }
  for (int32_t row = 0; row < params.stride_height; ++row) {
    for (int32_t column = 0; column < params.stride_width; ++column) {
      Phase phase;
      phase.row = row;
      phase.column = column;
      phase.row_taps = taps_of_phase(row, params.filter_height, params.stride_height);
      phase.column_taps = taps_of_phase(column, params.filter_width, params.stride_width);
      const int32_t kh = std::max(phase.row_taps, 1), kw = std::max(phase.column_taps, 1);
      std::vector<uint32_t> part(static_cast<size_t>(params.channels_out) * kh * kw * words, 0);
      for (int64_t o = 0; o < params.channels_out; ++o) {
        for (int32_t i = 0; i < phase.row_taps; ++i) {
          for (int32_t j = 0; j < phase.column_taps; ++j) {
            const int64_t ky = row + int64_t{params.stride_height} * (phase.row_taps - 1 - i);
            const int64_t kx = column + int64_t{params.stride_width} * (phase.column_taps - 1 - j);
            const uint32_t* tap =
                filters + ((o * params.filter_height + ky) * params.filter_width + kx) * words;
            std::copy_n(tap, words, part.data() + ((o * kh + i) * kw + j) * words);
          }
        }
      }
      BConv2DParams p = params;
      p.filter_height = kh;
      p.filter_width = kw;
      p.stride_height = p.stride_width = 1;
      p.padding = Padding::kSame;  // what lies outside adds nothing
      p.pad_values = 0;
      p.transform_depth = static_cast<int32_t>(depth);
      phase.conv = std::make_unique<BConv2D>(backend, p, part.data(), multiplier, bias, threshold);
      phases_.push_back(std::move(phase));
    }
  }
}

void BTransposeConv2D::resize(int64_t height, int64_t width, int64_t out_height,
                              int64_t out_width) {
  const Windows ys =
      window_axis(out_height, params_.filter_height, params_.stride_height, 1, params_.padding);
  const Windows xs =
      window_axis(out_width, params_.filter_width, params_.stride_width, 1, params_.padding);
  if (ys.out != height || xs.out != width) {
    throw std::invalid_argument("an output of " + std::to_string(out_height) + " x " +
                                std::to_string(out_width) + " does not fit an input of " +
                                std::to_string(height) + " x " + std::to_string(width));
  }
  // Each phase keeps a padded copy of the input.
  constexpr int64_t kMaxWords = int64_t{1} << 26;
  const int64_t pixel_words = static_cast<int64_t>(phases_.size()) * words_for(params_.channels_in);
  if (height > 0 && width > kMaxWords / pixel_words / height) {
    throw std::invalid_argument(
        "the input is too large for this stride: copies of it would need "
        "more than 256 MiB");
  }
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
