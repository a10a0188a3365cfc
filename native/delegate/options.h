// Reads the options of a custom op: a flexbuffer map of string keys to integers.
#ifndef BNN_DELEGATE_OPTIONS_H_
#define BNN_DELEGATE_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>

namespace bnn {

// Every access is checked against the buffer, because a model file is untrusted input.
class Options {
 public:
  // Throws std::invalid_argument if the bytes are not a flexbuffer map. An empty buffer is an empty
  // map. Entries that are not integers are kept out and reported as missing by get().
  Options(const void* data, size_t size);

  // The integer under `key`, which must lie in [low, high]. Throws std::invalid_argument.
  int32_t get(const std::string& key, int32_t low, int32_t high) const;

 private:
  std::map<std::string, int64_t> values_;
};

}  // namespace bnn
#endif  // BNN_DELEGATE_OPTIONS_H_
