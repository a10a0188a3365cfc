// Refusals, and the limits that several parts refuse by.
#ifndef BNN_CHECKS_H_
#define BNN_CHECKS_H_

#include <cstdint>
#include <stdexcept>
#include <string>

namespace bnn {

constexpr int64_t kMaxDepth = int64_t{1} << 29;       // of a filter: 2 * popcount must fit int32
constexpr int64_t kMaxImageWords = int64_t{1} << 26;  // 256 MiB of padded input

[[noreturn]] inline void fail(const std::string& message) { throw std::invalid_argument(message); }

inline void require(bool condition, const std::string& message) {
  if (!condition) fail(message);
}

// Allocates nothing unless it fails.
inline void require(bool condition, const char* message) {
  if (!condition) fail(message);
}

}  // namespace bnn
#endif  // BNN_CHECKS_H_
