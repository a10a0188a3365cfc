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

constexpr int64_t kMaxDepth = int64_t{1} << 29;     // 2 * popcount must fit int32
constexpr int64_t kMaxElements = int64_t{1} << 40;  // of any tensor; a larger one is a mistake

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
  require(p.pad_values == 0 || p.pad_values == 1,
          "pad_values must be 0 or 1, not " + std::to_string(p.pad_values));
  const int64_t taps = int64_t{p.filter_height} * p.filter_width;
  require(taps <= kMaxDepth && taps * (p.channels_in / p.groups) <= kMaxDepth,
          "filter_height * filter_width * channels_in is too large");
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

BConv2D::BConv2D(const bnn_backend& backend, const BConv2DParams& params, const uint32_t* filters,
                 const float* multiplier, const float* bias, const int32_t* threshold)
    : backend_(backend), params_(params) {
  check(params_, multiplier, bias, threshold);
  group_in_ = params_.channels_in / params_.groups;
  group_out_ = params_.channels_out / params_.groups;
  group_words_ = static_cast<int32_t>(words_for(group_in_));
  blocks_ = static_cast<int32_t>((int64_t{group_out_} + BNN_BLOCK - 1) / BNN_BLOCK);
  depth_ = params_.filter_height * params_.filter_width * group_in_;
  repack_ = params_.groups > 1 && group_in_ % BNN_WORD_BITS != 0;
  straddle_ =
      params_.groups > 1 && params_.output == Output::kBits && group_out_ % BNN_WORD_BITS != 0;

  const auto [low, high] = activation_range(params_.activation);
  clamp_min_ = depth_ - static_cast<int32_t>(std::min<double>(high, depth_));
  clamp_max_ = depth_ - static_cast<int32_t>(std::max<double>(low, -depth_));

  prepare_transform(multiplier, bias, threshold);
  pack_weights(filters);
}

