#include "bnn/thread_pool.h"

#include <algorithm>
#include <chrono>

namespace bnn {
namespace {

// A convolution lasts some 20 us, and a sleeping thread takes as long to wake, so a worker first
// spins for the next call. Not for long: while it spins, the scheduler takes its CPU for busy and
// wakes LiteRT's own worker, for the float ops in between, on the CPU of the caller, where it then
// stays. Measured: spinning for 300 us, two threads were at times slower than one.
constexpr auto kSpin = std::chrono::microseconds(60);
constexpr int kLooks = 16;  // at the gate, about 0.4 us, before the CPU is offered to others

constexpr uint64_t kInside = 0xffff;
constexpr uint64_t kClosed = 0x10000;
constexpr uint64_t kCall = 0x20000;  // the first call's number
constexpr uint64_t kCallMask = ~(kInside | kClosed);

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) : ranges_(new Range[std::max(threads, 1)]), gate_(kClosed) {
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

void ThreadPool::take(Range* range, int64_t leave) {
  const int64_t end = range->end;
  while (range->next.load(std::memory_order_relaxed) < end - leave) {
    const int64_t task = range->next.fetch_add(1, std::memory_order_relaxed);
    if (task < end) job_.call(job_.task, task);
  }
}

void ThreadPool::drain(int own) {
  take(&ranges_[own], 0);
  // A thread about to finish is left alone: its data is in its own cache.
  for (int i = 1; i < job_.participants; ++i) take(&ranges_[(own + i) % job_.participants], 1);
}

void ThreadPool::drain_timed(int own) {
  if (times_ == nullptr) return drain(own);
  ranges_[own].began = now();
  drain(own);
  ranges_[own].finished = now();
}

void ThreadPool::add_times(double opened) const {
  const double end = now();
  times_->calls += end - opened;
  for (int t = 0; t < job_.participants; ++t) {
    const Range& range = ranges_[t];
    if (t > 0) times_->late += (range.began > 0 ? range.began : end) - opened;
    if (range.began > 0) times_->idle += end - range.finished;
  }
}

bool ThreadPool::called_after(uint64_t seen) const {
  return (gate_.load() & kCallMask) != seen || stop_.load(std::memory_order_relaxed);
}

void ThreadPool::wait_for_call(uint64_t seen) {
  const auto deadline = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kLooks; ++i) {
      if (called_after(seen)) return;
      pause_cpu();
    }
    std::this_thread::yield();
  } while (std::chrono::steady_clock::now() < deadline);
  std::unique_lock<std::mutex> lock(mutex_);
  // Before the last look at the gate; run() opens it and then looks for sleepers.
  sleepers_.fetch_add(1);
  wake_.wait(lock, [&] { return called_after(seen); });
  sleepers_.fetch_sub(1);
}

// Counts this worker in, unless the call is over already. Sets *seen to the call's number.
bool ThreadPool::enter(uint64_t* seen) {
  uint64_t gate = gate_.load();
  *seen = gate & kCallMask;
  while ((gate & kCallMask) == *seen && (gate & kClosed) == 0) {
    if (gate_.compare_exchange_weak(gate, gate + 1)) return true;
  }
  return false;
}

void ThreadPool::work(int index) {
  uint64_t seen = 0;
  while (true) {
    wait_for_call(seen);
    if (stop_) return;
    if (!enter(&seen)) continue;
    if (index < job_.participants) {
      const HooksAround around(job_.hooks);
      drain_timed(index);
    }
    gate_.fetch_sub(1);
  }
}

void ThreadPool::run(Job job, int64_t count, int threads) {
  std::unique_lock<std::mutex> alone(busy_, std::try_to_lock);
  job.participants = static_cast<int>(std::min<int64_t>(std::min(threads, this->threads()), count));
  const HooksAround around(job.hooks);
  if (!alone.owns_lock() || job.participants < 2) {
    for (int64_t i = 0; i < count; ++i) job.call(job.task, i);
    return;
  }
  job_ = job;
  for (int t = 0; t < job.participants; ++t) {
    ranges_[t].next.store(count * t / job.participants, std::memory_order_relaxed);
    ranges_[t].end = count * (t + 1) / job.participants;
    ranges_[t].began = ranges_[t].finished = 0;
  }
  const double opened = times_ == nullptr ? 0 : now();
  gate_.store((gate_.load() & kCallMask) + kCall);  // open, nobody inside
  if (sleepers_.load() > 0) {
    // A worker that counts as a sleeper may not wait yet; it holds the mutex until it does.
    std::lock_guard<std::mutex> lock(mutex_);
    wake_.notify_all();
  }
  drain_timed(0);
  gate_.fetch_or(kClosed);
  for (int looks = 0; (gate_.load() & kInside) != 0; ++looks) {
    pause_cpu();
    if (looks >= kLooks) std::this_thread::yield();  // the worker may wait for this very CPU
  }
  // The ranges of threads that never came.
  for (int t = 1; t < job_.participants; ++t) take(&ranges_[t], 0);
  if (times_ != nullptr) add_times(opened);
}

}  // namespace bnn
