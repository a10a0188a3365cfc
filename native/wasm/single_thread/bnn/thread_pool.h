// Stands before include/bnn/thread_pool.h where there are no threads: the same interface, one
// thread.
#ifndef BNN_THREAD_POOL_H_
#define BNN_THREAD_POOL_H_

#include <cstdint>

namespace bnn {

struct ThreadHooks {
  void (*begin)() = nullptr;
  void (*end)() = nullptr;
};

class HooksAround {
 public:
  explicit HooksAround(const ThreadHooks& hooks) : end_(hooks.end) {
    if (hooks.begin != nullptr) hooks.begin();
  }
  ~HooksAround() {
    if (end_ != nullptr) end_();
  }
  HooksAround(const HooksAround&) = delete;
  HooksAround& operator=(const HooksAround&) = delete;

 private:
  void (*const end_)();
};

class ThreadPool {
 public:
  explicit ThreadPool(int) {}
  int threads() const { return 1; }

  template <class Task>
  void parallel_for(int64_t count, int, const Task& task, const ThreadHooks& hooks = {}) {
    const HooksAround around(hooks);
    for (int64_t i = 0; i < count; ++i) task(i);
  }
};

}  // namespace bnn
#endif  // BNN_THREAD_POOL_H_
