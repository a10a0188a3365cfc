#include "conv/pack.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace bnn {
namespace {

int32_t count_minus(const uint32_t* words, int32_t count) {
  int32_t minus = 0;
  for (int32_t w = 0; w < count; ++w) minus += __builtin_popcount(words[w]);
  return minus;
}

}  // namespace

ConvConstants::ConvConstants(const bnn_backend& backend, const ConvLayer& layer,
                             const uint32_t* filters, const float* multiplier, const float* bias,
                             const int32_t* thresholds) {
  const ActivationInfo& range = info(layer.params.activation);
  const int32_t k = layer.transform_depth;
  clamp_min = k - static_cast<int32_t>(std::min<double>(range.high, k));
  clamp_max = k - static_cast<int32_t>(std::max<double>(range.low, -k));
  transform(layer, multiplier, bias, thresholds);
  epilogue(layer);
  if (layer.params.depthwise) {
    pack_depthwise(layer, filters);
  } else {
    pack(backend, layer, filters);
  }
  if (layer.params.pad_values == 0) sum_taps(layer, filters);
}

void ConvConstants::transform(const ConvLayer& layer, const float* multiplier, const float* bias,
                              const int32_t* thresholds) {
  const BConv2DParams& p = layer.params;
  const bool quantized = p.output == Output::kInt8;
  const double scale = quantized ? p.output_scale : 1.0;
  const double zero_point = quantized ? p.output_zero_point : 0.0;
  factor = AlignedBuffer<float>(layer.padded_channels());
  shift = AlignedBuffer<float>(layer.padded_channels());
  threshold = AlignedBuffer<int32_t>(layer.padded_channels());
  for (int32_t o = 0; o < p.channels_out; ++o) {
    const size_t slot = layer.slot(o);
    if (p.output == Output::kBits) {
      const int64_t doubled = 2 * int64_t{thresholds[o]};
      threshold[slot] = static_cast<int32_t>(std::clamp<int64_t>(
          doubled, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
      continue;
    }
    const double m = multiplier == nullptr ? 1.0 : multiplier[o];
    const double b = bias == nullptr ? 0.0 : bias[o];
    factor[slot] = static_cast<float>(-m / scale);
    doubles = doubles && std::abs(factor[slot]) < std::numeric_limits<float>::max() / 2;
    shift[slot] = static_cast<float>((b + layer.transform_depth * m) / scale + zero_point);
  }
}

void ConvConstants::epilogue(const ConvLayer& layer) {
  for (const EpilogueStep& step : layer.params.epilogue) {
    adds_shortcut |= step.kind == BNN_STEP_SHORTCUT;
    bnn_step packed{};
    packed.kind = step.kind;
    packed.min = info(step.activation).low;
    packed.max = info(step.activation).high;
    if (!step.values.empty()) {
      AlignedBuffer<float> values(layer.padded_channels());
      for (int32_t o = 0; o < layer.params.channels_out; ++o) {
        values[layer.slot(o)] = step.values[step.values.size() == 1 ? 0 : static_cast<size_t>(o)];
      }
      packed.values = values.data();
      step_values_.push_back(std::move(values));
    }
    steps.push_back(packed);
  }
}

void ConvConstants::pack(const bnn_backend& backend, const ConvLayer& layer,
                         const uint32_t* filters) {
  const ptrdiff_t row_words = static_cast<ptrdiff_t>(layer.taps) * layer.group_words;
  block_words = backend.packed_words(layer.run_count, layer.run_words);
  weights = AlignedBuffer<uint32_t>(static_cast<size_t>(layer.all_blocks()) * block_words);
  uint32_t* packed = weights.data();
  for (int32_t g = 0; g < layer.params.groups; ++g) {
    for (int32_t b = 0; b < layer.blocks; ++b, packed += block_words) {
      const int32_t first = b * BNN_BLOCK;
      const uint32_t* rows =
          filters + (static_cast<ptrdiff_t>(g) * layer.group_out + first) * row_words;
      backend.pack_weights(rows, row_words, std::min(BNN_BLOCK, layer.group_out - first),
                           layer.run_count, layer.run_words, packed);
    }
  }
}

void ConvConstants::pack_depthwise(const ConvLayer& layer, const uint32_t* filters) {
  block_words = static_cast<size_t>(layer.taps);
  weights = AlignedBuffer<uint32_t>(static_cast<size_t>(layer.blocks) * block_words);
  for (int32_t b = 0; b < layer.blocks; ++b) {
    for (int32_t t = 0; t < layer.taps; ++t) {
      weights[static_cast<size_t>(b) * block_words + t] = filters[ptrdiff_t{t} * layer.blocks + b];
    }
  }
}

// A padded tap must add 0 to the accumulator, but its zero bits add sum(w): what is taken back.
void ConvConstants::sum_taps(const ConvLayer& layer, const uint32_t* filters) {
  tap_sums.assign(static_cast<size_t>(layer.taps) * layer.padded_channels(), 0);
  for (int32_t o = 0; o < layer.params.channels_out; ++o) {
    for (int32_t t = 0; t < layer.taps; ++t) {
      int32_t minus;
      if (layer.params.depthwise) {
        minus = filters[ptrdiff_t{t} * layer.blocks + o / BNN_WORD_BITS] >> (o % BNN_WORD_BITS) & 1;
      } else {
        minus = count_minus(filters + (ptrdiff_t{o} * layer.taps + t) * layer.group_words,
                            layer.group_words);
      }
      tap_sums[t * layer.padded_channels() + layer.slot(o)] = layer.group_in - 2 * minus;
    }
  }
}

}  // namespace bnn
