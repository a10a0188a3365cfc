// A backend around another one that asks for what today's backends do not: spans of several rows,
// and a set-up of each thread. It runs each row on the inner backend, and checks what it is given.
#ifndef BNN_TESTS_SEVERAL_ROWS_H_
#define BNN_TESTS_SEVERAL_ROWS_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <set>
#include <thread>

#include "bnn/backend.h"

// One for each number of rows that its spans may have.
template <int32_t kMost>
class SeveralRows {
 public:
  static bnn_backend around(const bnn_backend& inner) {
    state().inner = &inner;
    bnn_backend table = inner;
    table.name = "several_rows";
    table.span_rows = kMost;
    table.thread_begin = begin;
    table.thread_end = end;
    table.bconv_f32 = run<&bnn_backend::bconv_f32, 4>;
    table.bconv_f32_fused = run<&bnn_backend::bconv_f32_fused, 4>;
    table.bconv_i8 = run<&bnn_backend::bconv_i8, 1>;
    table.bconv_bits = run<&bnn_backend::bconv_bits, 4>;
    table.dwconv_f32 = run<&bnn_backend::dwconv_f32, 4>;
    table.dwconv_i8 = run<&bnn_backend::dwconv_i8, 1>;
    table.dwconv_bits = run<&bnn_backend::dwconv_bits, 4>;
    return table;
  }

  // From now on a span waits until this many threads have run one, for a minute at most: whether a
  // worker wakes in time is otherwise chance.
  static void wait_for_threads(size_t count) { state().awaited = count; }

  // Prints what was seen. False if anything was wrong, or nothing was there to see.
  static bool report() {
    State& s = state();
    std::printf("spans of several rows: %lld of %lld, on %zu threads, with %lld set-ups\n",
                static_cast<long long>(s.tall), static_cast<long long>(s.spans), s.threads.size(),
                static_cast<long long>(s.begun));
    check(s.begun == s.ended, "each set-up ends");
    check(s.tall > 0, "some spans have several rows");
    check(s.threads.size() >= s.awaited, "the threads that were waited for came");
    return !s.wrong;
  }

 private:
  using Function = void (*bnn_backend::*)(const bnn_span*);

  struct State {
    const bnn_backend* inner = nullptr;
    std::atomic<long long> spans{0}, tall{0}, begun{0}, ended{0};
    std::atomic<bool> wrong{false};
    std::atomic<size_t> awaited{0};
    std::mutex mutex;
    std::set<std::thread::id> threads;

    size_t thread_count() {
      std::lock_guard<std::mutex> lock(mutex);
      return threads.size();
    }
  };
  static State& state() {
    static State all;
    return all;
  }
  static bool& ready() {
    static thread_local bool set_up = false;
    return set_up;
  }
  static void check(bool right, const char* what) {
    if (!right && !state().wrong.exchange(true)) std::printf("WRONG: %s\n", what);
  }

  static void begin() {
    check(!ready(), "set-ups do not nest");
    ready() = true;
    ++state().begun;
  }
  static void end() {
    check(ready(), "what ends has begun");
    ready() = false;
    ++state().ended;
  }

  template <Function kFunction, ptrdiff_t kElement>
  static void run(const bnn_span* span) {
    State& all = state();
    check(ready(), "a thread that runs spans is set up");
    check(span->rows >= 1 && span->rows <= kMost, "a span has as many rows as asked for");
    ++all.spans;
    all.tall += span->rows > 1;
    {
      std::lock_guard<std::mutex> lock(all.mutex);
      all.threads.insert(std::this_thread::get_id());
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (all.thread_count() < all.awaited && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    bnn_span s = *span;
    s.rows = 1;
    for (int32_t row = 0; row < span->rows; ++row) {
      (all.inner->*kFunction)(&s);
      s.input += s.input_row_step;
      s.output = static_cast<char*>(s.output) + s.output_row_step * kElement;
      if (s.shortcut != nullptr) s.shortcut += s.shortcut_row_step;
      if (s.signs != nullptr) s.signs += s.signs_row_step;
    }
  }
};

#endif  // BNN_TESTS_SEVERAL_ROWS_H_
