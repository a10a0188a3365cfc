// A small persistent pool: parallel_for over independent tasks, the caller takes part.
#ifndef BNN_THREAD_POOL_H_
#define BNN_THREAD_POOL_H_

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace bnn {

// Which task runs on which thread varies; results do not, because tasks write disjoint outputs and
// each computes its values in a fixed order.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // the caller included, so threads - 1 are started
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Runs task(0) ... task(count - 1), returns when all are done. Not reentrant. A call that finds
  // the pool busy (another thread's call) runs all tasks on its own thread. `threads` caps how
  // many take part. Tasks must not throw. Allocates nothing.
  template <class Task>
  void parallel_for(int64_t count, int threads, const Task& task) {
    run({[](const void* t, int64_t i) { (*static_cast<const Task*>(t))(i); }, &task, count, 0},
        threads);
  }

 private:
  struct Job {
    void (*call)(const void* task, int64_t index) = nullptr;
    const void* task = nullptr;
    int64_t count = 0;
    int helpers = 0;
  };
  void run(Job job, int threads);
  void work(int index);
  void drain(const Job& job);

  std::mutex busy_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Job job_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int64_t> next_{0};
  std::atomic<int> running_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace bnn
#endif  // BNN_THREAD_POOL_H_
