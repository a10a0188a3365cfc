// Heap memory aligned to a cache line, which is also the widest vector; in huge pages where it is
// large. Weights that are read once from end to end, faster than any cache holds them, otherwise
// wait for the translation of an address every 4 KB: hardware prefetchers stop at a page's end.
#ifndef BNN_ALIGNED_BUFFER_H_
#define BNN_ALIGNED_BUFFER_H_

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace bnn {

// A fixed-size array of trivially copyable T, zeroed at creation.
template <class T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size) : size_(size), data_(allocate(size * sizeof(T))) {
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
    std::align_val_t alignment = kAlignment;
    void operator()(T* data) const { ::operator delete(data, alignment); }
  };
  static std::unique_ptr<T, Release> allocate(size_t bytes) {
    Release release;
#ifdef MADV_HUGEPAGE
    constexpr size_t kHugePage = size_t{2} << 20;  // where pages have 4 KB
    if (bytes >= kHugePage) release.alignment = std::align_val_t{kHugePage};
#endif
    std::unique_ptr<T, Release> data(static_cast<T*>(::operator new(bytes, release.alignment)),
                                     release);
#ifdef MADV_HUGEPAGE
    // Advice: where the system does not take it, pages stay as they are.
    if (bytes >= kHugePage) madvise(static_cast<void*>(data.get()), bytes, MADV_HUGEPAGE);
#endif
    return data;
  }
  size_t size_ = 0;
  std::unique_ptr<T, Release> data_;
};

}  // namespace bnn
#endif  // BNN_ALIGNED_BUFFER_H_
