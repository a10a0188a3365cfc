// The kernels for NumPy. Shapes and dtypes are validated in bnn_lab/kernels.py; what is checked
// here again is what memory safety rests on.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>

#include "bnn/bconv2d.h"
#include "bnn/dispatch.h"

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
  const bnn::Axis ys = bnn::window_axis(h, pool_height, stride_height, 1, pad);
  const bnn::Axis xs = bnn::window_axis(w, pool_width, stride_width, 1, pad);
  auto out = new_array<int32_t>(
      {x.shape(0), static_cast<size_t>(ys.out), static_cast<size_t>(xs.out), x.shape(3)});
  nb::gil_scoped_release release;
  bnn::bmaxpool2d(table, words(x.data()), n, h, w, c, pool_height, pool_width, stride_height,
                  stride_width, pad, words(out.data()));
  return out;
}

bnn::Activation activation_of(const std::string& name) {
  if (name == "none") return bnn::Activation::kNone;
  if (name == "relu") return bnn::Activation::kRelu;
  if (name == "relu_n1_to_1") return bnn::Activation::kReluN1To1;
  if (name == "relu6") return bnn::Activation::kRelu6;
  throw std::invalid_argument("activation must be none, relu, relu_n1_to_1 or relu6");
}

Output output_of(const std::string& name) {
  if (name == "float32") return Output::kFloat32;
  if (name == "int8") return Output::kInt8;
  if (name == "bits") return Output::kBits;
  throw std::invalid_argument("output must be float32, int8 or bits");
}

// A prepared convolution. A lock serializes runs, since it owns scratch memory.
class BConv2D {
 public:
  BConv2D(Array<int32_t, 4> filters, int32_t channels_in, int32_t stride_height,
          int32_t stride_width, int32_t dilation_height, int32_t dilation_width,
          const std::string& padding, int32_t pad_values, int32_t groups,
          const std::string& activation, std::optional<Array<float, 1>> multiplier,
          std::optional<Array<float, 1>> bias, std::optional<Array<int32_t, 1>> threshold,
          const std::string& output, double output_scale, int32_t output_zero_point,
          const std::string& backend) {
    constexpr size_t kMax = size_t{1} << 28;
    for (size_t i = 0; i < 4; ++i) {
      if (filters.shape(i) > kMax) throw std::invalid_argument("filters are too large");
    }
    params_.channels_in = channels_in;
    params_.channels_out = static_cast<int32_t>(filters.shape(0));
    params_.filter_height = static_cast<int32_t>(filters.shape(1));
    params_.filter_width = static_cast<int32_t>(filters.shape(2));
    params_.stride_height = stride_height;
    params_.stride_width = stride_width;
    params_.dilation_height = dilation_height;
    params_.dilation_width = dilation_width;
    params_.groups = groups;
    params_.padding = padding_of(padding);
    params_.pad_values = pad_values;
    params_.activation = activation_of(activation);
    params_.output = output_of(output);
    params_.output_scale = output_scale;
    params_.output_zero_point = output_zero_point;
    if (channels_in < 1 || groups < 1) {
      throw std::invalid_argument("channels_in and groups must be at least 1");
    }
    check_words(filters.shape(3), channels_in / groups);
    const auto fits = [&](const auto& array) {
      return !array || array->shape(0) == filters.shape(0);
    };
    if (!fits(multiplier) || !fits(bias) || !fits(threshold)) {
      throw std::invalid_argument("multiplier, bias and threshold must have one value a channel");
    }
    conv_ = std::make_unique<bnn::BConv2D>(
        bnn::select_backend(backend), params_, words(filters.data()),
        multiplier ? multiplier->data() : nullptr, bias ? bias->data() : nullptr,
        threshold ? threshold->data() : nullptr);
  }

  nb::object run(Array<int32_t, 4> x, int threads) {
    check_words(x.shape(3), params_.channels_in);
    if (threads < 1 || threads > 256) {
      throw std::invalid_argument("num_threads must lie in [1, 256]");
    }
    // Taken without the GIL, or a thread that waits here would block the one that runs.
    std::unique_lock<std::mutex> lock(mutex_, std::defer_lock);
    {
      nb::gil_scoped_release release;
      lock.lock();
    }
    conv_->resize(static_cast<int64_t>(x.shape(1)), static_cast<int64_t>(x.shape(2)));
    const std::vector<size_t> shape = {x.shape(0), static_cast<size_t>(conv_->out_height()),
                                       static_cast<size_t>(conv_->out_width()),
                                       static_cast<size_t>(conv_->out_channels())};
    switch (params_.output) {
      case Output::kFloat32: return run_into(new_array<float>(shape), x, threads);
      case Output::kInt8: return run_into(new_array<int8_t>(shape), x, threads);
      default: return run_into(new_array<int32_t>(shape), x, threads);
    }
  }

  int64_t macs(int64_t height, int64_t width) {
    std::lock_guard<std::mutex> lock(mutex_);
    conv_->resize(height, width);
    return conv_->macs();
  }

  std::string backend() const { return conv_->backend().name; }

 private:
  template <class Result>
  nb::object run_into(Result result, const Array<int32_t, 4>& x, int threads) {
    {
      nb::gil_scoped_release release;
      conv_->run(words(x.data()), static_cast<int64_t>(x.shape(0)), result.data(), pool_of(threads),
                 threads);
    }
    return nb::cast(result);
  }

  bnn::BConv2DParams params_;
  std::unique_ptr<bnn::BConv2D> conv_;
  std::mutex mutex_;
};

}  // namespace

NB_MODULE(_native, m) {
  nb::exception<bnn::BackendError>(m, "NativeBackendError", PyExc_RuntimeError);
  m.def("available_backends", &bnn::available_backends);
  m.def("active_backend", [] { return std::string(bnn::select_backend("").name); });
  m.def("select_backend",
        [](const std::string& name) { return std::string(bnn::select_backend(name).name); });
  m.def("bitpack", &bitpack);
  m.def("unpack_f32", &unpack_f32);
  m.def("unpack_i8", &unpack_i8);
  m.def("bmaxpool2d", &bmaxpool2d);
  nb::class_<BConv2D>(m, "BConv2D")
      .def(nb::init<Array<int32_t, 4>, int32_t, int32_t, int32_t, int32_t, int32_t,
                    const std::string&, int32_t, int32_t, const std::string&,
                    std::optional<Array<float, 1>>, std::optional<Array<float, 1>>,
                    std::optional<Array<int32_t, 1>>, const std::string&, double, int32_t,
                    const std::string&>(),
           nb::arg("filters"), nb::arg("channels_in"), nb::arg("stride_height"),
           nb::arg("stride_width"), nb::arg("dilation_height"), nb::arg("dilation_width"),
           nb::arg("padding"), nb::arg("pad_values"), nb::arg("groups"), nb::arg("activation"),
           nb::arg("multiplier").none(), nb::arg("bias").none(), nb::arg("threshold").none(),
           nb::arg("output"), nb::arg("output_scale"), nb::arg("output_zero_point"),
           nb::arg("backend"))
      .def("run", &BConv2D::run)
      .def("macs", &BConv2D::macs)
      .def_prop_ro("backend", &BConv2D::backend);
}
