// The kernels for NumPy. Shapes and dtypes are validated in bnn_lab/kernels/; what is checked
// here again is what memory safety rests on.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include "arrays.h"
#include "bindings.h"
#include "bnn/dispatch.h"
#include "core_latency.h"
#include "cpu_identity.h"
#include "read_memory.h"

namespace nb = nanobind;

namespace {

// Multiply-accumulates that the hardware's ceiling loop stands for, or 0 where there is none.
int64_t peak(int64_t rounds, const std::string& backend) {
  const bnn_backend& table = bnn::select_backend(backend);
  nb::gil_scoped_release release;
  return table.peak == nullptr ? 0 : table.peak(rounds);
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
  m.def("peak", &peak);
  m.def("core_latency_ns", &bnn::core_latency_ns, nb::call_guard<nb::gil_scoped_release>());
  m.def("read_memory", [](bnn::python::Array<uint8_t, 1> bytes) {
    nb::gil_scoped_release release;
    return bnn::read_memory(bytes.data(), bytes.shape(0));
  });
  bnn::python::bind_bits(m);
  bnn::python::bind_convolutions(m);
  bnn::python::bind_ternary(m);
}
