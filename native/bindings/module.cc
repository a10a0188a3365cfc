// The kernels for NumPy. Shapes and dtypes are validated in bnn_lab/kernels/; what is checked
// here again is what memory safety rests on.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bnn/aligned_buffer.h"
#include "bnn/bconv2d.h"
#include "bnn/bmaxpool2d.h"
#include "bnn/btransposeconv2d.h"
#include "bnn/dispatch.h"
#include "bnn/ternary.h"
#include "core_latency.h"
#include "cpu_identity.h"
#include "read_memory.h"

namespace nb = nanobind;

namespace {

using bnn::Output;
using bnn::Padding;

template <class T, int kRank>
using Array = nb::ndarray<const T, nb::ndim<kRank>, nb::c_contig, nb::device::cpu>;

const uint32_t* words(const int32_t* p) { return reinterpret_cast<const uint32_t*>(p); }
uint32_t* words(int32_t* p) { return reinterpret_cast<uint32_t*>(p); }

// One pool per thread count, never destroyed: a worker must not be joined from a forked child.
bnn::ThreadPool* pool_of(int threads) {
  static std::mutex mutex;
  static auto* pools = new std::map<int, std::unique_ptr<bnn::ThreadPool>>();
  if (threads < 2) return nullptr;
  std::lock_guard<std::mutex> lock(mutex);
  auto& pool = (*pools)[threads];
  if (pool == nullptr) pool = std::make_unique<bnn::ThreadPool>(threads);
  return pool.get();
}

// A new array, owned by NumPy.
template <class T>
nb::ndarray<nb::numpy, T> new_array(const std::vector<size_t>& shape) {
  size_t size = 1;
  for (size_t d : shape) size *= d;
  std::unique_ptr<T[]> data(new T[std::max<size_t>(size, 1)]);  // the kernel fills it
  nb::capsule owner(data.get(), [](void* p) noexcept { delete[] static_cast<T*>(p); });
  return nb::ndarray<nb::numpy, T>(data.release(), shape.size(), shape.data(), owner);
}

size_t words_for(size_t channels) { return static_cast<size_t>(bnn::words_for(channels)); }

nb::ndarray<nb::numpy, int32_t> bitpack(
    nb::ndarray<nb::c_contig, nb::device::cpu, nb::ro, nb::ndim<2>> x, int zero_point,
    const std::string& backend) {
  const bnn_backend& table = bnn::select_backend(backend);
  const auto rows = static_cast<int64_t>(x.shape(0)), channels = static_cast<int64_t>(x.shape(1));
  auto out = new_array<int32_t>({x.shape(0), words_for(x.shape(1))});
  uint32_t* target = words(out.data());
  const void* data = x.data();
  const nb::dlpack::dtype dtype = x.dtype();
  nb::gil_scoped_release release;
  if (dtype == nb::dtype<float>()) {
    table.bitpack_f32(static_cast<const float*>(data), rows, channels, target);
  } else if (dtype == nb::dtype<int8_t>()) {
    table.bitpack_i8(static_cast<const int8_t*>(data), zero_point, rows, channels, target);
  } else if (dtype == nb::dtype<bool>()) {
    table.bitpack_bool(static_cast<const uint8_t*>(data), rows, channels, target);
  } else {
    throw std::invalid_argument("x must be float32, int8 or bool");
  }
  return out;
}

void check_words(size_t have, int64_t channels) {
  if (channels < 0 || words_for(static_cast<size_t>(channels)) != have) {
    throw std::invalid_argument("the words' last dimension does not fit the number of channels");
  }
}

nb::ndarray<nb::numpy, float> unpack_f32(Array<int32_t, 2> x, int64_t channels,
                                         const std::string& backend) {
  const bnn_backend& table = bnn::select_backend(backend);
  check_words(x.shape(1), channels);
  auto out = new_array<float>({x.shape(0), static_cast<size_t>(channels)});
  nb::gil_scoped_release release;
  table.unpack_f32(words(x.data()), static_cast<int64_t>(x.shape(0)), channels, out.data());
  return out;
}

nb::ndarray<nb::numpy, int8_t> unpack_i8(Array<int32_t, 2> x, int64_t channels, int bit0, int bit1,
                                         const std::string& backend) {
  const bnn_backend& table = bnn::select_backend(backend);
  check_words(x.shape(1), channels);
  auto out = new_array<int8_t>({x.shape(0), static_cast<size_t>(channels)});
  nb::gil_scoped_release release;
  table.unpack_i8(words(x.data()), static_cast<int8_t>(bit0), static_cast<int8_t>(bit1),
                  static_cast<int64_t>(x.shape(0)), channels, out.data());
  return out;
}

Padding padding_of(const std::string& name) {
  if (name == "same") return Padding::kSame;
  if (name == "valid") return Padding::kValid;
  throw std::invalid_argument("padding must be 'same' or 'valid'");
}

nb::ndarray<nb::numpy, int32_t> bmaxpool2d(Array<int32_t, 4> x, int64_t pool_height,
                                           int64_t pool_width, int64_t stride_height,
                                           int64_t stride_width, const std::string& padding,
                                           const std::string& backend) {
  const bnn_backend& table = bnn::select_backend(backend);
  const Padding pad = padding_of(padding);
  constexpr int64_t kMax = int64_t{1} << 30;
  for (int64_t v : {pool_height, pool_width, stride_height, stride_width}) {
    if (v < 1 || v > kMax) throw std::invalid_argument("pool and stride must be at least 1");
  }
  const auto n = static_cast<int64_t>(x.shape(0)), h = static_cast<int64_t>(x.shape(1));
  const auto w = static_cast<int64_t>(x.shape(2)), c = static_cast<int64_t>(x.shape(3));
  const bnn::Windows ys = bnn::window_axis(h, pool_height, stride_height, 1, pad);
  const bnn::Windows xs = bnn::window_axis(w, pool_width, stride_width, 1, pad);
  auto out = new_array<int32_t>(
      {x.shape(0), static_cast<size_t>(ys.out), static_cast<size_t>(xs.out), x.shape(3)});
  nb::gil_scoped_release release;
  bnn::bmaxpool2d(table, words(x.data()), n, h, w, c, pool_height, pool_width, stride_height,
                  stride_width, pad, words(out.data()));
  return out;
}

bnn::Activation activation_of(const std::string& name) {
  std::string names;
  for (int i = 0; i < bnn::kActivationCount; ++i) {
    if (name == bnn::kActivations[i].name) return static_cast<bnn::Activation>(i);
    names += std::string(i == 0 ? "" : ", ") + bnn::kActivations[i].name;
  }
  throw std::invalid_argument("activation must be one of " + names);
}

Output output_of(const std::string& name) {
  if (name == "float32") return Output::kFloat32;
  if (name == "int8") return Output::kInt8;
  if (name == "bits") return Output::kBits;
  throw std::invalid_argument("output must be float32, int8 or bits");
}

// What the three kinds of convolution share: parameters from Python, arrays out, one run at a time.
struct Options {
  int32_t channels_in, stride_height, stride_width, dilation_height, dilation_width;
  std::string padding;
  int32_t pad_values, groups, depth_multiplier;  // depth_multiplier 0: not depthwise
  std::string activation;
  std::optional<Array<float, 1>> multiplier, bias;
  std::optional<Array<int32_t, 1>> threshold;
  std::string output;
  double output_scale;
  int32_t output_zero_point;
  std::string output_activation, sum_activation;

