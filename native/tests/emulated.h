// The amx backend with its tile operations in plain C++: "amx_portable" on any CPU, "amx_emulated"
// with AVX-512 around them. Both take bytes wherever they can; of a backend with real tiles,
// wherever_possible() makes one that does.
#ifndef BNN_TESTS_EMULATED_H_
#define BNN_TESTS_EMULATED_H_

#include <vector>

#include "bnn/backend.h"

extern "C" const bnn_backend* bnn_backend_amx_portable(void);
extern "C" const bnn_backend* bnn_backend_amx_emulated(void);
extern "C" const bnn_backend* bnn_chooser_amx_portable(void);
extern "C" const bnn_backend* bnn_chooser_amx_emulated(void);

inline std::vector<const bnn_backend*> emulated_backends() {
  std::vector<const bnn_backend*> all{bnn_backend_amx_portable()};
#if BNN_EMULATED_VECTORS
  if (bnn_cpu_runs_avx512vpopcntdq()) all.push_back(bnn_backend_amx_emulated());
#endif
  return all;
}

// The same, taking bytes where they would with real tiles.
inline std::vector<const bnn_backend*> emulated_choosers() {
  std::vector<const bnn_backend*> all{bnn_chooser_amx_portable()};
#if BNN_EMULATED_VECTORS
  if (bnn_cpu_runs_avx512vpopcntdq()) all.push_back(bnn_chooser_amx_emulated());
#endif
  return all;
}

inline bnn_backend wherever_possible(const bnn_backend& backend) {
  bnn_backend table = backend;
  if (table.layer_takes_bytes == nullptr) return table;
  table.layer_takes_bytes = [](int32_t, int32_t, int64_t, int64_t) { return 1; };
  table.span_takes_bytes = [](const bnn_span*) { return 1; };
  return table;
}

#endif  // BNN_TESTS_EMULATED_H_
