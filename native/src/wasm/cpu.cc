#include "bnn/backend.h"

// The page asks WebAssembly.validate, before the module is loaded.
extern "C" int bnn_cpu_runs_wasm(void) { return 1; }