  const float* multiplier_data() const { return multiplier ? multiplier->data() : nullptr; }
  const float* bias_data() const { return bias ? bias->data() : nullptr; }
  const int32_t* threshold_data() const { return threshold ? threshold->data() : nullptr; }
};

// filters: OHWI words, or HW + words (rank 4 with a leading 1) if depthwise.
bnn::BConv2DParams make_params(const Options& o, const Array<int32_t, 4>& filters) {
  constexpr size_t kMax = size_t{1} << 28;
  for (size_t i = 0; i < 4; ++i) {
    if (filters.shape(i) > kMax) throw std::invalid_argument("filters are too large");
  }
  if (o.channels_in < 1 || o.groups < 1) {
    throw std::invalid_argument("channels_in and groups must be at least 1");
  }
  bnn::BConv2DParams p;
  p.channels_in = o.channels_in;
  p.depthwise = o.depth_multiplier > 0;
  if (p.depthwise) {
    const int64_t out = int64_t{o.channels_in} * o.depth_multiplier;
    if (out > static_cast<int64_t>(kMax)) throw std::invalid_argument("too many channels");
    p.channels_out = static_cast<int32_t>(out);
  } else {
    p.channels_out = static_cast<int32_t>(filters.shape(0));
  }
  p.filter_height = static_cast<int32_t>(filters.shape(1));
  p.filter_width = static_cast<int32_t>(filters.shape(2));
  p.stride_height = o.stride_height;
  p.stride_width = o.stride_width;
  p.dilation_height = o.dilation_height;
  p.dilation_width = o.dilation_width;
  p.groups = o.groups;
  p.padding = padding_of(o.padding);
  p.pad_values = o.pad_values;
  p.activation = activation_of(o.activation);
  p.output = output_of(o.output);
  p.output_scale = o.output_scale;
  p.output_zero_point = o.output_zero_point;
  const bnn::Activation before = activation_of(o.output_activation);
  const bnn::Activation after = activation_of(o.sum_activation);
  if (p.output == Output::kFloat32 && !p.depthwise) {
    p.epilogue = bnn::residual_epilogue(before, after);
  } else if (before != bnn::Activation::kNone || after != bnn::Activation::kNone) {
    throw std::invalid_argument("output_activation and sum_activation are for float output");
  }
  check_words(filters.shape(3), p.depthwise ? p.channels_out : o.channels_in / o.groups);
  const auto fits = [&](const auto& array) {
    return !array || array->shape(0) == static_cast<size_t>(p.channels_out);
  };
  if (!fits(o.multiplier) || !fits(o.bias) || !fits(o.threshold)) {
    throw std::invalid_argument("multiplier, bias and threshold must have one value a channel");
  }
  return p;
}

void check_input(const Array<int32_t, 4>& x, const bnn::BConv2DParams& params, int threads) {
  check_words(x.shape(3), params.channels_in);
  if (threads < 1 || threads > 256) throw std::invalid_argument("num_threads must lie in [1, 256]");
}

// A lock taken without the GIL, or a thread that waits here would block the one that runs.
std::unique_lock<std::mutex> lock_without_gil(std::mutex& mutex) {
  nb::gil_scoped_release release;
  return std::unique_lock<std::mutex>(mutex);
}

// Calls action(array) with a new array of the output's type, and returns that array.
template <class Action>
nb::object with_output(Output output, const std::vector<size_t>& shape, Action action) {
  const auto run = [&](auto array) {
    {
      nb::gil_scoped_release release;
      action(array.data());
    }
    return nb::cast(array);
  };
  switch (output) {
    case Output::kFloat32: return run(new_array<float>(shape));
    case Output::kInt8: return run(new_array<int8_t>(shape));
    default: return run(new_array<int32_t>(shape));
  }
}

template <class Conv>
std::vector<size_t> output_shape(const Conv& conv, size_t batch) {
  return {batch, static_cast<size_t>(conv.out_height()), static_cast<size_t>(conv.out_width()),
          static_cast<size_t>(conv.out_channels())};
}

class BConv2D {
 public:
  BConv2D(Array<int32_t, 4> filters, const Options& options, const std::string& backend)
      : params_(make_params(options, filters)),
        conv_(bnn::select_backend(backend), params_, words(filters.data()),
              options.multiplier_data(), options.bias_data(), options.threshold_data()) {}

