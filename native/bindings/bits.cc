// Bitpacking, unpacking and max-pooling.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "arrays.h"
#include "bindings.h"
#include "bnn/bmaxpool2d.h"
#include "bnn/dispatch.h"

namespace bnn::python {
namespace {

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

// Bitpacks the same array again and again, so that a benchmark sees the kernel and not the call.
void repeat_bitpack(Array<float, 2> x, int64_t repeats, const std::string& backend) {
  const bnn_backend& table = bnn::select_backend(backend);
  const auto rows = static_cast<int64_t>(x.shape(0)), channels = static_cast<int64_t>(x.shape(1));
  std::vector<uint32_t> out(x.shape(0) * words_for(x.shape(1)));
  nb::gil_scoped_release release;
  for (int64_t i = 0; i < repeats; ++i) table.bitpack_f32(x.data(), rows, channels, out.data());
}

}  // namespace

void bind_bits(nb::module_& m) {
  m.def("bitpack", &bitpack);
  m.def("unpack_f32", &unpack_f32);
  m.def("unpack_i8", &unpack_i8);
  m.def("bmaxpool2d", &bmaxpool2d);
  m.def("repeat_bitpack", &repeat_bitpack);
}

}  // namespace bnn::python
