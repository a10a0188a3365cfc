/* <immintrin.h> for the backends with AVX-512, without warnings of GCC's own. */
#ifndef BNN_AVX512_INTRINSICS_H_
#define BNN_AVX512_INTRINSICS_H_

// GCC's header fills "undefined" vectors with themselves, and GCC up to 12 warns about that.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#endif  // BNN_AVX512_INTRINSICS_H_
