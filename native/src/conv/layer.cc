#include "conv/layer.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "bnn/checks.h"

namespace bnn {
namespace {

void check_positive(const BConv2DParams& p) {
  const struct {
    const char* field;
    int32_t value;
  } fields[] = {
      {"channels_in", p.channels_in},
      {"channels_out", p.channels_out},
      {"filter_height", p.filter_height},
      {"filter_width", p.filter_width},
      {"stride_height", p.stride_height},
      {"stride_width", p.stride_width},
      {"dilation_height", p.dilation_height},
      {"dilation_width", p.dilation_width},
      {"groups", p.groups},
  };
  for (const auto& f : fields) {
    require(f.value >= 1,
            std::string(f.field) + " must be at least 1, not " + std::to_string(f.value));
  }
}

void check_sizes(const BConv2DParams& p) {
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
}

void check_epilogue(const BConv2DParams& p) {
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
}

void check_int8(const BConv2DParams& p, const float* multiplier, const float* bias) {
  require(std::isfinite(p.output_scale) && p.output_scale > 0,
          "output_scale must be positive and finite");
  require(p.output_zero_point >= -128 && p.output_zero_point <= 127,
          "output_zero_point must lie in [-128, 127], not " + std::to_string(p.output_zero_point));
  for (int32_t o = 0; o < p.channels_out; ++o) {
    require(multiplier == nullptr || std::isfinite(multiplier[o]),
            "multiplier must be finite for int8 output");
    require(bias == nullptr || std::isfinite(bias[o]), "bias must be finite for int8 output");
  }
}

const BConv2DParams& checked(const BConv2DParams& p, const float* multiplier, const float* bias,
                             const int32_t* threshold) {
  check_positive(p);
  check_sizes(p);
  check_epilogue(p);
  if (p.output == Output::kBits)
    require(threshold != nullptr, "threshold is needed for bit output");
  if (p.output == Output::kInt8) check_int8(p, multiplier, bias);
  return p;
}

bool must_repack(const BConv2DParams& p, int32_t group_in) {
  if (p.depthwise) return p.channels_out != p.channels_in;
  return p.groups > 1 && group_in % BNN_WORD_BITS != 0;
}

int64_t words_of_pixel(const BConv2DParams& p, const ConvLayer& layer) {
  if (p.depthwise) return layer.blocks;
  return layer.repack ? int64_t{p.groups} * layer.group_words : words_for(p.channels_in);
}

}  // namespace

ConvLayer::ConvLayer(const BConv2DParams& p, const float* multiplier, const float* bias,
                     const int32_t* threshold_of_bits)
    : params(checked(p, multiplier, bias, threshold_of_bits)),
      taps(p.filter_height * p.filter_width),
      group_in(p.depthwise ? 1 : p.channels_in / p.groups),
      group_out(p.channels_out / p.groups),
      group_words(static_cast<int32_t>(words_for(group_in))),
      blocks(static_cast<int32_t>((int64_t{group_out} + BNN_BLOCK - 1) / BNN_BLOCK)),
      depth(taps * group_in),
      transform_depth(p.transform_depth > 0 ? p.transform_depth : depth),
      repack(must_repack(p, group_in)),
      straddle(p.groups > 1 && p.output == Output::kBits && group_out % BNN_WORD_BITS != 0),
      whole_rows(p.dilation_width == 1 && p.groups == 1 && !p.depthwise),
      run_count(whole_rows ? p.filter_height : taps),
      run_words(whole_rows    ? p.filter_width * group_words
                : p.depthwise ? 1
                              : group_words),
      pixel_words(words_of_pixel(p, *this)),
      out_channels(p.output == Output::kBits ? words_for(p.channels_out) : p.channels_out),
      element(p.output == Output::kInt8 ? 1 : 4) {}

}  // namespace bnn
