// The thread pool under calls of changing size, with pauses, and from several threads at once.
// Built with ThreadSanitizer (BNN_SANITIZE=thread); prints what it did, exits with 1 on an error.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <vector>

#include "bnn/thread_pool.h"

namespace {

std::atomic<bool> wrong{false};

void check(bool right, const char* what) {
  if (!right && !wrong.exchange(true)) std::printf("WRONG: %s\n", what);
}

thread_local bool begun = false;
std::atomic<int> inside{0};  // threads between their hooks

const bnn::ThreadHooks kHooks{[] {
                                check(!begun, "a thread begins once");
                                begun = true;
                                ++inside;
                              },
                              [] {
                                check(begun, "what ends has begun");
                                begun = false;
                                --inside;
                              }};

// Plain memory: a task that runs twice, or a result that is read too early, is a data race.
void changing_calls(bnn::ThreadPool* pool, int* helped) {
  constexpr int kMost = 37, kCalls = 5000;
  std::vector<int> runs(kMost);
  std::vector<std::thread::id> ran_on(kMost);
  for (int call = 0; call < kCalls; ++call) {
    const int count = call % (kMost + 1), threads = 1 + call % (pool->threads() + 1);
    std::fill(runs.begin(), runs.end(), 0);
    const auto task = [&](int64_t i) {
      check(begun, "each thread begins before its tasks");
      runs[i] += 1;
      ran_on[i] = std::this_thread::get_id();
    };
    bnn::PoolTimes times;
    if (call % 2 == 1) pool->time_into(&times);
    pool->parallel_for(count, threads, task, kHooks);
    pool->time_into(nullptr);
    const int took_part = std::min({threads, count, pool->threads()});
    check((times.calls > 0) == (call % 2 == 1 && took_part > 1), "calls of several are timed");
    check(times.late >= 0 && times.idle >= 0, "nobody waits for less than no time");
    check(times.late + times.idle <= took_part * times.calls + 1e-9, "nobody waits for longer");
    check(inside == 0, "each thread has ended");
    for (int i = 0; i < kMost; ++i) check(runs[i] == (i < count), "each task runs once");
    for (int i = 0; i < count; ++i) {
      const bool other = ran_on[i] != std::this_thread::get_id();
      check(!other || threads > 1, "one thread is the caller");
      *helped += other;
    }
    // Around the moment at which workers stop to spin, and long after it.
    if (call % 97 == 0) std::this_thread::sleep_for(std::chrono::microseconds(call / 97));
    if (call % 1000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void several_callers(bnn::ThreadPool* pool) {
  constexpr int64_t kCount = 16, kCalls = 2000;
  std::vector<std::thread> callers;
  for (int c = 0; c < 3; ++c) {
    callers.emplace_back([&] {
      std::vector<int64_t> sums(kCount);
      for (int64_t call = 0; call < kCalls; ++call) {
        pool->parallel_for(kCount, pool->threads(), [&](int64_t i) { sums[i] += i; });
      }
      for (int64_t i = 0; i < kCount; ++i) check(sums[i] == kCalls * i, "callers do not mix");
    });
  }
  for (std::thread& caller : callers) caller.join();
}

}  // namespace

int main() {
  int helped = 0;
  for (int threads : {1, 2, 3, 5}) {
    bnn::ThreadPool pool(threads);
    changing_calls(&pool, &helped);
    several_callers(&pool);
  }
  for (int i = 0; i < 300; ++i) {  // ends while its workers still start, spin or sleep
    bnn::ThreadPool pool(3);
    if (i % 2 == 1) pool.parallel_for(8, 3, [](int64_t) {});
  }
  check(helped > 0, "workers take part");
  std::printf("tasks run by workers: %d\n", helped);
  return wrong ? 1 : 0;
}
