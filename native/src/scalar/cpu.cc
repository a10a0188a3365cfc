#include "bnn/backend.h"

extern "C" int bnn_cpu_runs_scalar(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("popcnt") != 0;  // every x86-64 CPU since 2008
#else
  return 1;
#endif
}
