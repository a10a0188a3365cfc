// A convolution's constants: checks, packed weights, output transform, padding corrections.
#include "bnn/bconv2d.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

namespace bnn {
namespace {

constexpr int64_t kMaxDepth = int64_t{1} << 29;       // 2 * popcount must fit int32
constexpr int64_t kMaxImageWords = int64_t{1} << 26;  // 256 MiB of padded input
constexpr int64_t kMaxCorrections = int64_t{1} << 26;

void require(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument(message);
}

void require_positive(int64_t value, const char* field) {
  require(value >= 1, std::string(field) + " must be at least 1, not " + std::to_string(value));
}

std::pair<double, double> activation_range(Activation activation) {
  const double infinity = std::numeric_limits<double>::infinity();
  switch (activation) {
    case Activation::kRelu: return {0, infinity};
    case Activation::kReluN1To1: return {-1, 1};
    case Activation::kRelu6: return {0, 6};
    case Activation::kNone: break;
  }
  return {-infinity, infinity};
}

void check(const BConv2DParams& p, const float* multiplier, const float* bias,
           const int32_t* threshold) {
  require_positive(p.channels_in, "channels_in");
  require_positive(p.channels_out, "channels_out");
  require_positive(p.filter_height, "filter_height");
  require_positive(p.filter_width, "filter_width");
  require_positive(p.stride_height, "stride_height");
  require_positive(p.stride_width, "stride_width");
  require_positive(p.dilation_height, "dilation_height");
  require_positive(p.dilation_width, "dilation_width");
  require_positive(p.groups, "groups");
  require(p.channels_in % p.groups == 0 && p.channels_out % p.groups == 0,
          "groups (" + std::to_string(p.groups) + ") must divide channels_in (" +
              std::to_string(p.channels_in) + ") and channels_out (" +
              std::to_string(p.channels_out) + ")");
  require(!p.depthwise || (p.groups == 1 && p.channels_out % p.channels_in == 0),
          "a depthwise convolution needs groups = 1 and channels_out a multiple of channels_in");
  require(p.pad_values == 0 || p.pad_values == 1,
          "pad_values must be 0 or 1, not " + std::to_string(p.pad_values));
  const int64_t taps = int64_t{p.filter_height} * p.filter_width;
  require(taps <= kMaxDepth && taps * (p.channels_in / p.groups) <= kMaxDepth &&
              p.transform_depth <= kMaxDepth,
          "filter_height * filter_width * channels_in is too large");
  require(p.epilogue.empty() || (p.output == Output::kFloat32 && !p.depthwise),
          "an epilogue is for float output, not for depthwise");
  require(p.epilogue.size() <= BNN_MAX_STEPS,
          "an epilogue has at most " + std::to_string(BNN_MAX_STEPS) + " steps");
  int shortcuts = 0;
  for (const EpilogueStep& step : p.epilogue) {
    shortcuts += step.kind == BNN_STEP_SHORTCUT;
    const bool per_channel =
        step.kind == BNN_STEP_MULTIPLY || step.kind == BNN_STEP_ADD || step.kind == BNN_STEP_PRELU;
    require(
        !per_channel || step.values.size() == 1 ||
            step.values.size() == static_cast<size_t>(p.channels_out),
        "what the result is multiplied with, what is added to it, and its PReLU's slopes must have "
        "1 or channels_out (" +
            std::to_string(p.channels_out) + ") values, not " + std::to_string(step.values.size()));
  }
  require(shortcuts <= 1, "an epilogue adds one shortcut at most");
  if (p.output == Output::kBits) {
    require(threshold != nullptr, "threshold is needed for bit output");
  } else if (p.output == Output::kInt8) {
    require(std::isfinite(p.output_scale) && p.output_scale > 0,
            "output_scale must be positive and finite");
    require(
        p.output_zero_point >= -128 && p.output_zero_point <= 127,
        "output_zero_point must lie in [-128, 127], not " + std::to_string(p.output_zero_point));
    for (int32_t o = 0; o < p.channels_out; ++o) {
      require(multiplier == nullptr || std::isfinite(multiplier[o]),
              "multiplier must be finite for int8 output");
      require(bias == nullptr || std::isfinite(bias[o]), "bias must be finite for int8 output");
    }
  }
}

int32_t count_minus(const uint32_t* words, int32_t count) {
  int32_t minus = 0;
  for (int32_t w = 0; w < count; ++w) minus += __builtin_popcount(words[w]);
  return minus;
}

// Taps [first, last) of a window that lie inside the image.
std::pair<int32_t, int32_t> inside(int64_t origin, int32_t kernel, int32_t dilation, int64_t size) {
  int32_t first = 0, last = 0;
  for (int32_t k = 0; k < kernel; ++k) {
    const int64_t position = origin + int64_t{k} * dilation;
    if (position < 0) first = k + 1;
    if (position < size) last = k + 1;
  }
  return {first, std::max(first, last)};
}

}  // namespace

std::vector<EpilogueStep> residual_epilogue(Activation before, Activation after) {
  std::vector<EpilogueStep> steps;
  if (before != Activation::kNone) steps.push_back({BNN_STEP_CLAMP, {}, before});
  steps.push_back({BNN_STEP_SHORTCUT, {}, Activation::kNone});
  if (after != Activation::kNone) steps.push_back({BNN_STEP_CLAMP, {}, after});
  return steps;
}

BConv2D::BConv2D(const bnn_backend& backend, const BConv2DParams& params, const uint32_t* filters,
                 const float* multiplier, const float* bias, const int32_t* threshold)
    : backend_(backend), params_(params) {
  check(params_, multiplier, bias, threshold);
  const int32_t taps = params_.filter_height * params_.filter_width;
  group_in_ = params_.depthwise ? 1 : params_.channels_in / params_.groups;
  group_out_ = params_.channels_out / params_.groups;
  group_words_ = static_cast<int32_t>(words_for(group_in_));
  blocks_ = static_cast<int32_t>((int64_t{group_out_} + BNN_BLOCK - 1) / BNN_BLOCK);
  depth_ = taps * group_in_;
  transform_depth_ = params_.transform_depth > 0 ? params_.transform_depth : depth_;
  repack_ = params_.depthwise ? params_.channels_out != params_.channels_in
                              : params_.groups > 1 && group_in_ % BNN_WORD_BITS != 0;
  straddle_ =
      params_.groups > 1 && params_.output == Output::kBits && group_out_ % BNN_WORD_BITS != 0;

  const auto [low, high] = activation_range(params_.activation);
  clamp_min_ = transform_depth_ - static_cast<int32_t>(std::min<double>(high, transform_depth_));
  clamp_max_ = transform_depth_ - static_cast<int32_t>(std::max<double>(low, -transform_depth_));

  prepare_transform(multiplier, bias, threshold);
  prepare_epilogue();
  if (params_.depthwise) {
    pack_depthwise_weights(filters);
  } else {
    pack_weights(filters);
  }
  if (params_.pad_values == 0) sum_taps(filters);
}

void BConv2D::prepare_transform(const float* multiplier, const float* bias,
                                const int32_t* threshold) {
  const bool quantized = params_.output == Output::kInt8;
  const double scale = quantized ? params_.output_scale : 1.0;
  const double zero_point = quantized ? params_.output_zero_point : 0.0;
  factor_ = AlignedBuffer<float>(padded_channels());
  shift_ = AlignedBuffer<float>(padded_channels());
  threshold_ = AlignedBuffer<int32_t>(padded_channels());
  for (int32_t o = 0; o < params_.channels_out; ++o) {
    if (params_.output == Output::kBits) {
      const int64_t doubled = 2 * int64_t{threshold[o]};
      threshold_[slot(o)] = static_cast<int32_t>(std::clamp<int64_t>(
          doubled, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
    } else {
      const double m = multiplier == nullptr ? 1.0 : multiplier[o];
      const double b = bias == nullptr ? 0.0 : bias[o];
      factor_[slot(o)] = static_cast<float>(-m / scale);
      doubles_ = doubles_ && std::abs(factor_[slot(o)]) < std::numeric_limits<float>::max() / 2;
      shift_[slot(o)] = static_cast<float>((b + transform_depth_ * m) / scale + zero_point);
    }
  }
}

void BConv2D::prepare_epilogue() {
  for (const EpilogueStep& step : params_.epilogue) {
    bnn_step packed{};
    packed.kind = step.kind;
    const auto [low, high] = activation_range(step.activation);
    packed.min = static_cast<float>(low);
    packed.max = static_cast<float>(high);
    if (!step.values.empty()) {
      AlignedBuffer<float> values(padded_channels());
      for (int32_t o = 0; o < params_.channels_out; ++o) {
        values[slot(o)] = step.values[step.values.size() == 1 ? 0 : static_cast<size_t>(o)];
      }
      packed.values = values.data();
      step_values_.push_back(std::move(values));
    }
    steps_.push_back(packed);
  }
}

void BConv2D::pack_weights(const uint32_t* filters) {
  const int32_t taps = params_.filter_height * params_.filter_width;
  const ptrdiff_t row_words = static_cast<ptrdiff_t>(taps) * group_words_;
  run_words_ = whole_rows() ? params_.filter_width * group_words_ : group_words_;
  const int32_t run_count = whole_rows() ? params_.filter_height : taps;

  block_weight_words_ = backend_.packed_words(run_count, run_words_);
  const size_t blocks = static_cast<size_t>(params_.groups) * blocks_;
  weights_ = AlignedBuffer<uint32_t>(blocks * block_weight_words_);
  for (int32_t g = 0; g < params_.groups; ++g) {
    for (int32_t b = 0; b < blocks_; ++b) {
      const int32_t first = b * BNN_BLOCK;
      const int32_t channels = std::min(BNN_BLOCK, group_out_ - first);
      const uint32_t* rows = filters + (static_cast<ptrdiff_t>(g) * group_out_ + first) * row_words;
      backend_.pack_weights(rows, row_words, channels, run_count, run_words_,
                            weights_.data() + (size_t(g) * blocks_ + b) * block_weight_words_);
    }
  }
}

void BConv2D::pack_depthwise_weights(const uint32_t* filters) {
  const int32_t taps = params_.filter_height * params_.filter_width;
  run_words_ = 1;
  block_weight_words_ = static_cast<size_t>(taps);
  weights_ = AlignedBuffer<uint32_t>(static_cast<size_t>(blocks_) * taps);
  for (int32_t b = 0; b < blocks_; ++b) {
    for (int32_t t = 0; t < taps; ++t) {
      weights_[static_cast<size_t>(b) * taps + t] = filters[ptrdiff_t{t} * blocks_ + b];
    }
  }
}

// A padded tap must add 0 to the accumulator, but its zero bits add sum(w): what is taken back.
void BConv2D::sum_taps(const uint32_t* filters) {
  const int32_t taps = params_.filter_height * params_.filter_width;
  tap_sums_.assign(static_cast<size_t>(taps) * padded_channels(), 0);
  for (int32_t o = 0; o < params_.channels_out; ++o) {
    for (int32_t t = 0; t < taps; ++t) {
      int32_t minus;
      if (params_.depthwise) {
        minus = filters[ptrdiff_t{t} * blocks_ + o / BNN_WORD_BITS] >> (o % BNN_WORD_BITS) & 1;
      } else {
        minus = count_minus(filters + (ptrdiff_t{o} * taps + t) * group_words_, group_words_);
      }
      tap_sums_[t * padded_channels() + slot(o)] = group_in_ - 2 * minus;
    }
  }
}

void BConv2D::resize(int64_t height, int64_t width) {
  resize(height, width,
         window_axis(height, params_.filter_height, params_.stride_height, params_.dilation_height,
                     params_.padding),
         window_axis(width, params_.filter_width, params_.stride_width, params_.dilation_width,
                     params_.padding));
}

void BConv2D::resize(int64_t height, int64_t width, const Windows& ys, const Windows& xs) {
  if (height == height_ && width == width_ && ys.out == ys_.out && ys.start == ys_.start &&
      xs.out == xs_.out && xs.start == xs_.start) {
    return;
  }
  require(height >= 0 && width >= 0, "the input's height and width must not be negative");
  height_ = -1;  // until all of the below succeeds
  pixel_words_ = params_.depthwise ? int64_t{blocks_}
                 : repack_         ? int64_t{params_.groups} * group_words_
                                   : words_for(params_.channels_in);
  ys_ = ys;
  xs_ = xs;
  const auto end = [](const Windows& w, int64_t stride, int64_t kernel, int64_t dilation) {
    return w.out == 0 ? 0 : w.start + (w.out - 1) * stride + (kernel - 1) * dilation + 1;
  };
  top_ = std::max<int64_t>(-ys.start, 0);
  left_ = std::max<int64_t>(-xs.start, 0);
  image_height_ = top_ + std::max(height, end(ys, params_.stride_height, params_.filter_height,
                                              params_.dilation_height));
  image_width_ = left_ + std::max(width, end(xs, params_.stride_width, params_.filter_width,
                                             params_.dilation_width));
  least_width_ = image_width_;
  copy_ = repack_ || image_height_ != height || image_width_ != width;
  // Divided instead of multiplied, which could overflow.
  require(!copy_ || image_height_ == 0 || image_width_ == 0 ||
              image_height_ <= kMaxImageWords / image_width_ / pixel_words_,
          "the padded input would be larger than 256 MiB");
  framed_ = false;
  image_ = AlignedBuffer<uint32_t>(copy_ ? framed_words() : 0);
  height_ = height;
  width_ = width;
  prepare_runs();
  prepare_corrections();
}

Frame BConv2D::frame() const {
  if (repack_) return {};
  return {top_, left_, image_height_, least_width_};
}

void BConv2D::take_framed(const Frame& frame) {
  Frame least = this->frame();
  const int64_t width = frame.empty() ? least_width_ : frame.width;
  least.width = std::max(least.width, frame.width);
  require(frame.empty() || least == frame, "the frame of the input does not fit the padding");
  framed_ = !frame.empty();
  if (width != image_width_) {
    image_width_ = width;
    prepare_runs();
  }
  const size_t scratch = copy_ && !framed_ ? framed_words() : 0;
  if (image_.size() != scratch) image_ = AlignedBuffer<uint32_t>(scratch);
}

void BConv2D::prepare_runs() {
  runs_.clear();
  for (int64_t ky = 0; ky < params_.filter_height; ++ky) {
    const int64_t row = ky * params_.dilation_height * image_width_;
    for (int64_t kx = 0; kx < (whole_rows() ? 1 : params_.filter_width); ++kx) {
      runs_.push_back((row + kx * params_.dilation_width) * pixel_words_);
    }
  }
}

// [ky][kx][channel]: sum of all taps above ky and left of kx.
std::vector<int32_t> BConv2D::integrate_taps() const {
  const size_t padded = padded_channels();
  const size_t columns = static_cast<size_t>(params_.filter_width) + 1;
  std::vector<int32_t> sums((static_cast<size_t>(params_.filter_height) + 1) * columns * padded, 0);
  for (int32_t ky = 0; ky < params_.filter_height; ++ky) {
    for (int32_t kx = 0; kx < params_.filter_width; ++kx) {
      const int32_t* tap =
          tap_sums_.data() + (static_cast<size_t>(ky) * params_.filter_width + kx) * padded;
      const int32_t* above = sums.data() + (ky * columns + kx) * padded;
      int32_t* here = sums.data() + ((ky + 1) * columns + kx) * padded;
      for (size_t i = 0; i < padded; ++i) {
        here[padded + i] = tap[i] + here[i] + above[padded + i] - above[i];
      }
    }
  }
  return sums;
}

void BConv2D::prepare_corrections() {
  const size_t padded = padded_channels();
  const int32_t missing = transform_depth_ - depth_;  // taps outside this filter
  segments_.clear();
  row_pattern_.assign(static_cast<size_t>(ys_.out), 0);
  column_patterns_ = 1;
  const bool padding = copy_ && (image_height_ != height_ || image_width_ != width_);
  if (tap_sums_.empty() || !padding) {
    if (xs_.out > 0) segments_.push_back({0, xs_.out, 0});
    offsets_ = AlignedBuffer<int32_t>(padded);
    std::fill_n(offsets_.data(), padded, missing);
    plain_.assign(1, missing == 0);
    return;
  }
  // Rows and columns of the output fall into a few classes by which taps are inside the image.
  using Range = std::pair<int32_t, int32_t>;
  std::map<Range, int32_t> row_classes, column_classes;
  for (int64_t y = 0; y < ys_.out; ++y) {
    const Range taps = inside(y * params_.stride_height + ys_.start, params_.filter_height,
                              params_.dilation_height, height_);
    row_pattern_[y] =
        row_classes.emplace(taps, static_cast<int32_t>(row_classes.size())).first->second;
  }
  for (int64_t x = 0; x < xs_.out; ++x) {
    const Range taps = inside(x * params_.stride_width + xs_.start, params_.filter_width,
                              params_.dilation_width, width_);
    const int32_t pattern =
        column_classes.emplace(taps, static_cast<int32_t>(column_classes.size())).first->second;
    if (segments_.empty() || segments_.back().pattern != pattern) {
      segments_.push_back({x, x, pattern});
    }
    segments_.back().end = x + 1;
  }
  column_patterns_ = static_cast<int32_t>(column_classes.size());
  const size_t classes = row_classes.size() * column_classes.size();
  require(classes <= static_cast<size_t>(kMaxCorrections) / padded,
          "the filter is too large for zero-padding");
  const std::vector<int32_t> sums = integrate_taps();
  const size_t row_step = (static_cast<size_t>(params_.filter_width) + 1) * padded;
  offsets_ = AlignedBuffer<int32_t>(row_classes.size() * column_classes.size() * padded);
  std::fill_n(offsets_.data(), offsets_.size(), missing);
  plain_.assign(row_classes.size() * column_classes.size(), 0);
  for (const auto& [row_taps, row] : row_classes) {
    for (const auto& [column_taps, column] : column_classes) {
      int32_t* offset = offsets_.data() + (size_t(row) * column_patterns_ + column) * padded;
      // All taps less those inside: a difference of four corners.
      const int32_t* all = sums.data() + params_.filter_height * row_step +
                           static_cast<size_t>(params_.filter_width) * padded;
      const int32_t* top = sums.data() + row_taps.first * row_step;
      const int32_t* bottom = sums.data() + row_taps.second * row_step;
      const size_t left = column_taps.first * padded, right = column_taps.second * padded;
      for (size_t i = 0; i < padded; ++i) {
        const int32_t inner = bottom[right + i] - bottom[left + i] - top[right + i] + top[left + i];
        offset[i] += all[i] - inner;
      }
      plain_[size_t(row) * column_patterns_ + column] =
          std::all_of(offset, offset + padded, [](int32_t value) { return value == 0; });
    }
  }
}

int64_t BConv2D::macs() const {
  return ys_.out * xs_.out * params_.channels_out * static_cast<int64_t>(depth_);
}

}  // namespace bnn
