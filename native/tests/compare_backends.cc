// Compares every backend that this CPU can run with the scalar one, on every entry of the table.
//
//   compare_backends [rounds] [seed]
//
// Leaf functions get random spans whose buffers lie directly before or directly after a page that
// cannot be accessed, so that reading or writing one byte past an end is a crash, reported with the
// case it happened in. Output buffers start as a canary pattern and are compared whole, so stray
// writes inside them show, too. Results must be equal bit for bit.
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "bnn/backend.h"
#include "bnn/dispatch.h"
#include "emulated.h"

namespace {

std::mt19937 generator;
char current_case[512] = "start-up";
int failures = 0;

int64_t random_int(int64_t low, int64_t high) {  // both included
  return std::uniform_int_distribution<int64_t>(low, high)(generator);
}

bool chance(int percent) { return random_int(1, 100) <= percent; }

template <class T>
T one_of(std::initializer_list<T> values) {
  return values.begin()[random_int(0, static_cast<int64_t>(values.size()) - 1)];
}

float random_float() {
  if (chance(5)) return one_of({0.0f, -0.0f, 1e-42f, -1e-42f, 3e38f, -3e38f});
  return std::normal_distribution<float>(0.0f, 2.0f)(generator);
}

void on_crash(int) {
  const char text[] = "CRASH (access outside a buffer?) in ";
  ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
  ignored = write(STDERR_FILENO, current_case, strlen(current_case));
  ignored = write(STDERR_FILENO, "\n", 1);
  (void)ignored;
  _exit(2);
}

// Memory between two inaccessible pages. place() puts a buffer at one of its ends.
class Guarded {
 public:
  Guarded() : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {}
  ~Guarded() { release(); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  template <class T>
  T* place(size_t count, bool at_end) {
    const size_t bytes = count * sizeof(T);
    if (memory_ == nullptr || bytes > size_) grow(std::max<size_t>(bytes, 1));
    memset(memory_, 0xa5, size_);
    // Empty buffers get an address that must not be touched at all.
    return reinterpret_cast<T*>(at_end || bytes == 0 ? memory_ + size_ - bytes : memory_);
  }
  template <class T>
  T* place(const std::vector<T>& values, bool at_end) {
    T* target = place<T>(values.size(), at_end);
    if (!values.empty()) memcpy(target, values.data(), values.size() * sizeof(T));
    return target;
  }
  // All of it, to compare outputs and whatever lies around them.
  std::string contents() const { return std::string(memory_, size_); }

 private:
  void grow(size_t bytes) {
    release();
    size_ = (bytes + page_ - 1) / page_ * page_;
    void* all = mmap(nullptr, size_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) {
      perror("mmap");
      exit(3);
    }
    memory_ = static_cast<char*>(all) + page_;
    if (mprotect(memory_, size_, PROT_READ | PROT_WRITE) != 0) {
      perror("mprotect");
      exit(3);
    }
  }
  void release() {
    if (memory_ != nullptr) munmap(memory_ - page_, size_ + 2 * page_);
    memory_ = nullptr;
  }
  const size_t page_;
  char* memory_ = nullptr;
  size_t size_ = 0;
};

template <class... Values>
void set_case(const char* format, Values... values) {
  snprintf(current_case, sizeof(current_case), format, values...);
}

void check(bool equal) {
  if (equal) return;
  fprintf(stderr, "MISMATCH in %s\n", current_case);
  ++failures;
}

// --- convolution
// ----------------------------------------------------------------------------------

// Data of a span, before it is placed in guarded memory.
struct SpanCase {
  bnn_span shape{};  // sizes and steps only
  std::vector<uint32_t> input, filter;
  std::vector<ptrdiff_t> runs;
  ptrdiff_t row_words = 0;
  std::vector<int32_t> offset, threshold;
  std::vector<float> factor, shift, shortcut, step_values;
  bool signs = false;
  bool in_place = false;  // the output overwrites the shortcut
};

// From the first element of a span to just after its last one.
int64_t extent(const bnn_span& s, ptrdiff_t row_step, ptrdiff_t step, ptrdiff_t last) {
  return (s.rows - 1) * row_step + (s.pixels - 1) * step + last;
}

// kinds: 0 random, 1 all bits differ, 2 none differs.
void fill_words(std::vector<uint32_t>& words, int kind, uint32_t value) {
  for (auto& word : words) word = kind == 0 ? static_cast<uint32_t>(generator()) : value;
}

// deepest: the longest run where accumulators are to overflow.
SpanCase random_span(bool depthwise, bool deep, int64_t deepest) {
  SpanCase c;
  bnn_span& s = c.shape;
  // What has code of its own, if the block is whole: halves, and a residual block or no step.
  const bool common = chance(30);
  s.pixels = static_cast<int32_t>(chance(20) ? 1 : random_int(1, deep ? 4 : 34));
  s.channels = static_cast<int32_t>(chance(40) ? BNN_BLOCK : random_int(1, BNN_BLOCK));
  if (common && chance(80)) s.channels = one_of({BNN_BLOCK / 2, BNN_BLOCK, BNN_BLOCK});
  if (depthwise) {
    s.run_words = 1;
    s.run_count = static_cast<int32_t>(deep ? random_int(250, 1100) : random_int(1, 30));
  } else if (deep) {  // accumulators of 8 and 16 bits overflow, if they are not widened in time
    s.run_words = static_cast<int32_t>(std::min<int64_t>(one_of({300, 1024, 2100, 4097}), deepest));
    s.run_count = static_cast<int32_t>(random_int(1, 3));
  } else {
    s.run_words = chance(60) ? static_cast<int32_t>(random_int(1, 13))
                             : one_of({16, 17, 24, 31, 32, 33, 48, 63, 64, 95, 96, 97, 130, 192});
    s.run_count = static_cast<int32_t>(random_int(1, 7));
  }
  s.input_step = static_cast<ptrdiff_t>(chance(50) ? random_int(1, s.run_words)
                                                   : s.run_words + random_int(0, 5));
  // Rows, for the backends that take several. Windows may go on over the end of a row, or not.
  s.rows = static_cast<int32_t>(chance(50) ? 1 : random_int(1, 6));
  s.input_row_step = chance(60)
                         ? s.input_step * (s.pixels + static_cast<ptrdiff_t>(random_int(0, 5)))
                         : static_cast<ptrdiff_t>(random_int(0, 40 * s.run_words));
  const int64_t span_words =
      (s.rows - 1) * s.input_row_step + (s.pixels - 1) * s.input_step + s.run_words;
  int64_t end = 0;
  for (int32_t r = 0; r < s.run_count; ++r) {
    const int64_t run = r == 0 ? 0 : random_int(0, 3 * s.run_words + 5) + r;
    c.runs.push_back(static_cast<ptrdiff_t>(run));
    end = std::max(end, run + span_words);
  }
  const int32_t depth = s.run_count * s.run_words;
  c.row_words = depth + static_cast<ptrdiff_t>(random_int(0, 3));
  c.input.resize(static_cast<size_t>(end));
  c.filter.resize(
      static_cast<size_t>(depthwise ? s.run_count : (s.channels - 1) * c.row_words + depth));
  const int kind = deep ? one_of({0, 1, 1, 2}) : chance(10);
  const uint32_t word = chance(50) ? 0u : ~0u;
  fill_words(c.input, kind, word);
  fill_words(c.filter, kind, kind == 1 ? ~word : word);

  const int32_t bits = depthwise ? s.run_count : depth * BNN_WORD_BITS;
  s.clamp_min = chance(50) ? 0 : static_cast<int32_t>(random_int(0, bits));
  s.clamp_max = chance(50) ? 2 * bits : static_cast<int32_t>(random_int(s.clamp_min, 2 * bits));
  const bool corrected = !common && chance(50);
  if (common || (!corrected && chance(70))) {
    s.halves = 1;
    s.plain = chance(50);
    s.clamp_min = s.plain ? 0 : s.clamp_min / 2 * 2;
    s.clamp_max = s.plain ? 2 * bits : s.clamp_max / 2 * 2;
  }
  const bool halves = chance(40);  // int8 results that lie between two integers
  const bool zeros = common && chance(10);
  for (int i = 0; i < BNN_BLOCK; ++i) {
    c.offset.push_back(corrected ? static_cast<int32_t>(random_int(-bits, bits)) : 0);
    c.threshold.push_back(chance(5) ? one_of({std::numeric_limits<int32_t>::min(),
                                              std::numeric_limits<int32_t>::max()})
                                    : static_cast<int32_t>(random_int(-2, 2 * bits + 2)));
    const float factor = halves ? one_of({-0.25f, 0.25f, 0.5f, -0.5f}) : random_float() / bits;
    const float shift = static_cast<float>(random_int(-2 * bits, 2 * bits)) / 4;
    c.factor.push_back(zeros ? -0.0f : factor);
    c.shift.push_back(halves ? shift : random_float() * (chance(20) ? 50.0f : 1.0f));
    if (zeros) c.shift.back() = one_of({0.0f, -0.0f});
  }
  const float infinity = std::numeric_limits<float>::infinity();
  const bool shortcut = chance(60);
  // Often few steps, nearly what has code of its own.
  s.step_count = static_cast<int32_t>(random_int(0, shortcut && chance(50) ? 2 : BNN_MAX_STEPS));
  if (common) s.step_count = shortcut ? one_of({1, 2}) : 0;
  if (shortcut && s.step_count == 0) s.step_count = 1;
  const int64_t shortcut_at = !shortcut ? -1 : common ? 0 : random_int(0, s.step_count - 1);
  for (int32_t i = 0; i < s.step_count; ++i) {
    s.steps[i].kind =
        i == shortcut_at
            ? static_cast<int32_t>(BNN_STEP_SHORTCUT)
            : one_of<int32_t>({BNN_STEP_MULTIPLY, BNN_STEP_ADD, BNN_STEP_CLAMP, BNN_STEP_PRELU});
    if (common && i == 1) s.steps[i].kind = BNN_STEP_CLAMP;
    s.steps[i].min = one_of({-infinity, 0.0f, -1.0f});
    s.steps[i].max = one_of({infinity, 6.0f, 1.0f});
    for (int j = 0; j < BNN_BLOCK; ++j) c.step_values.push_back(random_float());
  }
  s.output_step = static_cast<ptrdiff_t>(s.channels + random_int(0, 40));
  s.shortcut_step =
      chance(30) ? s.output_step : static_cast<ptrdiff_t>(s.channels + random_int(0, 40));
  s.signs_step = static_cast<ptrdiff_t>(random_int(1, 4));
  s.output_row_step = s.pixels * s.output_step + static_cast<ptrdiff_t>(random_int(0, 9));
  s.shortcut_row_step = chance(30)
                            ? s.output_row_step
                            : s.pixels * s.shortcut_step + static_cast<ptrdiff_t>(random_int(0, 9));
  s.signs_row_step = s.pixels * s.signs_step + static_cast<ptrdiff_t>(random_int(0, 9));
  if (shortcut) {
    c.shortcut.resize(
        static_cast<size_t>(extent(s, s.shortcut_row_step, s.shortcut_step, s.channels)));
    for (auto& v : c.shortcut) {
      v = zeros ? one_of({0.0f, -0.0f}) : random_float();
      if (common && chance(1)) v = std::numeric_limits<float>::quiet_NaN();
    }
  }
  c.signs = chance(60);
  c.in_place =
      shortcut && s.shortcut_step == s.output_step && s.shortcut_row_step == s.output_row_step;
  return c;
}

struct SpanBuffers {
  Guarded input, bytes, runs, filter, weights, offset, threshold, factor, shift, shortcut,
      step_values, output, signs;
};

using SpanFunction = void (*bnn_backend::*)(const bnn_span*);

struct SpanEntry {
  const char* name;
  SpanFunction function;
  size_t element;  // bytes of an output element
  bool bits, fused, depthwise;
};

const SpanEntry kSpanEntries[] = {
    {"bconv_f32", &bnn_backend::bconv_f32, 4, false, false, false},
    {"bconv_f32_fused", &bnn_backend::bconv_f32_fused, 4, false, true, false},
    {"bconv_i8", &bnn_backend::bconv_i8, 1, false, false, false},
    {"bconv_bits", &bnn_backend::bconv_bits, 4, true, false, false},
    {"dwconv_f32", &bnn_backend::dwconv_f32, 4, false, false, true},
    {"dwconv_i8", &bnn_backend::dwconv_i8, 1, false, false, true},
    {"dwconv_bits", &bnn_backend::dwconv_bits, 4, true, false, true},
};

// In as few calls as the backend takes.
void call_span(const bnn_backend& backend, const SpanEntry& entry, bnn_span s) {
  const int32_t at_once = std::max(backend.span_rows, 1);
  if (backend.thread_begin != nullptr) backend.thread_begin();
  for (int32_t left = s.rows; left > 0; left -= s.rows) {
    s.rows = std::min(left, at_once);
    (backend.*entry.function)(&s);
    s.input += s.rows * s.input_row_step;
    if (s.bytes != nullptr) s.bytes += s.rows * s.input_row_step * BNN_WORD_BITS;
    const auto element = static_cast<ptrdiff_t>(entry.element);
    s.output = static_cast<char*>(s.output) + s.rows * s.output_row_step * element;
    if (s.shortcut != nullptr) s.shortcut += s.rows * s.shortcut_row_step;
    if (s.signs != nullptr) s.signs += s.rows * s.signs_row_step;
  }
  if (backend.thread_end != nullptr) backend.thread_end();
}

std::string run_span(const bnn_backend& backend, const SpanEntry& entry, const SpanCase& c,
                     SpanBuffers& memory, bool at_end) {
  set_case(
      "%s %s: %d rows of %d pixels, step %td, %d runs of %d words, %d channels, buffers at the %s",
      backend.name, entry.name, c.shape.rows, c.shape.pixels, c.shape.input_step, c.shape.run_count,
      c.shape.run_words, c.shape.channels, at_end ? "end" : "start");
  bnn_span s = c.shape;
  s.input = memory.input.place(c.input, at_end);
  s.runs = memory.runs.place(c.runs, at_end);
  const uint32_t* filter = memory.filter.place(c.filter, at_end);
  if (entry.depthwise) {
    s.weights = filter;
  } else {
    uint32_t* packed =
        memory.weights.place<uint32_t>(backend.packed_words(s.run_count, s.run_words), at_end);
    backend.pack_weights(filter, c.row_words, s.channels, s.run_count, s.run_words, packed);
    s.weights = packed;
  }
  s.offset = memory.offset.place(c.offset, at_end);
  s.threshold = memory.threshold.place(c.threshold, at_end);
  s.factor = memory.factor.place(c.factor, at_end);
  s.shift = memory.shift.place(c.shift, at_end);
  const ptrdiff_t used = entry.bits ? 1 : s.channels;
  const auto elements = static_cast<size_t>(extent(s, s.output_row_step, s.output_step, used));
  s.output = memory.output.place<char>(elements * entry.element, at_end);
  s.shortcut = c.shortcut.empty() ? nullptr : memory.shortcut.place(c.shortcut, at_end);
  if (entry.fused && c.in_place) {
    memcpy(s.output, c.shortcut.data(), elements * entry.element);
    s.shortcut = static_cast<const float*>(s.output);
  }
  const float* step_values = memory.step_values.place(c.step_values, at_end);
  for (int32_t i = 0; i < s.step_count; ++i) s.steps[i].values = step_values + i * BNN_BLOCK;
  const auto sign_words = static_cast<size_t>(extent(s, s.signs_row_step, s.signs_step, 1));
  uint32_t* signs = memory.signs.place<uint32_t>(sign_words, at_end);
  s.signs = c.signs ? signs : nullptr;
  if (backend.expand != nullptr && !entry.depthwise) {
    const size_t behind = static_cast<size_t>(15 * s.input_step + 1);
    auto* bytes = memory.bytes.place<uint8_t>((c.input.size() + behind) * BNN_WORD_BITS, at_end);
    backend.expand(s.input, static_cast<int64_t>(c.input.size()), bytes);
    s.bytes = bytes;
  }
  call_span(backend, entry, s);
  return memory.output.contents() + memory.signs.contents();
}

void compare_spans(const bnn_backend& scalar, const std::vector<const bnn_backend*>& others,
                   int rounds, int64_t deepest) {
  SpanBuffers memory;
  for (int round = 0; round < rounds; ++round) {
    for (const SpanEntry& entry : kSpanEntries) {
      const SpanCase c = random_span(entry.depthwise, round % 50 == 49, deepest);
      for (const bool at_end : {false, true}) {
        const std::string want = run_span(scalar, entry, c, memory, at_end);
        for (const bnn_backend* backend : others) {
          check(run_span(*backend, entry, c, memory, at_end) == want);
        }
      }
    }
  }
}

// --- bits
// -----------------------------------------------------------------------------------------

// Runs call(backend, output) for each backend, on the same guarded output.
template <class Out, class Call>
void compare_outputs(const char* name, const std::vector<const bnn_backend*>& backends,
                     int64_t rows, int64_t columns, size_t outputs, bool at_end, Call call) {
  static Guarded output;
  std::string want;
  for (const bnn_backend* backend : backends) {
    set_case("%s %s: %lld rows, %lld columns, buffers at the %s", backend->name, name,
             static_cast<long long>(rows), static_cast<long long>(columns),
             at_end ? "end" : "start");
    call(*backend, output.place<Out>(outputs, at_end));
    const std::string got = output.contents();
    if (backend == backends.front()) want = got;
    check(got == want);
  }
}

void compare_bits(const std::vector<const bnn_backend*>& backends, int rounds) {
  Guarded floats, bytes, bools, packed, image;
  for (int round = 0; round < rounds; ++round) {
    const bool at_end = chance(50);
    const int64_t rows = random_int(0, 9);
    const int64_t channels = chance(30) ? 32 * random_int(0, 9) : random_int(0, 300);
    const int64_t row_words = (channels + BNN_WORD_BITS - 1) / BNN_WORD_BITS;
    const auto values = static_cast<size_t>(rows * channels);
    const auto words = static_cast<size_t>(rows * row_words);

    std::vector<float> f(values);
    for (auto& v : f) v = random_float();
    if (values > 0 && chance(20)) f[0] = std::numeric_limits<float>::quiet_NaN();
    const float* x = floats.place(f, at_end);
    compare_outputs<uint32_t>("bitpack_f32", backends, rows, channels, words, at_end,
                              [&](const bnn_backend& backend, uint32_t* out) {
                                backend.bitpack_f32(x, rows, channels, out);
                              });

    std::vector<int8_t> q(values);
    for (auto& v : q) v = static_cast<int8_t>(random_int(-128, 127));
    const int8_t* x8 = bytes.place(q, at_end);
    const auto zero_point =
        static_cast<int32_t>(one_of<int64_t>({0, -128, 127, random_int(-9, 9)}));
    compare_outputs<uint32_t>("bitpack_i8", backends, rows, channels, words, at_end,
                              [&](const bnn_backend& backend, uint32_t* out) {
                                backend.bitpack_i8(x8, zero_point, rows, channels, out);
                              });

    std::vector<uint8_t> b(values);
    for (auto& v : b) v = one_of<uint8_t>({0, 1});
    const uint8_t* xb = bools.place(b, at_end);
    compare_outputs<uint32_t>("bitpack_bool", backends, rows, channels, words, at_end,
                              [&](const bnn_backend& backend, uint32_t* out) {
                                backend.bitpack_bool(xb, rows, channels, out);
                              });

    std::vector<uint32_t> w(words);
    fill_words(w, 0, 0);
    const uint32_t* source = packed.place(w, at_end);
    compare_outputs<float>("unpack_f32", backends, rows, channels, values, at_end,
                           [&](const bnn_backend& backend, float* out) {
                             backend.unpack_f32(source, rows, channels, out);
                           });
    const auto bit0 = static_cast<int8_t>(random_int(-128, 127));
    const auto bit1 = static_cast<int8_t>(random_int(-128, 127));
    compare_outputs<int8_t>("unpack_i8", backends, rows, channels, values, at_end,
                            [&](const bnn_backend& backend, int8_t* out) {
                              backend.unpack_i8(source, bit0, bit1, rows, channels, out);
                            });

    const auto height = static_cast<int32_t>(random_int(0, 4));
    const auto width = static_cast<int32_t>(random_int(0, 4));
    const int64_t depth = random_int(1, 40);
    const auto stride = static_cast<ptrdiff_t>(width * depth + random_int(0, 20));
    const bool empty = height == 0 || width == 0;
    std::vector<uint32_t> window(
        empty ? 0 : static_cast<size_t>((height - 1) * stride + width * depth));
    for (auto& word : window) word = static_cast<uint32_t>(generator() | generator());
    const uint32_t* corner = image.place(window, at_end);
    compare_outputs<uint32_t>("bmaxpool", backends, int64_t{height} * width, depth,
                              static_cast<size_t>(depth), at_end,
                              [&](const bnn_backend& backend, uint32_t* out) {
                                backend.bmaxpool(corner, stride, height, width, depth, out);
                              });
  }
}

// --- ternary
// ----------------------------------------------------------------------------------

// Four codes of 2 bits, or five to the base 3 as a fraction of 256.
uint8_t random_codes(bool base3, bool largest) {
  int value = 0;
  for (int j = 0; j < (base3 ? 5 : 4); ++j) {
    value = value * (base3 ? 3 : 4) + (largest ? 2 : static_cast<int>(random_int(0, 2)));
  }
  return static_cast<uint8_t>(base3 ? (value * 256 + 242) / 243 : value);
}

void compare_ternary(std::vector<const bnn_backend*> backends, int rounds, bool base3) {
  const auto kernel = [=](const bnn_backend* b) { return base3 ? b->ternary_base3 : b->ternary; };
  const auto last = std::remove_if(backends.begin(), backends.end(),
                                   [=](const bnn_backend* b) { return kernel(b) == nullptr; });
  backends.erase(last, backends.end());
  Guarded input, weights, sums;
  for (int round = 0; round < rounds; ++round) {
    bnn_ternary_span s{};
    const bool deep = round % 50 == 49;  // sums of 16 bits overflow, if they are not widened
    s.groups = static_cast<int32_t>(deep ? random_int(100, 2000) : random_int(1, 40));
    s.samples = static_cast<int32_t>(chance(40) ? 1 : random_int(1, deep ? 4 : 33));
    s.channels = static_cast<int32_t>(chance(40) ? BNN_BLOCK : random_int(1, BNN_BLOCK));
    const int32_t depth = s.groups * (base3 ? BNN_BASE3_DEPTH : BNN_TERNARY_DEPTH);
    s.input_step = static_cast<ptrdiff_t>(depth + random_int(0, 20));
    s.output_step = static_cast<ptrdiff_t>(s.channels + random_int(0, 40));
    std::vector<int8_t> x(static_cast<size_t>((s.samples - 1) * s.input_step + depth));
    const int extreme = deep ? one_of({-128, 127}) : 0;
    for (auto& v : x) v = static_cast<int8_t>(deep ? extreme : random_int(-128, 127));
    std::vector<uint8_t> w(static_cast<size_t>(s.groups) * BNN_TERNARY_BYTES);
    for (auto& byte : w) byte = random_codes(base3, deep);
    std::vector<int32_t> totals(static_cast<size_t>(s.samples));
    for (auto& v : totals) v = static_cast<int32_t>(random_int(-100000, 100000));
    const bool at_end = chance(50);
    s.input = input.place(x, at_end);
    s.weights = weights.place(w, at_end);
    s.sums = sums.place(totals, at_end);
    const auto outputs = static_cast<size_t>((s.samples - 1) * s.output_step + s.channels);
    compare_outputs<int32_t>(base3 ? "base3" : "ternary", backends, s.samples, s.groups, outputs,
                             at_end, [&](const bnn_backend& backend, int32_t* out) {
                               s.output = out;
                               kernel (&backend)(&s);
                             });
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 1000;
  generator.seed(argc > 2 ? static_cast<unsigned>(atoi(argv[2])) : 1u);
  if (rounds < 1) {
    fprintf(stderr, "usage: %s [rounds >= 1] [seed]\n", argv[0]);
    return 3;
  }
  signal(SIGSEGV, on_crash);
  signal(SIGBUS, on_crash);

  std::string names;
  std::vector<const bnn_backend*> all{&bnn::select_backend("scalar")}, others;
  for (const std::string& name : bnn::available_backends()) {
    if (name == "scalar") continue;
    all.push_back(&bnn::select_backend(name));
    others.push_back(all.back());
    names += " " + name;
  }
  // With the scalar backend alone its accesses are still checked.
  printf("compared with scalar:%s; %d rounds\n", names.empty() ? " none" : names.c_str(), rounds);
  fflush(stdout);
  compare_spans(*all.front(), others, rounds, 4097);
  // Tiles in plain C++ take their time.
  const std::vector<const bnn_backend*> emulated = emulated_backends();
  compare_spans(*all.front(), emulated, (rounds + 9) / 10, 300);
  printf("emulated:");
  for (const bnn_backend* backend : emulated) printf(" %s", backend->name);
  printf("\n");
  compare_bits(all, rounds);
  for (bool base3 : {false, true}) compare_ternary(all, rounds, base3);
  if (failures > 0) fprintf(stderr, "%d mismatches\n", failures);
  return failures > 0 ? 1 : 0;
}
