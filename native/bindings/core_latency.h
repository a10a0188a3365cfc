// How far apart two cores are.
#ifndef BNN_BINDINGS_CORE_LATENCY_H_
#define BNN_BINDINGS_CORE_LATENCY_H_

namespace bnn {

// Nanoseconds that a cache line takes from one core to another: the first two CPUs that the calling
// thread may use, on Linux; elsewhere wherever the system puts two threads. 0 if there is one CPU.
double core_latency_ns();

}  // namespace bnn
#endif  // BNN_BINDINGS_CORE_LATENCY_H_
