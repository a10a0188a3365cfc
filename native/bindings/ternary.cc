// Dense layers of ternary weights.
#include "bnn/ternary.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <optional>

#include "arrays.h"
#include "bindings.h"
#include "bnn/dispatch.h"
#include "threads.h"

namespace bnn::python {
namespace {

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
    check_threads(threads);
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

}  // namespace

void bind_ternary(nb::module_& m) {
  nb::class_<TernaryDense>(m, "TernaryDense")
      .def(nb::init<Array<uint8_t, 2>, int64_t, int64_t, float, std::optional<Array<float, 1>>,
                    const std::string&>(),
           nb::arg("weights"), nb::arg("channels_in"), nb::arg("trits_per_byte"), nb::arg("scale"),
           nb::arg("bias").none(), nb::arg("backend"))
      .def("run", &TernaryDense::run)
      .def("repeat", &TernaryDense::repeat)
      .def_prop_ro("backend", &TernaryDense::backend)
      .def_prop_ro("trits_per_byte", &TernaryDense::trits_per_byte);
}

}  // namespace bnn::python
