#include "bnn/ternary.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "bnn/dispatch.h"

namespace bnn {
namespace {

constexpr float kLeast = 1e-5f;  // of a largest magnitude
constexpr int64_t kLanes = 8;    // maxima side by side, which the compiler puts into registers
constexpr int64_t kGap = 64;     // or samples a power of two apart would share a set of the cache
constexpr int64_t kSlab = 32;    // samples that a block's results wait for their conversion

float largest_magnitude(const float* x, int64_t channels) {
  float largest[kLanes];
  std::fill_n(largest, kLanes, kLeast);
  int64_t k = 0;
  for (; k + kLanes <= channels; k += kLanes) {
    for (int64_t i = 0; i < kLanes; ++i) {
      const float magnitude = std::fabs(x[k + i]);
      largest[i] = magnitude > largest[i] ? magnitude : largest[i];  // NaN is not greater
    }
  }
  for (; k < channels; ++k) largest[0] = std::max(largest[0], std::fabs(x[k]));
  return *std::max_element(largest, largest + kLanes);
}

constexpr int64_t depth_of(TernaryForm form) {  // of a group
  return form == TernaryForm::kTwoBits ? BNN_TERNARY_DEPTH : BNN_BASE3_DEPTH;
}

// The codes of one row.
template <int kBase, int kOfByte>
void unpack(const uint8_t* row, int64_t channels, uint8_t* codes) {
  for (int64_t k = 0; k < channels; k += kOfByte) {
    int byte = row[k / kOfByte];
    if (kBase == 3 && byte > 242) {
      throw std::invalid_argument("ternary: a byte of five weights is above 242; pack it again");
    }
    const auto left = static_cast<int>(std::min<int64_t>(kOfByte, channels - k));
    for (int j = 0; j < left; ++j, byte /= kBase) codes[k + j] = static_cast<uint8_t>(byte % kBase);
  }
  if (kBase == 4 && std::find(codes, codes + channels, 3) != codes + channels) {
    throw std::invalid_argument("ternary: a weight's code is 3; pack it again");
  }
}

TernaryForm form_on(const bnn_backend& backend, TernaryForm form) {
  const bool as_it_is = form == TernaryForm::kTwoBits || backend.ternary_base3 != nullptr;
  return as_it_is ? form : TernaryForm::kTwoBits;
}

auto multiply_on(const bnn_backend& backend, TernaryForm form) {
  if (form == TernaryForm::kBaseThree) return backend.ternary_base3;
  return backend.ternary != nullptr ? backend.ternary : select_backend("scalar").ternary;
}

}  // namespace

void quantize_absmax(const float* x, int64_t samples, int64_t channels, int8_t* values,
                     int64_t step, int32_t* sums, float* scales) {
  // Adding and taking away 1.5 * 2^23 rounds to an integer, halves to even, in two instructions of
  // any CPU.
  constexpr float kRound = 12582912.0f;
  for (int64_t m = 0; m < samples; ++m, x += channels, values += step) {
    const float largest = largest_magnitude(x, channels), factor = 127.0f / largest;
    int32_t sum = 0;
    for (int64_t k = 0; k < channels; ++k) {
      float scaled = x[k] * factor;
      scaled = scaled == scaled ? scaled : 0.0f;
      scaled = scaled + kRound - kRound;
      scaled = scaled < 127.0f ? scaled : 127.0f;
      scaled = scaled > -127.0f ? scaled : -127.0f;
      const auto value = static_cast<int32_t>(scaled);
      values[k] = static_cast<int8_t>(value);
      sum += value;
    }
    std::fill(values + channels, values + step, int8_t{0});
    sums[m] = sum;
    scales[m] = largest * (1.0f / 127.0f);
  }
}

TernaryDense::TernaryDense(const bnn_backend& backend, int64_t channels_in, int64_t channels_out,
                           TernaryForm form, const uint8_t* packed, float scale, const float* bias)
    : backend_(&backend),
      form_(form_on(backend, form)),
      multiply_(multiply_on(backend, form_)),
      channels_in_(channels_in),
      channels_out_(channels_out),
      groups_((channels_in + depth_of(form_) - 1) / depth_of(form_)),
      step_(groups_ * depth_of(form_) + kGap),
      scale_(scale) {
  if (channels_in < 1 || channels_in > kMaxTernaryChannels || channels_out < 1 ||
      channels_out > kMaxTernaryChannels) {
    throw std::invalid_argument("ternary: channels must lie in [1, " +
                                std::to_string(kMaxTernaryChannels) + "]");
  }
  pack(form, packed);
  if (bias != nullptr) bias_.assign(bias, bias + channels_out);
}

void TernaryDense::pack(TernaryForm form, const uint8_t* packed) {
  const int64_t blocks = (channels_out_ + BNN_BLOCK - 1) / BNN_BLOCK;
  const int64_t block_bytes = groups_ * BNN_TERNARY_BYTES, depth = depth_of(form_);
  const int64_t of_byte = static_cast<int64_t>(form);
  const int64_t row_bytes = (channels_in_ + of_byte - 1) / of_byte;
  weights_ = AlignedBuffer<uint8_t>(static_cast<size_t>(blocks * block_bytes));
  std::vector<uint8_t> codes(static_cast<size_t>(groups_ * depth));  // 0 past the depth
  for (int64_t o = 0; o < channels_out_; ++o) {
    const uint8_t* row = packed + o * row_bytes;
    (form == TernaryForm::kTwoBits ? unpack<4, 4> : unpack<3, 5>)(row, channels_in_, codes.data());
    uint8_t* group = weights_.data() + o / BNN_BLOCK * block_bytes + o % BNN_BLOCK * 4;
    const uint8_t* code = codes.data();
    for (int64_t g = 0; g < groups_; ++g, group += BNN_TERNARY_BYTES, code += depth) {
      for (int i = 0; i < 4; ++i) {
        const uint8_t* c = code + i;
        if (form_ == TernaryForm::kTwoBits) {
          group[i] = static_cast<uint8_t>(c[0] | c[4] << 2 | c[8] << 4 | c[12] << 6);
        } else {
          const int value = (((c[0] * 3 + c[4]) * 3 + c[8]) * 3 + c[12]) * 3 + c[16];
          group[i] = static_cast<uint8_t>((value * 256 + 242) / 243);
        }
      }
    }
  }
}

void TernaryDense::reserve(int64_t samples) {
  if (static_cast<int64_t>(sums_.size()) >= samples) return;
  values_ = AlignedBuffer<int8_t>(static_cast<size_t>(samples * step_));
  sums_.resize(static_cast<size_t>(samples));
  scales_.resize(static_cast<size_t>(samples));
}

// Calls store(sample, channel, n, accumulators) for pieces of the result.
template <class Store>
void TernaryDense::run_blocks(int64_t samples, ThreadPool* pool, int threads,
                              const Store& store) const {
  const int64_t blocks = (channels_out_ + BNN_BLOCK - 1) / BNN_BLOCK;
  const int64_t step = step_;
  const auto task = [=](int64_t block) {
    int32_t results[kSlab * BNN_BLOCK];
    bnn_ternary_span span{};
    span.input_step = static_cast<ptrdiff_t>(step);
    span.weights = weights_.data() + block * groups_ * BNN_TERNARY_BYTES;
    span.groups = static_cast<int32_t>(groups_);
    span.channels =
        static_cast<int32_t>(std::min<int64_t>(BNN_BLOCK, channels_out_ - block * BNN_BLOCK));
    span.output = results;
    span.output_step = BNN_BLOCK;
    for (int64_t first = 0; first < samples; first += kSlab) {
      span.samples = static_cast<int32_t>(std::min(kSlab, samples - first));
      span.input = values_.data() + first * step;
      span.sums = sums_.data() + first;
      multiply_(&span);
      for (int32_t m = 0; m < span.samples; ++m) {
        store(first + m, block * BNN_BLOCK, span.channels, results + m * BNN_BLOCK);
      }
    }
  };
  // Waking a thread takes as long as some ten thousand weights.
  constexpr int64_t kWorth = int64_t{1} << 17;
  const int64_t work = samples * channels_in_ * channels_out_;
  const ThreadHooks hooks{backend_->thread_begin, backend_->thread_end};
  if (pool == nullptr || threads < 2 || work < kWorth) {
    const HooksAround around(hooks);
    for (int64_t block = 0; block < blocks; ++block) task(block);
    return;
  }
  pool->parallel_for(blocks, threads, task, hooks);
}

void TernaryDense::run(const int8_t* x, int64_t samples, int32_t* output, ThreadPool* pool,
                       int threads) {
  reserve(samples);
  const int64_t step = step_;
  for (int64_t m = 0; m < samples; ++m) {
    const int8_t* row = x + m * channels_in_;
    int8_t* values = values_.data() + m * step;
    std::memcpy(values, row, static_cast<size_t>(channels_in_));
    std::fill(values + channels_in_, values + step, int8_t{0});
    int32_t sum = 0;
    for (int64_t k = 0; k < channels_in_; ++k) sum += row[k];
    sums_[static_cast<size_t>(m)] = sum;
  }
  const int64_t width = channels_out_;
  run_blocks(samples, pool, threads,
             [=](int64_t m, int64_t channel, int32_t n, const int32_t* accumulators) {
               std::copy_n(accumulators, n, output + m * width + channel);
             });
}

void TernaryDense::run(const float* x, int64_t samples, float* output, ThreadPool* pool,
                       int threads) {
  reserve(samples);
  quantize_absmax(x, samples, channels_in_, values_.data(), step_, sums_.data(), scales_.data());
  const float* bias = bias_.empty() ? nullptr : bias_.data();
  const float* scales = scales_.data();
  const float scale = scale_;
  const int64_t width = channels_out_;
  run_blocks(samples, pool, threads,
             [=](int64_t m, int64_t channel, int32_t n, const int32_t* accumulators) {
               const float factor = scale * scales[m];
               float* row = output + m * width + channel;
               for (int32_t i = 0; i < n; ++i) {
                 const float product = static_cast<float>(accumulators[i]) * factor;
                 row[i] = bias == nullptr ? product : product + bias[channel + i];
               }
             });
}

}  // namespace bnn
