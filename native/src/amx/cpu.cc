#include "bnn/backend.h"

#if defined(__linux__)
#include <cpuid.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace {

// GCC's function of that name knows tiles, clang's does not. Bits of edx of leaf 7.
bool tile_cpu_supports(const char* feature) {
#if defined(BNN_TILES_EMULATED)
  return feature != nullptr;
#elif defined(__linux__)
  unsigned a, b, c, d;
  const int bit = strcmp(feature, "amx_tile") == 0 ? 24 : 25;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> bit & 1) != 0;
#else
  return false && feature != nullptr;
#endif
}

// Linux keeps room for the 8 KB of tiles only in processes that ask for it. Not granted where a
// thread has a signal stack too small for them.
bool permitted() {
#if defined(BNN_TILES_EMULATED)
  return true;
#elif defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;  // how to ask other systems is not known here
#endif
}

}  // namespace

extern "C" int bnn_cpu_runs_amx(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("popcnt") && tile_cpu_supports("amx_tile") &&
         tile_cpu_supports("amx_int8") && permitted();
}
