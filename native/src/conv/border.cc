#include "conv/border.h"

#include <algorithm>
#include <map>

#include "bnn/checks.h"

namespace bnn {
namespace {

constexpr int64_t kMaxCorrections = int64_t{1} << 26;

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

// The number of `taps` among the classes met so far, in the order in which they were met.
template <class Taps>
int32_t number_of(const Taps& taps, std::map<Taps, int32_t>* met, std::vector<Taps>* classes) {
  const auto [found, fresh] = met->emplace(taps, static_cast<int32_t>(classes->size()));
  if (fresh) classes->push_back(taps);
  return found->second;
}

// Sums over rectangles of taps, for each output channel.
class TapSums {
 public:
  TapSums(const ConvLayer& layer, const std::vector<int32_t>& taps)
      : channels_(layer.padded_channels()),
        columns_(static_cast<size_t>(layer.params.filter_width) + 1),
        sums_((static_cast<size_t>(layer.params.filter_height) + 1) * columns_ * channels_, 0) {
    for (int32_t ky = 0; ky < layer.params.filter_height; ++ky) {
      for (int32_t kx = 0; kx < layer.params.filter_width; ++kx) {
        const int32_t* tap =
            taps.data() + (static_cast<size_t>(ky) * layer.params.filter_width + kx) * channels_;
        const int32_t* above = &sums_[at(ky, kx)];
        int32_t* here = &sums_[at(ky + 1, kx)];
        for (size_t i = 0; i < channels_; ++i) {
          here[channels_ + i] = tap[i] + here[i] + above[channels_ + i] - above[i];
        }
      }
    }
  }

  // [channel]: all taps above ky and left of kx.
  const int32_t* corner(int32_t ky, int32_t kx) const { return &sums_[at(ky, kx)]; }

 private:
  size_t at(int32_t ky, int32_t kx) const {
    return (static_cast<size_t>(ky) * columns_ + kx) * channels_;
  }

  const size_t channels_, columns_;
  std::vector<int32_t> sums_;  // [ky][kx][channel]
};

}  // namespace

ConvBorder::ConvBorder(const ConvLayer& layer, const ConvConstants& constants, const ConvPlan& plan)
    : padded_channels_(layer.padded_channels()) {
  const int32_t missing = layer.transform_depth - layer.depth;  // taps outside this filter
  const bool padded = plan.image_height != plan.height || plan.image_width != plan.width;
  if (constants.tap_sums.empty() || !padded) {
    row_classes_.assign(static_cast<size_t>(plan.ys.out), 0);
    if (plan.xs.out > 0) segments_.push_back({0, plan.xs.out, 0});
    offsets_ = AlignedBuffer<int32_t>(padded_channels_);
    std::fill_n(offsets_.data(), padded_channels_, missing);
    plain_.assign(1, missing == 0);
    return;
  }
  const std::vector<Taps> rows = classify_rows(layer, plan);
  const std::vector<Taps> columns = classify_columns(layer, plan);
  column_count_ = columns.size();
  const size_t classes = rows.size() * columns.size();
  require(classes <= static_cast<size_t>(kMaxCorrections) / padded_channels_,
          "the filter is too large for zero-padding");
  const TapSums sums(layer, constants.tap_sums);
  const int32_t* all = sums.corner(layer.params.filter_height, layer.params.filter_width);
  offsets_ = AlignedBuffer<int32_t>(classes * padded_channels_);
  int32_t* offset = offsets_.data();
  for (const auto& [top, bottom] : rows) {
    for (const auto& [left, right] : columns) {
      // All taps less those inside: a difference of four corners.
      const int32_t *a = sums.corner(top, left), *b = sums.corner(top, right);
      const int32_t *c = sums.corner(bottom, left), *d = sums.corner(bottom, right);
      for (size_t i = 0; i < padded_channels_; ++i) {
        offset[i] = missing + all[i] - (d[i] - c[i] - b[i] + a[i]);
      }
      plain_.push_back(
          std::all_of(offset, offset + padded_channels_, [](int32_t value) { return value == 0; }));
      offset += padded_channels_;
    }
  }
}

std::vector<ConvBorder::Taps> ConvBorder::classify_rows(const ConvLayer& layer,
                                                        const ConvPlan& plan) {
  const BConv2DParams& p = layer.params;
  std::map<Taps, int32_t> met;
  std::vector<Taps> classes;
  for (int64_t y = 0; y < plan.ys.out; ++y) {
    const Taps taps = inside(y * p.stride_height + plan.ys.start, p.filter_height,
                             p.dilation_height, plan.height);
    row_classes_.push_back(number_of(taps, &met, &classes));
  }
  return classes;
}

std::vector<ConvBorder::Taps> ConvBorder::classify_columns(const ConvLayer& layer,
                                                           const ConvPlan& plan) {
  const BConv2DParams& p = layer.params;
  std::map<Taps, int32_t> met;
  std::vector<Taps> classes;
  for (int64_t x = 0; x < plan.xs.out; ++x) {
    const Taps taps =
        inside(x * p.stride_width + plan.xs.start, p.filter_width, p.dilation_width, plan.width);
    const int32_t number = number_of(taps, &met, &classes);
    if (segments_.empty() || segments_.back().column_class != number) {
      segments_.push_back({x, x, number});
    }
    segments_.back().end = x + 1;
  }
  return classes;
}

}  // namespace bnn
