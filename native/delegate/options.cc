// Flexbuffers, as far as LCE's options use them (https://flatbuffers.dev/internals, "FlexBuffers"):
// the last byte is the byte width of the root slot, the one before it the root's packed type, and
// the slot lies before both. A map is a vector of slots, preceded by [offset of the keys vector]
// [byte width of the keys vector] [size] and followed by one packed type per slot. Offsets point
// backwards. A packed type is (type << 2) | log2(byte width).
#include "options.h"

#include <cstring>

namespace bnn {
namespace {

enum FlexType { kInt = 1, kUint = 2, kIndirectInt = 6, kIndirectUint = 7, kMap = 9, kBool = 26 };

constexpr size_t kMaxEntries = 256;

class Reader {
 public:
  Reader(const void* data, size_t size) : data_(static_cast<const uint8_t*>(data)), size_(size) {}

  uint8_t byte(size_t position) const {
    check(position, 1);
    return data_[position];
  }

  uint64_t read_unsigned(size_t position, size_t width) const {
    check(position, width);
    uint64_t value = 0;
    std::memcpy(&value, data_ + position, width);  // little endian, as every target here
    return value;
  }

  int64_t read_signed(size_t position, size_t width) const {
    const uint64_t value = read_unsigned(position, width);
    const int unused = 64 - 8 * static_cast<int>(width);
    return static_cast<int64_t>(value << unused) >> unused;
  }

  size_t follow(size_t position, size_t width) const {
    const uint64_t offset = read_unsigned(position, width);
    if (offset > position) fail();
    return position - offset;
  }

  size_t back(size_t position, size_t count) const {
    if (count > position) fail();
    return position - count;
  }

  std::string key(size_t position) const {
    check(position, 1);
    const void* end = std::memchr(data_ + position, 0, size_ - position);
    if (end == nullptr) fail();
    return reinterpret_cast<const char*>(data_ + position);
  }

  static void check_width(uint64_t width) {
    if (width != 1 && width != 2 && width != 4 && width != 8) fail();
  }

  [[noreturn]] static void fail() {
    throw std::invalid_argument("the op's options are not a valid flexbuffer map");
  }

 private:
  void check(size_t position, size_t width) const {
    if (position > size_ || width > size_ - position) fail();
  }

  const uint8_t* data_;
  size_t size_;
};

}  // namespace

Options::Options(const void* data, size_t size) {
  if (size == 0) return;
  const Reader r(data, size);
  if (data == nullptr || size < 3) Reader::fail();
  const size_t root_width = r.byte(size - 1);
  const uint8_t root_type = r.byte(size - 2);
  Reader::check_width(root_width);
  if (root_type >> 2 != kMap) Reader::fail();
  const size_t map = r.follow(r.back(size - 2, root_width), root_width);
  const size_t width = size_t{1} << (root_type & 3);

  const uint64_t count = r.read_unsigned(r.back(map, width), width);
  if (count > kMaxEntries) Reader::fail();
  const uint64_t key_width = r.read_unsigned(r.back(map, 2 * width), width);
  Reader::check_width(key_width);
  const size_t keys = r.follow(r.back(map, 3 * width), width);
  for (size_t i = 0; i < count; ++i) {
    const std::string key = r.key(r.follow(keys + i * key_width, key_width));
    const size_t slot = map + i * width;
    const uint8_t packed = r.byte(map + count * width + i);
    const size_t target_width = size_t{1} << (packed & 3);
    switch (packed >> 2) {
      case kInt: values_[key] = r.read_signed(slot, width); break;
      case kUint:
      case kBool: values_[key] = static_cast<int64_t>(r.read_unsigned(slot, width)); break;
      case kIndirectInt: values_[key] = r.read_signed(r.follow(slot, width), target_width); break;
      case kIndirectUint:
        values_[key] = static_cast<int64_t>(r.read_unsigned(r.follow(slot, width), target_width));
        break;
      default: break;
    }
  }
}

int32_t Options::get(const std::string& key, int32_t low, int32_t high) const {
  const auto found = values_.find(key);
  if (found == values_.end()) {
    throw std::invalid_argument("option " + key + " is missing or not an integer");
  }
  if (found->second < low || found->second > high) {
    throw std::invalid_argument("option " + key + " is " + std::to_string(found->second) +
                                ", outside [" + std::to_string(low) + ", " + std::to_string(high) +
                                "]");
  }
  return static_cast<int32_t>(found->second);
}

}  // namespace bnn