  // Returns the output, and the words of its signs or None.
  std::pair<nb::object, nb::object> run(Array<int32_t, 4> x,
                                        std::optional<Array<float, 4>> shortcut, bool signs,
                                        int threads) {
    check_input(x, params_, threads);
    const auto lock = lock_without_gil(mutex_);
    conv_.resize(static_cast<int64_t>(x.shape(1)), static_cast<int64_t>(x.shape(2)));
    const std::vector<size_t> shape = output_shape(conv_, x.shape(0));
    bnn::OutputView view;
    if (shortcut) {
      for (size_t i = 0; i < 4; ++i) {
        if (shortcut->shape(i) != shape[i]) {
          throw std::invalid_argument("shortcut must have the shape of the output");
        }
      }
      view.shortcut = shortcut->data();
    }
    nb::object sign_words = nb::none();
    if (signs) {
      auto array = new_array<int32_t>({shape[0], shape[1], shape[2], words_for(shape[3])});
      view.signs = words(array.data());
      sign_words = nb::cast(array);
    }
    nb::object result = with_output(params_.output, shape, [&](void* data) {
      view.data = data;
      conv_.run(words(x.data()), static_cast<int64_t>(x.shape(0)), view, pool_of(threads), threads);
    });
    return {result, sign_words};
  }

