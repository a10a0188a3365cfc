// Dense layers of ternary weights and int8 activations.
#ifndef BNN_TERNARY_H_
#define BNN_TERNARY_H_

#include <cstdint>
#include <vector>

#include "bnn/aligned_buffer.h"
#include "bnn/backend.h"
#include "bnn/thread_pool.h"

namespace bnn {

// Keeps 256 * depth inside 31 bits.
constexpr int64_t kMaxTernaryChannels = int64_t{1} << 22;

// float32 rows to int8 rows, each by its largest magnitude (ternary_reference.absmax). Rows of the
// result are `step` apart, and zero after `channels`; `sums` has the sum of each.
void quantize_absmax(const float* x, int64_t samples, int64_t channels, int8_t* values,
                     int64_t step, int32_t* sums, float* scales);

// How codes (weight + 1) lie in rows of bytes, by how many a byte has: of 2 bits, least significant
// first, or digits of a number below 243 to the base 3, lowest first.
enum class TernaryForm { kTwoBits = 4, kBaseThree = 5 };

class TernaryDense {
 public:
  // packed: rows of ceil(channels_in / codes of a byte) bytes. bias: one value a channel, or null.
  // Throws std::invalid_argument for sizes out of range and for bytes that are not codes.
  TernaryDense(const bnn_backend& backend, int64_t channels_in, int64_t channels_out,
               TernaryForm form, const uint8_t* packed, float scale, const float* bias);

  // Space for this many samples; run() with as many or fewer allocates nothing.
  void reserve(int64_t samples);

  // x: [samples][channels_in], output: [samples][channels_out]. Not reentrant.
  void run(const int8_t* x, int64_t samples, int32_t* output, ThreadPool* pool, int threads);
  void run(const float* x, int64_t samples, float* output, ThreadPool* pool, int threads);

  const bnn_backend& backend() const { return *backend_; }
  int64_t channels_in() const { return channels_in_; }
  int64_t channels_out() const { return channels_out_; }
  TernaryForm form() const { return form_; }  // that the backend multiplies from

 private:
  template <class Store>
  void run_blocks(int64_t samples, ThreadPool* pool, int threads, const Store& store) const;

  void pack(TernaryForm form, const uint8_t* packed);

  const bnn_backend* backend_;
  TernaryForm form_;
  void (*multiply_)(const bnn_ternary_span*);
  int64_t channels_in_, channels_out_, groups_;
  int64_t step_;  // from one sample to the next
  float scale_;
  AlignedBuffer<uint8_t> weights_;
  std::vector<float> bias_;
  AlignedBuffer<int8_t> values_;
  std::vector<int32_t> sums_;
  std::vector<float> scales_;
};

}  // namespace bnn
#endif  // BNN_TERNARY_H_
