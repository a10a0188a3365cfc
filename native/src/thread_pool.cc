#include "bnn/thread_pool.h"

#include <chrono>

namespace bnn {
namespace {

// A convolution lasts about 0.1 ms and a sleeping thread takes some 50 us to wake, so a worker
// first spins for the next call. It yields while it spins, so LiteRT's threads can have the core.
constexpr auto kSpin = std::chrono::microseconds(300);

inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::drain(const Job& job) {
  for (int64_t i = next_.fetch_add(1); i < job.count; i = next_.fetch_add(1)) job.call(job.task, i);
}

void ThreadPool::work(int index) {
  uint64_t seen = 0;
  while (true) {
    const auto deadline = std::chrono::steady_clock::now() + kSpin;
    while (generation_.load(std::memory_order_acquire) == seen && !stop_ &&
           std::chrono::steady_clock::now() < deadline) {
      for (int i = 0; i < 16; ++i) pause_cpu();
      std::this_thread::yield();
    }
    Job job;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || generation_.load() != seen; });
      if (stop_) return;
      seen = generation_.load();
      job = job_;
      // Not asked, or the call is already over: its counters belong to the next call.
      if (index > job.helpers || job.task == nullptr) continue;
      running_.fetch_add(1);
    }
    drain(job);
    running_.fetch_sub(1, std::memory_order_release);
  }
}

void ThreadPool::run(Job job, int threads) {
  std::unique_lock<std::mutex> alone(busy_, std::try_to_lock);
  job.helpers = static_cast<int>(
      std::min<int64_t>(std::min<int64_t>(threads, this->threads()) - 1, job.count - 1));
  if (!alone.owns_lock() || job.helpers < 1) {
    for (int64_t i = 0; i < job.count; ++i) job.call(job.task, i);
    return;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    next_ = 0;
    job_ = job;
    generation_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  drain(job);
  {
    // A worker that has not started by now finds no task and does not touch the counters.
    std::lock_guard<std::mutex> lock(mutex_);
    job_.task = nullptr;
  }
  while (running_.load(std::memory_order_acquire) != 0) pause_cpu();
}

}  // namespace bnn
