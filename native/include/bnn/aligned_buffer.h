// Heap memory aligned to a cache line, which is also the widest vector.
#ifndef BNN_ALIGNED_BUFFER_H_
#define BNN_ALIGNED_BUFFER_H_

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

namespace bnn {

// A fixed-size array of trivially copyable T, zeroed at creation.
template <class T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size)
      : size_(size), data_(static_cast<T*>(::operator new(size * sizeof(T), kAlignment))) {
    if (size > 0) std::memset(static_cast<void*>(data_.get()), 0, size * sizeof(T));
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data_.get()[i]; }
  const T& operator[](size_t i) const { return data_.get()[i]; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Release {
    void operator()(T* data) const { ::operator delete(data, kAlignment); }
  };
  size_t size_ = 0;
  std::unique_ptr<T, Release> data_;
};

}  // namespace bnn
#endif  // BNN_ALIGNED_BUFFER_H_
