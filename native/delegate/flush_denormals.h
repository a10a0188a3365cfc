// While one of these lives, denormal floats of this thread count as zero, as XNNPACK has it.
#ifndef BNN_DELEGATE_FLUSH_DENORMALS_H_
#define BNN_DELEGATE_FLUSH_DENORMALS_H_

#include <cstdint>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace bnn {

class FlushDenormals {
 public:
  FlushDenormals() : before_(read()) { write(before_ | kFlush); }
  ~FlushDenormals() { write(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
#if defined(__SSE2__)
  using Register = unsigned;
  static constexpr Register kFlush = 0x8040;  // of results and of operands
  static Register read() { return _mm_getcsr(); }
  static void set(Register value) { _mm_setcsr(value); }
#elif defined(__aarch64__) && defined(__GNUC__)
  using Register = uint64_t;
  static constexpr Register kFlush = uint64_t{1} << 24;
  static Register read() {
    Register value;
    asm volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void set(Register value) { asm volatile("msr fpcr, %0" ::"r"(value)); }
#else
  using Register = int;
  static constexpr Register kFlush = 0;
  static Register read() { return 0; }
  static void set(Register) {}
#endif

  // What is computed between two of these stays there.
  static void write(Register value) {
#if defined(__GNUC__)
    asm volatile("" ::: "memory");
#endif
    set(value);
#if defined(__GNUC__)
    asm volatile("" ::: "memory");
#endif
  }

  const Register before_;
};

}  // namespace bnn
#endif  // BNN_DELEGATE_FLUSH_DENORMALS_H_
