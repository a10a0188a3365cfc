// Checks every available backend against cases recorded from the NumPy oracle by
// record_vectors.py, bit for bit, floats included.
//
//   oracle_vectors vectors.bin
//
// Prints which backends were covered, because losing one silently is easy. The fastest is also run
// through one that asks for spans of several rows and for a set-up of each thread. Inputs and
// outputs lie in heap blocks of their exact size, so that AddressSanitizer sees an access past
// their end.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bnn/bconv2d.h"
#include "bnn/bmaxpool2d.h"
#include "bnn/btransposeconv2d.h"
#include "bnn/dispatch.h"
#include "bnn/ternary.h"
#include "emulated.h"
#include "several_rows.h"
#include "tile_choice.h"

namespace {

constexpr int32_t kMagic = 0x314E4E42;
const char* const kKinds[] = {"bitpack",   "unpack",    "bconv2d",  "bmaxpool2d",
                              "depthwise", "transpose", "residual", "ternary"};
const int kThreads[] = {1, 2, 4};

struct Array {
  std::unique_ptr<char[]> bytes;  // null: absent
  size_t size = 0;

  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(bytes.get());
  }
};

struct Case {
  int32_t kind;
  std::vector<int32_t> parameters;
  std::vector<Array> arrays;  // the last one is the expected result

  const Array& expected() const { return arrays.back(); }
};

class Reader {
 public:
  explicit Reader(const std::string& path) : file_(path, std::ios::binary) {
    if (!file_) throw std::runtime_error("cannot open " + path);
    if (integer() != kMagic) throw std::runtime_error(path + " is not a file of vectors");
    left_ = integer();
  }

  bool next(Case* c) {
    if (left_-- == 0) return false;
    c->kind = integer();
    c->parameters.resize(static_cast<size_t>(integer()));
    for (int32_t& parameter : c->parameters) parameter = integer();
    c->arrays.clear();
    c->arrays.resize(static_cast<size_t>(integer()));
    for (Array& array : c->arrays) {
      const int32_t size = integer();
      if (size < 0) continue;
      array.size = static_cast<size_t>(size);
      array.bytes.reset(new char[array.size]);
      read(array.bytes.get(), array.size);
      char fill[4];
      read(fill, (4 - array.size % 4) % 4);
    }
    if (c->arrays.empty() || c->arrays.back().bytes == nullptr) {
      throw std::runtime_error("a case has no expected result");
    }
    return true;
  }

 private:
  void read(char* bytes, size_t size) {
    if (!file_.read(bytes, static_cast<std::streamsize>(size))) {
      throw std::runtime_error("the file of vectors is truncated");
    }
  }
  int32_t integer() {
    int32_t value;
    read(reinterpret_cast<char*>(&value), sizeof(value));
    return value;
  }

  std::ifstream file_;
  int32_t left_;
};

// An output of the expected size, filled so that what is not written does not look right.
struct Result {
  explicit Result(const Array& expected) : bytes(new char[expected.size]), expected_(expected) {
    for (size_t i = 0; i < expected.size; ++i) bytes[i] = static_cast<char>(~expected_.bytes[i]);
  }
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(bytes.get());
  }
  bool right() const {
    return std::memcmp(bytes.get(), expected_.bytes.get(), expected_.size) == 0;
  }

  std::unique_ptr<char[]> bytes;
  const Array& expected_;
};

bool check_bitpack(const bnn_backend& backend, const Case& c) {
  const int32_t* p = c.parameters.data();
  Result result(c.expected());
  const Array& x = c.arrays[0];
  uint32_t* words = result.as<uint32_t>();
  switch (p[0]) {
    case 0: backend.bitpack_f32(x.as<float>(), p[2], p[3], words); break;
    case 1: backend.bitpack_i8(x.as<int8_t>(), p[1], p[2], p[3], words); break;
    default: backend.bitpack_bool(x.as<uint8_t>(), p[2], p[3], words); break;
  }
  return result.right();
}

bool check_unpack(const bnn_backend& backend, const Case& c) {
  const int32_t* p = c.parameters.data();
  Result result(c.expected());
  const auto* words = c.arrays[0].as<uint32_t>();
  if (p[0] == 0) {
    backend.unpack_f32(words, p[3], p[4], result.as<float>());
  } else {
    backend.unpack_i8(words, static_cast<int8_t>(p[1]), static_cast<int8_t>(p[2]), p[3], p[4],
                      result.as<int8_t>());
  }
  return result.right();
}

