// Convolutions: ordinary, depthwise and transposed.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include <optional>
#include <utility>

#include "arrays.h"
#include "bindings.h"
#include "bnn/aligned_buffer.h"
#include "bnn/bconv2d.h"
#include "bnn/btransposeconv2d.h"
#include "bnn/dispatch.h"
#include "threads.h"

namespace bnn::python {
namespace {

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
  check_threads(threads);
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

}  // namespace

void bind_convolutions(nb::module_& m) {
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
  nb::class_<BTransposeConv2D>(m, "BTransposeConv2D")
      .def(nb::init<Array<int32_t, 4>, const Options&, const std::string&>())
      .def("run", &BTransposeConv2D::run)
      .def_prop_ro("backend", &BTransposeConv2D::backend);
}

}  // namespace bnn::python
