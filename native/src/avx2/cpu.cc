#include "bnn/backend.h"

extern "C" int bnn_cpu_runs_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
}
