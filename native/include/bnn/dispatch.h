// Which backends exist here, and which one is used.
#ifndef BNN_DISPATCH_H_
#define BNN_DISPATCH_H_

#include <stdexcept>
#include <string>
#include <vector>

#include "bnn/backend.h"

namespace bnn {

// A backend that is unknown, not built, or not supported by this CPU.
struct BackendError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// An entry of backends.def.
struct BackendInfo {
  const char *name, *architecture, *features, *description;
  bool built;
  const bnn_backend* table;  // null if it is not in this build or this CPU cannot run it
};

// All of them, of other architectures too, in the order of backends.def.
const std::vector<BackendInfo>& all_backends();

// Names of the backends that were built and that this CPU can run, the default last.
std::vector<std::string> available_backends();

// The named backend; an empty name means $BNN_LAB_BACKEND, or the last available one if that is
// unset. Throws BackendError.
const bnn_backend& select_backend(const std::string& name);

}  // namespace bnn
#endif  // BNN_DISPATCH_H_
