#include "core_latency.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace bnn {
namespace {

#if defined(__linux__)
// Moves the calling thread to one CPU, back to all of its CPUs when it ends.
class Pin {
 public:
  explicit Pin(int nth) {
    CPU_ZERO(&all_);
    if (sched_getaffinity(0, sizeof(all_), &all_) != 0) return;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &all_) || nth-- != 0) continue;
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      pinned_ = sched_setaffinity(0, sizeof(one), &one) == 0;
    }
  }
  ~Pin() {
    if (pinned_) sched_setaffinity(0, sizeof(all_), &all_);
  }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  static int cpus() {
    cpu_set_t all;
    CPU_ZERO(&all);
    return sched_getaffinity(0, sizeof(all), &all) == 0 ? CPU_COUNT(&all) : 0;
  }

 private:
  cpu_set_t all_;
  bool pinned_ = false;
};
#else
struct Pin {
  explicit Pin(int) {}
  ~Pin() {}
  static int cpus() { return static_cast<int>(std::thread::hardware_concurrency()); }
};
#endif

}  // namespace

double core_latency_ns() {
  constexpr int kBatches = 20, kTrips = 50;
  if (Pin::cpus() < 2) return 0;
  alignas(64) std::atomic<int> ball{0};  // odd: the partner's turn
  // Started before this thread is pinned, or it would inherit the one CPU.
  std::thread partner([&ball] {
    const Pin pin(1);
    for (int turn = 1;; turn += 2) {
      int seen;
      while ((seen = ball.load()) != turn) {
        if (seen < 0) return;
      }
      ball.store(turn + 1);
    }
  });
  double best = std::numeric_limits<double>::infinity();
  {
    const Pin pin(0);
    int turn = 0;
    for (int batch = 0; batch < kBatches; ++batch) {
      const auto start = std::chrono::steady_clock::now();
      for (int trip = 0; trip < kTrips; ++trip, turn += 2) {
        ball.store(turn + 1);
        while (ball.load() != turn + 2) {
        }
      }
      const std::chrono::duration<double, std::nano> took =
          std::chrono::steady_clock::now() - start;
      best = std::min(best, took.count() / (2 * kTrips));
    }
    ball.store(-1);
  }
  partner.join();
  return best;
}

}  // namespace bnn