  // Convolves the same input again and again into the same memory, as a runtime does, so that a
  // benchmark sees the kernel and not the call.
  void repeat(Array<int32_t, 4> x, int64_t repeats, int threads) {
    check_input(x, params_, threads);
    const auto lock = lock_without_gil(mutex_);
    conv_.resize(static_cast<int64_t>(x.shape(1)), static_cast<int64_t>(x.shape(2)));
    size_t elements = 1;
    for (size_t d : output_shape(conv_, x.shape(0))) elements *= d;
    if (repeated_.size() < elements) repeated_ = bnn::AlignedBuffer<uint32_t>(elements);
    nb::gil_scoped_release release;
    for (int64_t i = 0; i < repeats; ++i) {
      conv_.run(words(x.data()), static_cast<int64_t>(x.shape(0)), repeated_.data(),
                pool_of(threads), threads);
    }
  }

  int64_t macs(int64_t height, int64_t width) {
    const auto lock = lock_without_gil(mutex_);
    conv_.resize(height, width);
    return conv_.macs();
  }

  std::string backend() const { return conv_.backend().name; }

 private:
  bnn::BConv2DParams params_;
  bnn::BConv2D conv_;
  bnn::AlignedBuffer<uint32_t> repeated_;  // what repeat() writes
  std::mutex mutex_;
};

class BTransposeConv2D {
 public:
  BTransposeConv2D(Array<int32_t, 4> filters, const Options& options, const std::string& backend)
      : params_(make_params(options, filters)),
        conv_(bnn::select_backend(backend), params_, words(filters.data()),
              options.multiplier_data(), options.bias_data(), options.threshold_data()) {}

  nb::object run(Array<int32_t, 4> x, int64_t out_height, int64_t out_width, int threads) {
    check_input(x, params_, threads);
    const auto lock = lock_without_gil(mutex_);
    conv_.resize(static_cast<int64_t>(x.shape(1)), static_cast<int64_t>(x.shape(2)), out_height,
                 out_width);
    return with_output(params_.output, output_shape(conv_, x.shape(0)), [&](void* data) {
      conv_.run(words(x.data()), static_cast<int64_t>(x.shape(0)), data, pool_of(threads), threads);
    });
  }

  std::string backend() const { return conv_.backend().name; }

 private:
  bnn::BConv2DParams params_;
  bnn::BTransposeConv2D conv_;
  std::mutex mutex_;
};

class TernaryDense {
 public:
  TernaryDense(Array<uint8_t, 2> weights, int64_t channels_in, int64_t trits_per_byte, float scale,
               std::optional<Array<float, 1>> bias, const std::string& backend)
      : dense_(bnn::select_backend(backend), checked(weights, channels_in, trits_per_byte, bias),
               static_cast<int64_t>(weights.shape(0)),
               static_cast<bnn::TernaryForm>(trits_per_byte), weights.data(), scale,
               bias ? bias->data() : nullptr) {}

