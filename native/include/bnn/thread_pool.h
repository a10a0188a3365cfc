// A small persistent pool: parallel_for over independent tasks, the caller takes part.
#ifndef BNN_THREAD_POOL_H_
#define BNN_THREAD_POOL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace bnn {

// What a thread does before its first and after its last task of a call; either may be null.
struct ThreadHooks {
  void (*begin)() = nullptr;
  void (*end)() = nullptr;
};

// Calls hooks around its own life.
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

// What the threads of a pool's calls waited for, seconds, summed over calls.
struct PoolTimes {
  double calls = 0;  // from each call until all tasks were done
  double late = 0;   // of each thread but the caller: until its first task
  double idle = 0;   // of each thread: from its last task until the others had done theirs
};

// Each thread begins with its own part of the tasks, the same in every call of the same count: what
// it wrote in one layer is in its cache when it reads it in the next. Whoever is done takes from
// those that are far behind. Which task runs on which thread thus varies; results do not, because
// tasks write disjoint outputs and each computes its values in a fixed order.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // the caller included, so threads - 1 are started
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Runs task(0) ... task(count - 1), returns when all are done. Not reentrant. A call that finds
  // the pool busy (another thread's call) runs all tasks on its own thread. `threads` caps how
  // many take part; each calls the hooks around its tasks. Tasks must not throw. Allocates nothing.
  // A task should capture by value what it reads often: it is copied to cache lines that nobody
  // writes, unlike the caller's stack.
  template <class Task>
  void parallel_for(int64_t count, int threads, const Task& task, const ThreadHooks& hooks = {}) {
    struct alignas(kCacheLine) Alone {
      Task task;
    };
    const Alone alone{task};
    const auto call = [](const void* t, int64_t i) { static_cast<const Alone*>(t)->task(i); };
    run({call, &alone, hooks, 0}, count, threads);
  }

  // Adds up from now on how threads spend their calls; null ends it. Not during a call.
  void time_into(PoolTimes* times) { times_ = times; }

 private:
  static constexpr size_t kCacheLine = 64;

  struct Job {
    void (*call)(const void* task, int64_t index) = nullptr;
    const void* task = nullptr;
    ThreadHooks hooks;
    int participants = 0;
  };
  struct alignas(kCacheLine) Range {  // of tasks that nobody has taken yet
    std::atomic<int64_t> next{0};
    int64_t end = 0;
    double began = 0, finished = 0;  // seconds of a clock; 0 if its thread never came
  };

  void run(Job job, int64_t count, int threads);
  void work(int index);
  bool called_after(uint64_t seen) const;
  void wait_for_call(uint64_t seen);
  bool enter(uint64_t* seen);
  void take(Range* range, int64_t leave);
  void drain(int own);
  void drain_timed(int own);
  void add_times(double opened) const;

  std::mutex busy_;
  Job job_;                          // read only by those inside
  PoolTimes* times_ = nullptr;       // the same
  std::unique_ptr<Range[]> ranges_;  // of each thread
  // Number of the call, whether it is closed to those who come late, how many workers are inside.
  alignas(kCacheLine) std::atomic<uint64_t> gate_;
  alignas(kCacheLine) std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

}  // namespace bnn
#endif  // BNN_THREAD_POOL_H_
