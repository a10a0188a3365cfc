#include "threads.h"

#include <nanobind/nanobind.h>

#include <map>
#include <memory>
#include <stdexcept>

namespace bnn::python {

void check_threads(int threads) {
  if (threads < 1 || threads > 256) throw std::invalid_argument("num_threads must lie in [1, 256]");
}

ThreadPool* pool_of(int threads) {
  static std::mutex mutex;
  static auto* pools = new std::map<int, std::unique_ptr<ThreadPool>>();
  if (threads < 2) return nullptr;
  std::lock_guard<std::mutex> lock(mutex);
  auto& pool = (*pools)[threads];
  if (pool == nullptr) pool = std::make_unique<ThreadPool>(threads);
  return pool.get();
}

std::unique_lock<std::mutex> lock_without_gil(std::mutex& mutex) {
  nanobind::gil_scoped_release release;
  return std::unique_lock<std::mutex>(mutex);
}

}  // namespace bnn::python