// The parameters that all convolutions have, and the constants after them in the arrays.
bnn::BConv2DParams conv_params(const Case& c) {
  const int32_t* p = c.parameters.data();
  bnn::BConv2DParams params;
  params.channels_in = p[3];
  params.channels_out = p[4];
  params.filter_height = p[5];
  params.filter_width = p[6];
  params.stride_height = p[7];
  params.stride_width = p[8];
  params.dilation_height = p[9];
  params.dilation_width = p[10];
  params.groups = p[11];
  params.padding = p[12] == 0 ? bnn::Padding::kSame : bnn::Padding::kValid;
  params.pad_values = p[13];
  params.activation = static_cast<bnn::Activation>(p[14]);
  params.output = static_cast<bnn::Output>(p[15]);
  params.output_zero_point = p[16];
  std::memcpy(&params.output_scale, c.arrays[0].as<char>(), sizeof(double));
  return params;
}

template <class Conv>
Conv make_conv(const bnn_backend& backend, const bnn::BConv2DParams& params, const Case& c) {
  return Conv(backend, params, c.arrays[2].as<uint32_t>(), c.arrays[3].as<float>(),
              c.arrays[4].as<float>(), c.arrays[5].as<int32_t>());
}

// Runs a convolution that has its size with several numbers of threads.
template <class Conv>
bool check_runs(Conv* conv, const bnn::BConv2DParams& params, const Case& c) {
  const int32_t batch = c.parameters[0];
  const int64_t element = params.output == bnn::Output::kInt8 ? 1 : 4;
  const int64_t size =
      batch * conv->out_height() * conv->out_width() * conv->out_channels() * element;
  if (size != static_cast<int64_t>(c.expected().size)) return false;
  static bnn::ThreadPool pool(4);
  for (int threads : kThreads) {
    Result result(c.expected());
    conv->run(c.arrays[1].as<uint32_t>(), batch, result.template as<char>(), &pool, threads);
    if (!result.right()) return false;
  }
  return true;
}

bool check_bconv2d(const bnn_backend& backend, const Case& c, bool depthwise) {
  bnn::BConv2DParams params = conv_params(c);
  params.depthwise = depthwise;
  auto conv = make_conv<bnn::BConv2D>(backend, params, c);
  conv.resize(c.parameters[1], c.parameters[2]);
  return check_runs(&conv, params, c);
}

bool check_transpose(const bnn_backend& backend, const Case& c) {
  const bnn::BConv2DParams params = conv_params(c);
  auto conv = make_conv<bnn::BTransposeConv2D>(backend, params, c);
  conv.resize(c.parameters[1], c.parameters[2], c.parameters[17], c.parameters[18]);
  return check_runs(&conv, params, c);
}

bool check_residual(const bnn_backend& backend, const Case& c) {
  const int32_t* p = c.parameters.data();
  bnn::BConv2DParams params = conv_params(c);
  params.epilogue = bnn::residual_epilogue(static_cast<bnn::Activation>(p[17]),
                                           static_cast<bnn::Activation>(p[18]));
  auto conv = make_conv<bnn::BConv2D>(backend, params, c);
  conv.resize(p[1], p[2]);
  Result sum(c.expected()), signs(c.arrays[7]);
  bnn::OutputView view;
  view.data = sum.as<char>();
  view.shortcut = c.arrays[6].as<float>();
  view.signs = signs.as<uint32_t>();
  conv.run(c.arrays[1].as<uint32_t>(), p[0], view, nullptr, 1);
  return sum.right() && signs.right();
}

bool check_bmaxpool2d(const bnn_backend& backend, const Case& c) {
  const int32_t* p = c.parameters.data();
  Result result(c.expected());
  bnn::bmaxpool2d(backend, c.arrays[0].as<uint32_t>(), p[0], p[1], p[2], p[3], p[4], p[5], p[6],
                  p[7], p[8] == 0 ? bnn::Padding::kSame : bnn::Padding::kValid,
                  result.as<uint32_t>());
  return result.right();
}

bool check_ternary(const bnn_backend& backend, const Case& c) {
  const int32_t* p = c.parameters.data();
  const Array& x = c.arrays[0];
  bnn::TernaryDense dense(backend, p[2], p[3], static_cast<bnn::TernaryForm>(p[4]),
                          c.arrays[1].as<uint8_t>(), *c.arrays[2].as<float>(),
                          c.arrays[3].as<float>());
  static bnn::ThreadPool pool(4);
  for (int threads : kThreads) {
    Result result(c.expected());
    if (p[0] == 1) {
      dense.run(x.as<int8_t>(), p[1], result.as<int32_t>(), &pool, threads);
    } else {
      dense.run(x.as<float>(), p[1], result.as<float>(), &pool, threads);
    }
    if (!result.right()) return false;
  }
  return true;
}

