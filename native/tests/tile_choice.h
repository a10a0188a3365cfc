// Which layers and spans the amx backend leaves to popcounts, and that results are those of the
// scalar backend where a layer is divided between both.
#ifndef BNN_TESTS_TILE_CHOICE_H_
#define BNN_TESTS_TILE_CHOICE_H_

#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "bnn/bconv2d.h"
#include "bnn/dispatch.h"
#include "emulated.h"

namespace tile_choice {

enum class Taken { kBytes, kWords, kBoth };

struct Layer {
  const char* name;
  int32_t size, channels_in, channels_out, kernel, groups;
  bool depthwise;
  int32_t pad_values;
  Taken expected;
};

constexpr Layer kLayers[] = {
    {"3x3", 14, 64, 64, 3, 1, false, 1, Taken::kBytes},
    {"3x3 of less work", 12, 64, 64, 3, 1, false, 1, Taken::kWords},
    {"3x3 of 32 channels", 24, 32, 64, 3, 1, false, 1, Taken::kWords},
    {"1x1 of six steps", 14, 384, 128, 1, 1, false, 1, Taken::kWords},
    {"1x1 of seven steps", 14, 448, 96, 1, 1, false, 1, Taken::kBytes},
    {"groups of 32 channels", 24, 64, 64, 3, 2, false, 1, Taken::kWords},
    {"groups of 64 channels", 20, 128, 64, 3, 2, false, 1, Taken::kBytes},
    {"depthwise", 40, 64, 64, 3, 1, true, 1, Taken::kWords},
    {"zeros around", 14, 64, 64, 3, 1, false, 0, Taken::kBoth},
    {"zeros around 7x7", 7, 512, 64, 3, 1, false, 0, Taken::kBoth},
};

// Spans of the backend under test; the functions of a table have no state of their own.
struct Spans {
  const bnn_backend* chooser = nullptr;
  int64_t asked = 0, bytes = 0;
};
inline Spans& spans() {
  static Spans all;
  return all;
}

inline std::vector<uint32_t> random_words(std::mt19937* random, int64_t count) {
  std::vector<uint32_t> words(static_cast<size_t>(count));
  for (uint32_t& word : words) word = (*random)();
  return words;
}

// Output and signs, as bytes.
inline std::vector<char> result(const bnn_backend& backend, const Layer& l, bnn::Output output,
                                bool fused) {
  std::mt19937 random(7);
  bnn::BConv2DParams params;
  params.channels_in = l.channels_in;
  params.channels_out = l.channels_out;
  params.filter_height = params.filter_width = l.kernel;
  params.groups = l.groups;
  params.depthwise = l.depthwise;
  params.padding = bnn::Padding::kSame;
  params.pad_values = l.pad_values;
  params.output = output;
  params.output_scale = 0.5;
  using bnn::Activation;
  if (fused) params.epilogue = bnn::residual_epilogue(Activation::kNone, Activation::kRelu);
  const int64_t taps = int64_t{l.kernel} * l.kernel, pixels = int64_t{l.size} * l.size;
  const int64_t filter_words = l.depthwise ? taps * l.channels_out / 32
                                           : taps * l.channels_out * l.channels_in / l.groups / 32;
  const std::vector<uint32_t> x = random_words(&random, pixels * l.channels_in / 32);
  const std::vector<uint32_t> filters = random_words(&random, filter_words);
  const auto channels = static_cast<size_t>(l.channels_out);
  std::vector<float> multiplier(channels), bias(channels);
  std::vector<int32_t> threshold(channels);
  for (size_t c = 0; c < channels; ++c) {
    multiplier[c] = 0.01f * static_cast<float>(1 + random() % 50);
    bias[c] = static_cast<float>(random() % 9) - 4.0f;
    threshold[c] = static_cast<int32_t>(random() % 65) - 32;
  }
  const bool bits = output == bnn::Output::kBits;
  bnn::BConv2D conv(backend, params, filters.data(), bits ? nullptr : multiplier.data(),
                    bits ? nullptr : bias.data(), bits ? threshold.data() : nullptr);
  conv.resize(l.size, l.size);
  const int64_t values = pixels * l.channels_out;
  const int64_t size = bits ? values / 8 : output == bnn::Output::kInt8 ? values : values * 4;
  std::vector<char> out(static_cast<size_t>(size + (fused ? values / 8 : 0)));
  std::vector<float> shortcut(static_cast<size_t>(values));
  for (float& value : shortcut) value = static_cast<float>(random() % 100) - 50.0f;
  bnn::OutputView view;
  view.data = out.data();
  if (fused) {
    view.shortcut = shortcut.data();
    view.signs = reinterpret_cast<uint32_t*>(out.data() + size);
  }
  conv.run(x.data(), 1, view, nullptr, 1);
  return out;
}

inline bool check(const bnn_backend& chooser, const Layer& l) {
  spans() = {&chooser};
  bnn_backend counting = chooser;
  counting.span_takes_bytes = [](const bnn_span* span) {
    const int taken = spans().chooser->span_takes_bytes(span);
    ++spans().asked;
    spans().bytes += taken;
    return taken;
  };
  const bnn_backend& scalar = bnn::select_backend("scalar");
  using bnn::Output;
  bool right = true;
  for (Output output : {Output::kFloat32, Output::kBits, Output::kInt8}) {
    right &= result(counting, l, output, false) == result(scalar, l, output, false);
  }
  if (!l.depthwise) {
    const Output out = Output::kFloat32;
    right &= result(counting, l, out, true) == result(scalar, l, out, true);
  }
  const int64_t bytes = spans().bytes, words = spans().asked - bytes;
  // A layer that is not expanded has none of its spans asked about.
  const Taken taken = bytes == 0 ? Taken::kWords : words == 0 ? Taken::kBytes : Taken::kBoth;
  const bool chosen = taken == l.expected && (taken != Taken::kWords || words == 0);
  if (right && chosen) return true;
  std::printf("MISMATCH %s, %s: results %s, %lld spans in bytes, %lld in words\n", chooser.name,
              l.name, right ? "right" : "wrong", static_cast<long long>(bytes),
              static_cast<long long>(words));
  return false;
}

inline bool check_all() {
  int right = 0, wrong = 0;
  for (const bnn_backend* chooser : emulated_choosers()) {
    for (const Layer& layer : kLayers) ++(check(*chooser, layer) ? right : wrong);
  }
  std::printf("choice between tiles and popcounts: %d of %d layers\n", right, right + wrong);
  return wrong == 0;
}

}  // namespace tile_choice
#endif  // BNN_TESTS_TILE_CHOICE_H_
