#include "bnn/backend.h"

extern "C" int bnn_cpu_runs_neon(void) { return 1; }  // part of every aarch64 CPU
