// What the fuzz targets share.
//
// With clang:  cmake -S native -B build/fuzz -DBNN_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++
//              build/fuzz/fuzz_ops native/fuzz/corpus -max_total_time=60
//              build/fuzz/fuzz_graph native/fuzz/corpus_graph -max_total_time=60
// With any compiler, -DBNN_FUZZ_REPLAY=ON builds programs that run the files named on their command
// line once.
#ifndef BNN_FUZZ_FUZZING_H_
#define BNN_FUZZ_FUZZING_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ops.h"

// Takes the input apart; past its end everything is zero.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint8_t byte() { return position_ < size_ ? data_[position_++] : 0; }
  uint32_t word() {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | byte();
    return value;
  }
  std::vector<uint8_t> take(size_t count) {
    std::vector<uint8_t> bytes(count);
    for (auto& b : bytes) b = byte();
    return bytes;
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t position_ = 0;
};

constexpr int64_t kMaxElements = 1 << 14;  // of a tensor: larger ones only cost time

// -1 if they are too many.
inline int64_t elements(const bnn::Shape& shape) {
  int64_t count = 1;
  for (int64_t d : shape) {
    if (d < 0 || d > kMaxElements) return -1;
    count *= d;
    if (count > kMaxElements) return -1;
  }
  return count;
}

inline size_t element_size(bnn::tfl::Type type) {
  return type == bnn::tfl::kInt8 || type == bnn::tfl::kBool ? 1 : 4;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#if defined(BNN_FUZZ_REPLAY)
#include <cstdio>
#include <fstream>
#include <iterator>

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%d inputs replayed\n", argc - 1);
  return 0;
}
#endif
#endif  // BNN_FUZZ_FUZZING_H_
