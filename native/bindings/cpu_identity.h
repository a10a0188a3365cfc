// Which CPU this is, so that a measurement of one is not taken for another.
#ifndef BNN_BINDINGS_CPU_IDENTITY_H_
#define BNN_BINDINGS_CPU_IDENTITY_H_

#include <string>

namespace bnn {

// As CPUID tells it; vendor is empty on other architectures.
struct CpuIdentity {
  std::string vendor, name;
  int family = 0, model = 0, stepping = 0;
};
CpuIdentity cpu_identity();

}  // namespace bnn
#endif  // BNN_BINDINGS_CPU_IDENTITY_H_