  // int8 gives int32 accumulators, float32 the layer's result.
  nb::object run(nb::ndarray<nb::c_contig, nb::device::cpu, nb::ro, nb::ndim<2>> x, int threads) {
    check_input(x.shape(1), threads);
    if (x.dtype() == nb::dtype<int8_t>()) return run_on<int8_t, int32_t>(x, threads);
    if (x.dtype() == nb::dtype<float>()) return run_on<float, float>(x, threads);
    throw std::invalid_argument("x must be int8 or float32");
  }

  // See BConv2D::repeat.
  void repeat(Array<float, 2> x, int64_t repeats, int threads) {
    check_input(x.shape(1), threads);
    const auto lock = lock_without_gil(mutex_);
    const auto samples = static_cast<int64_t>(x.shape(0));
    repeated_.resize(static_cast<size_t>(samples * dense_.channels_out()));
    nb::gil_scoped_release release;
    for (int64_t i = 0; i < repeats; ++i) {
      dense_.run(x.data(), samples, repeated_.data(), pool_of(threads), threads);
    }
  }

  std::string backend() const { return dense_.backend().name; }
  int trits_per_byte() const { return static_cast<int>(dense_.form()); }

 private:
  static int64_t checked(const Array<uint8_t, 2>& weights, int64_t channels_in,
                         int64_t trits_per_byte, const std::optional<Array<float, 1>>& bias) {
    if (trits_per_byte != 4 && trits_per_byte != 5) {
      throw std::invalid_argument("trits_per_byte must be 4 or 5");
    }
    if (channels_in < 1 || channels_in > bnn::kMaxTernaryChannels ||
        static_cast<int64_t>(weights.shape(1)) !=
            (channels_in + trits_per_byte - 1) / trits_per_byte) {
      throw std::invalid_argument("the weights' bytes do not fit the number of channels");
    }
    if (bias && bias->shape(0) != weights.shape(0)) {
      throw std::invalid_argument("bias must have one value a channel");
    }
    return channels_in;
  }
  void check_input(size_t channels, int threads) const {
    if (static_cast<int64_t>(channels) != dense_.channels_in()) {
      throw std::invalid_argument("x does not have as many channels as the weights");
    }
    if (threads < 1 || threads > 256) {
      throw std::invalid_argument("num_threads must lie in [1, 256]");
    }
  }
  template <class In, class Out>
  nb::object run_on(const nb::ndarray<nb::c_contig, nb::device::cpu, nb::ro, nb::ndim<2>>& x,
                    int threads) {
    const auto lock = lock_without_gil(mutex_);
    auto out = new_array<Out>({x.shape(0), static_cast<size_t>(dense_.channels_out())});
    {
      nb::gil_scoped_release release;
      dense_.run(static_cast<const In*>(x.data()), static_cast<int64_t>(x.shape(0)), out.data(),
                 pool_of(threads), threads);
    }
    return nb::cast(out);
  }

  bnn::TernaryDense dense_;
  std::vector<float> repeated_;  // what repeat() writes
  std::mutex mutex_;
};

// Multiply-accumulates that the hardware's ceiling loop stands for, or 0 where there is none.
int64_t peak(int64_t rounds, const std::string& backend) {
  const bnn_backend& table = bnn::select_backend(backend);
  nb::gil_scoped_release release;
  return table.peak == nullptr ? 0 : table.peak(rounds);
}

// Bitpacks the same array again and again, so that a benchmark sees the kernel and not the call.
void repeat_bitpack(Array<float, 2> x, int64_t repeats, const std::string& backend) {
  const bnn_backend& table = bnn::select_backend(backend);
  const auto rows = static_cast<int64_t>(x.shape(0)), channels = static_cast<int64_t>(x.shape(1));
  std::vector<uint32_t> out(x.shape(0) * words_for(x.shape(1)));
  nb::gil_scoped_release release;
  for (int64_t i = 0; i < repeats; ++i) table.bitpack_f32(x.data(), rows, channels, out.data());
}

}  // namespace