bool check(const bnn_backend& backend, const Case& c) {
  switch (c.kind) {
    case 0: return check_bitpack(backend, c);
    case 1: return check_unpack(backend, c);
    case 2: return check_bconv2d(backend, c, false);
    case 3: return check_bmaxpool2d(backend, c);
    case 4: return check_bconv2d(backend, c, true);
    case 5: return check_transpose(backend, c);
    case 6: return check_residual(backend, c);
    case 7: return check_ternary(backend, c);
    default: throw std::runtime_error("unknown kind of case");
  }
}

// A convolution large enough for a second thread.
void run_on_two_threads(const bnn_backend& backend) {
  bnn::BConv2DParams params;
  params.channels_in = params.channels_out = 128;
  params.filter_height = params.filter_width = 3;
  const std::vector<uint32_t> filters(128 * 9 * 4), x(16 * 16 * 4);
  std::vector<float> y(14 * 14 * 128);
  bnn::BConv2D conv(backend, params, filters.data(), nullptr, nullptr, nullptr);
  conv.resize(16, 16);
  bnn::ThreadPool pool(2);
  conv.run(x.data(), 1, y.data(), &pool, 2);
}

class Tally {
 public:
  explicit Tally(const std::string& path) : path_(path) {}

  // Takes turns if there are several.
  void check_all(const std::vector<const bnn_backend*>& backends) {
    Reader reader(path_);
    kinds_.clear();
    for (Case c; reader.next(&c); ++kinds_[kKinds[c.kind]]) {
      const bnn_backend& backend = *backends[static_cast<size_t>(cases()) % backends.size()];
      if (check(backend, c)) continue;
      ++mismatches_;
      std::printf("MISMATCH %s case %d: %s(", backend.name, cases(), kKinds[c.kind]);
      for (int32_t parameter : c.parameters) std::printf(" %d", parameter);
      std::printf(" )\n");
    }
  }

  int cases() const {
    int sum = 0;
    for (const auto& [kind, count] : kinds_) sum += count;
    return sum;
  }
  bool report() const {
    std::printf("cases: %d (", cases());
    for (const auto& [kind, count] : kinds_) std::printf(" %s %d", kind.c_str(), count);
    std::printf(" ), bconv2d and ternary with 1, 2 and 4 threads\nmismatches: %d\n", mismatches_);
    return cases() > 0 && mismatches_ == 0;
  }

 private:
  const std::string path_;
  std::map<std::string, int> kinds_;
  int mismatches_ = 0;
};

int run(const std::string& path) {
  Tally tally(path);
  const bnn_backend* fastest = nullptr;
  std::string names;
  for (const bnn::BackendInfo& backend : bnn::all_backends()) {
    if (backend.table == nullptr) continue;
    fastest = backend.table;
    tally.check_all({fastest});
    if (fastest->layer_takes_bytes != nullptr) {
      const bnn_backend always = wherever_possible(*fastest);
      tally.check_all({&always});
    }
    names += std::string(" ") + backend.name;
    if (fastest->name != std::string(backend.name)) {
      throw std::runtime_error("the table of " + names + " is called " + fastest->name);
    }
  }
  std::string emulated;
  for (const bnn_backend* backend : emulated_backends()) {
    tally.check_all({backend});
    run_on_two_threads(*backend);
    emulated += std::string(" ") + backend->name;
  }
  using Few = SeveralRows<3>;
  using All = SeveralRows<std::numeric_limits<int32_t>::max()>;
  bnn_backend few = Few::around(*fastest), all = All::around(*fastest);
  few.ternary = nullptr;  // as of a backend that leaves it to the scalar one
  tally.check_all({&few, &all});
  Few::wait_for_threads(2);
  run_on_two_threads(few);
  All::wait_for_threads(2);
  run_on_two_threads(all);
  std::printf("backends covered:%s\n", names.c_str());
  std::printf("emulated:%s\n", emulated.c_str());
  const bool rows = Few::report() && All::report();
  const bool choice = tile_choice::check_all();
  return tally.report() && rows && choice ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s vectors.bin\n", argv[0]);
    return 2;
  }
  try {
    return run(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
