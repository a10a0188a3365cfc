// Threads of the kernels, and Python's lock.
#ifndef BNN_BINDINGS_THREADS_H_
#define BNN_BINDINGS_THREADS_H_

#include <mutex>

#include "bnn/thread_pool.h"

namespace bnn::python {

// Throws unless `threads` is a number of threads that a call may ask for.
void check_threads(int threads);

// One pool per thread count, never destroyed: a worker must not be joined from a forked child.
// None for one thread.
ThreadPool* pool_of(int threads);

// A lock taken without the GIL, or a thread that waits here would block the one that runs.
std::unique_lock<std::mutex> lock_without_gil(std::mutex& mutex);

}  // namespace bnn::python

#endif  // BNN_BINDINGS_THREADS_H_