void BConv2D::prepare_transform(const float* multiplier, const float* bias,
                                const int32_t* threshold) {
  const size_t padded = static_cast<size_t>(params_.groups) * blocks_ * BNN_BLOCK;
  const bool quantized = params_.output == Output::kInt8;
  const double scale = quantized ? params_.output_scale : 1.0;
  const double zero_point = quantized ? params_.output_zero_point : 0.0;
  factor_ = AlignedBuffer<float>(padded);
  shift_ = AlignedBuffer<float>(padded);
  threshold_ = AlignedBuffer<int32_t>(padded);
  for (int32_t o = 0; o < params_.channels_out; ++o) {
    const int32_t group = o / group_out_;
    const size_t i = static_cast<size_t>(group) * blocks_ * BNN_BLOCK + o % group_out_;
    if (params_.output == Output::kBits) {
      const int64_t doubled = 2 * int64_t{threshold[o]};
      threshold_[i] = static_cast<int32_t>(std::clamp<int64_t>(
          doubled, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
    } else {
      const double m = multiplier == nullptr ? 1.0 : multiplier[o];
      const double b = bias == nullptr ? 0.0 : bias[o];
      factor_[i] = static_cast<float>(-m / scale);
      shift_[i] = static_cast<float>((b + depth_ * m) / scale + zero_point);
    }
  }
}

void BConv2D::pack_weights(const uint32_t* filters) {
  const int32_t taps = params_.filter_height * params_.filter_width;
  const ptrdiff_t row_words = static_cast<ptrdiff_t>(taps) * group_words_;
  // As prepare_runs() will cut the window.
  const bool whole_rows = params_.dilation_width == 1 && params_.groups == 1;
  run_words_ = whole_rows ? params_.filter_width * group_words_ : group_words_;
  const int32_t run_count = whole_rows ? params_.filter_height : taps;

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

  if (params_.padding != Padding::kSame || params_.pad_values != 0) return;
  // A padded tap must add 0, but zero bits add sum(w): what the kernel has to take back.
  tap_sums_.assign(static_cast<size_t>(taps) * blocks * BNN_BLOCK, 0);
  for (int32_t o = 0; o < params_.channels_out; ++o) {
    const size_t i = static_cast<size_t>(o / group_out_) * blocks_ * BNN_BLOCK + o % group_out_;
    for (int32_t t = 0; t < taps; ++t) {
      const uint32_t* tap = filters + o * row_words + ptrdiff_t{t} * group_words_;
      int32_t minus = 0;
      for (int32_t w = 0; w < group_words_; ++w) minus += __builtin_popcount(tap[w]);
      tap_sums_[t * blocks * BNN_BLOCK + i] = group_in_ - 2 * minus;
    }
  }
}

void BConv2D::resize(int64_t height, int64_t width) {
  if (height == height_ && width == width_) return;
  require(height >= 0 && width >= 0, "the input's height and width must not be negative");
  pixel_words_ = repack_ ? int64_t{params_.groups} * group_words_ : words_for(params_.channels_in);
  ys_ = window_axis(height, params_.filter_height, params_.stride_height, params_.dilation_height,
                    params_.padding);
  xs_ = window_axis(width, params_.filter_width, params_.stride_width, params_.dilation_width,
                    params_.padding);
  image_height_ = height + ys_.before + ys_.after;
  image_width_ = width + xs_.before + xs_.after;
  require(image_width_ < kMaxElements && image_height_ < kMaxElements &&
              image_height_ * image_width_ < kMaxElements / std::max<int64_t>(pixel_words_, 1),
          "the padded input is too large");
  copy_ = repack_ || image_height_ != height || image_width_ != width;
  image_ = AlignedBuffer<uint32_t>(
      copy_ ? static_cast<size_t>(image_height_ * image_width_ * pixel_words_) : 0);
  height_ = height;
  width_ = width;

  rows_ = xs_.out > 0 ? ys_.out : 0;
  row_pixels_ = xs_.out;
  prepare_runs();
  prepare_corrections();
}

void BConv2D::prepare_runs() {
  runs_.clear();
  const bool whole_rows = params_.dilation_width == 1 && params_.groups == 1;
  for (int64_t ky = 0; ky < params_.filter_height; ++ky) {
    const int64_t row = ky * params_.dilation_height * image_width_;
    for (int64_t kx = 0; kx < (whole_rows ? 1 : params_.filter_width); ++kx) {
      runs_.push_back((row + kx * params_.dilation_width) * pixel_words_);
    }
  }
}

void BConv2D::prepare_corrections() {
  const size_t padded = static_cast<size_t>(params_.groups) * blocks_ * BNN_BLOCK;
  segments_.clear();
  row_pattern_.assign(static_cast<size_t>(rows_), 0);
  column_patterns_ = 1;
  if (tap_sums_.empty()) {
    if (row_pixels_ > 0) segments_.push_back({0, row_pixels_, 0});
    offsets_ = AlignedBuffer<int32_t>(padded);
    return;
  }
  // Rows and columns of the output fall into a few classes by which taps are inside the image.
  using Range = std::pair<int32_t, int32_t>;
  std::map<Range, int32_t> row_classes, column_classes;
  for (int64_t y = 0; y < rows_; ++y) {
    const Range taps = inside(y * params_.stride_height - ys_.before, params_.filter_height,
                              params_.dilation_height, height_);
    row_pattern_[y] =
        row_classes.emplace(taps, static_cast<int32_t>(row_classes.size())).first->second;
  }
  for (int64_t x = 0; x < row_pixels_; ++x) {
    const Range taps = inside(x * params_.stride_width - xs_.before, params_.filter_width,
                              params_.dilation_width, width_);
    const int32_t pattern =
        column_classes.emplace(taps, static_cast<int32_t>(column_classes.size())).first->second;
    if (segments_.empty() || segments_.back().pattern != pattern) {
      segments_.push_back({x, x, pattern});
    }
    segments_.back().end = x + 1;
  }
  column_patterns_ = static_cast<int32_t>(column_classes.size());
  offsets_ = AlignedBuffer<int32_t>(row_classes.size() * column_classes.size() * padded);
  for (const auto& [row_taps, row] : row_classes) {
    for (const auto& [column_taps, column] : column_classes) {
      int32_t* offset = offsets_.data() + (size_t(row) * column_patterns_ + column) * padded;
      for (int32_t ky = 0; ky < params_.filter_height; ++ky) {
        for (int32_t kx = 0; kx < params_.filter_width; ++kx) {
          if (ky >= row_taps.first && ky < row_taps.second && kx >= column_taps.first &&
              kx < column_taps.second) {
            continue;
          }
          const size_t tap = static_cast<size_t>(ky) * params_.filter_width + kx;
          for (size_t i = 0; i < padded; ++i) offset[i] += tap_sums_[tap * padded + i];
        }
      }
    }
  }
}

int64_t BConv2D::macs() const {
  return ys_.out * xs_.out * params_.channels_out * static_cast<int64_t>(depth_);
}

// Copies the input into the middle of the padded image, whose border stays zero (+1).
void BConv2D::fill_image(const uint32_t* x) {
  const int64_t in_words = words_for(params_.channels_in);
  for (int64_t y = 0; y < height_; ++y) {
    const uint32_t* source = x + y * width_ * in_words;
    uint32_t* target =
        image_.data() + ((y + ys_.before) * image_width_ + xs_.before) * pixel_words_;
    if (!repack_) {
      std::memcpy(target, source, static_cast<size_t>(width_ * in_words) * sizeof(uint32_t));
      continue;
    }
    for (int64_t i = 0; i < width_; ++i, source += in_words, target += pixel_words_) {
      std::fill_n(target, pixel_words_, 0u);
      for (int32_t c = 0; c < params_.channels_in; ++c) {
        const uint32_t bit = source[c / BNN_WORD_BITS] >> (c % BNN_WORD_BITS) & 1u;
        const int32_t slot = c / group_in_ * group_words_ * BNN_WORD_BITS + c % group_in_;
        target[slot / BNN_WORD_BITS] |= bit << (slot % BNN_WORD_BITS);
      }
    }
  }
}

void BConv2D::call(const bnn_span& span) const {
  switch (params_.output) {
    case Output::kFloat32: backend_.bconv_f32(&span); break;
    case Output::kInt8: backend_.bconv_i8(&span); break;
    case Output::kBits: backend_.bconv_bits(&span); break;
  }
}

// Bits of a block that does not start at a word boundary of the output are merged in afterwards.
void BConv2D::call_straddling(bnn_span span, uint32_t* row, int64_t column, int64_t channel) const {
  const int64_t words = words_for(params_.channels_out);
  const int shift = static_cast<int>(channel % BNN_WORD_BITS);
  std::vector<uint32_t> bits(static_cast<size_t>(span.pixels));
  span.output = bits.data();
  span.output_step = 1;
  call(span);
  for (int32_t p = 0; p < span.pixels; ++p) {
    uint32_t* word = row + (column + p) * words + channel / BNN_WORD_BITS;
    word[0] |= bits[p] << shift;
    if (shift + span.channels > BNN_WORD_BITS) word[1] |= bits[p] >> (BNN_WORD_BITS - shift);
  }
}

void BConv2D::run_rows(const uint32_t* image, char* output, int64_t block, int64_t first_row,
                       int64_t last_row) const {
  const int64_t group = block / blocks_;
  const int64_t first_in_group = block % blocks_ * BNN_BLOCK;
  const int64_t channel = group * group_out_ + first_in_group;
  const size_t padded = static_cast<size_t>(params_.groups) * blocks_ * BNN_BLOCK;
  const size_t constants = static_cast<size_t>(block) * BNN_BLOCK;
  const bool bits = params_.output == Output::kBits;
  const int64_t element = params_.output == Output::kInt8 ? 1 : 4;

  bnn_span span;
  span.input_step = static_cast<ptrdiff_t>(params_.stride_width * pixel_words_);
  span.runs = runs_.data();
  span.run_count = static_cast<int32_t>(runs_.size());
  span.run_words = run_words_;
  span.weights = weights_.data() + static_cast<size_t>(block) * block_weight_words_;
  span.channels = static_cast<int32_t>(std::min<int64_t>(BNN_BLOCK, group_out_ - first_in_group));
  span.clamp_min = clamp_min_;
  span.clamp_max = clamp_max_;
  span.factor = factor_.data() + constants;
  span.shift = shift_.data() + constants;
  span.threshold = threshold_.data() + constants;
  span.output_step = static_cast<ptrdiff_t>(out_channels());
  for (int64_t y = first_row; y < last_row; ++y) {
    char* row = output + y * xs_.out * out_channels() * element;
    const uint32_t* origin =
        image + y * params_.stride_height * image_width_ * pixel_words_ + group * group_words_;
    for (const Segment& segment : segments_) {
      span.input = origin + segment.begin * span.input_step;
      span.pixels = static_cast<int32_t>(segment.end - segment.begin);
      span.offset =
          offsets_.data() +
          (static_cast<size_t>(row_pattern_[y]) * column_patterns_ + segment.pattern) * padded +
          constants;
      if (straddle_) {
        call_straddling(span, reinterpret_cast<uint32_t*>(row), segment.begin, channel);
      } else {
        const int64_t first = bits ? channel / BNN_WORD_BITS : channel;
        span.output = row + (segment.begin * out_channels() + first) * element;
        call(span);
      }
    }
  }
}

void BConv2D::run(const uint32_t* x, int64_t batch, void* output, ThreadPool* pool, int threads) {
  constexpr int64_t kWorthAThread = 4'000'000;  // MACs, some 10 us: below, waking costs more
  const int64_t all_blocks = int64_t{params_.groups} * blocks_;
  const int64_t image_words = height_ * width_ * words_for(params_.channels_in);
  const int64_t element = params_.output == Output::kInt8 ? 1 : 4;
  const int64_t out_bytes = ys_.out * xs_.out * out_channels() * element;
  const bool parallel = pool != nullptr && threads > 1 && macs() > kWorthAThread;
  // Blocks that share output words must stay on one thread.
  const int64_t block_tasks = straddle_ ? 1 : all_blocks;
  const int64_t wanted = parallel ? (4 * int64_t{threads} + block_tasks - 1) / block_tasks : 1;
  const int64_t chunks = std::max<int64_t>(std::min(wanted, rows_), 1);

  char* out = static_cast<char*>(output);
  for (int64_t n = 0; n < batch; ++n, x += image_words, out += out_bytes) {
    const uint32_t* image = x;
    if (copy_) {
      fill_image(x);
      image = image_.data();
    }
    if (straddle_) std::memset(out, 0, static_cast<size_t>(out_bytes));
    const auto task = [&](int64_t index) {
      const int64_t chunk = index % chunks;
      const int64_t first = rows_ * chunk / chunks, last = rows_ * (chunk + 1) / chunks;
      if (straddle_) {
        for (int64_t b = 0; b < all_blocks; ++b) run_rows(image, out, b, first, last);
      } else {
        run_rows(image, out, index / chunks, first, last);
      }
    };
    if (parallel) {
      pool->parallel_for(block_tasks * chunks, threads, task);
    } else {
      for (int64_t i = 0; i < block_tasks * chunks; ++i) task(i);
    }
  }
}

}  // namespace bnn