NB_MODULE(_native, m) {
  nb::exception<bnn::BackendError>(m, "NativeBackendError", PyExc_RuntimeError);
  m.def("all_backends", [] {
    nb::list all;
    for (const bnn::BackendInfo& b : bnn::all_backends()) {
      all.append(nb::make_tuple(b.name, b.architecture, b.features, b.description, b.built,
                                b.table != nullptr));
    }
    return all;
  });
  m.def("select_backend",
        [](const std::string& name) { return std::string(bnn::select_backend(name).name); });
  m.def("cpu_identity", [] {
    const bnn::CpuIdentity c = bnn::cpu_identity();
    return nb::make_tuple(c.vendor, c.name, c.family, c.model, c.stepping);
  });
  m.def("bitpack", &bitpack);
  m.def("unpack_f32", &unpack_f32);
  m.def("unpack_i8", &unpack_i8);
  m.def("bmaxpool2d", &bmaxpool2d);
  m.def("peak", &peak);
  m.def("core_latency_ns", &bnn::core_latency_ns, nb::call_guard<nb::gil_scoped_release>());
  m.def("repeat_bitpack", &repeat_bitpack);
  m.def("read_memory", [](Array<uint8_t, 1> bytes) {
    nb::gil_scoped_release release;
    return bnn::read_memory(bytes.data(), bytes.shape(0));
  });
  nb::class_<Options>(m, "Options")
      .def(nb::init<int32_t, int32_t, int32_t, int32_t, int32_t, std::string, int32_t, int32_t,
                    int32_t, std::string, std::optional<Array<float, 1>>,
                    std::optional<Array<float, 1>>, std::optional<Array<int32_t, 1>>, std::string,
                    double, int32_t, std::string, std::string>(),
           nb::kw_only(), nb::arg("channels_in"), nb::arg("stride_height"), nb::arg("stride_width"),
           nb::arg("dilation_height"), nb::arg("dilation_width"), nb::arg("padding"),
           nb::arg("pad_values"), nb::arg("groups"), nb::arg("depth_multiplier"),
           nb::arg("activation"), nb::arg("multiplier").none(), nb::arg("bias").none(),
           nb::arg("threshold").none(), nb::arg("output"), nb::arg("output_scale"),
           nb::arg("output_zero_point"), nb::arg("output_activation"), nb::arg("sum_activation"));
  nb::class_<BConv2D>(m, "BConv2D")
      .def(nb::init<Array<int32_t, 4>, const Options&, const std::string&>())
      .def("run", &BConv2D::run, nb::arg("x"), nb::arg("shortcut").none(), nb::arg("signs"),
           nb::arg("num_threads"))
      .def("repeat", &BConv2D::repeat)
      .def("macs", &BConv2D::macs)
      .def_prop_ro("backend", &BConv2D::backend);
  nb::class_<TernaryDense>(m, "TernaryDense")
      .def(nb::init<Array<uint8_t, 2>, int64_t, int64_t, float, std::optional<Array<float, 1>>,
                    const std::string&>(),
           nb::arg("weights"), nb::arg("channels_in"), nb::arg("trits_per_byte"), nb::arg("scale"),
           nb::arg("bias").none(), nb::arg("backend"))
      .def("run", &TernaryDense::run)
      .def("repeat", &TernaryDense::repeat)
      .def_prop_ro("backend", &TernaryDense::backend)
      .def_prop_ro("trits_per_byte", &TernaryDense::trits_per_byte);
  nb::class_<BTransposeConv2D>(m, "BTransposeConv2D")
      .def(nb::init<Array<int32_t, 4>, const Options&, const std::string&>())
      .def("run", &BTransposeConv2D::run)
      .def_prop_ro("backend", &BTransposeConv2D::backend);
}
