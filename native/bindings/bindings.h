// What module.cc puts together, a file each.
#ifndef BNN_BINDINGS_BINDINGS_H_
#define BNN_BINDINGS_BINDINGS_H_

#include <nanobind/nanobind.h>

namespace bnn::python {

void bind_bits(nanobind::module_& m);          // bits.cc
void bind_convolutions(nanobind::module_& m);  // convolutions.cc
void bind_ternary(nanobind::module_& m);       // ternary.cc

}  // namespace bnn::python

#endif  // BNN_BINDINGS_BINDINGS_H_
