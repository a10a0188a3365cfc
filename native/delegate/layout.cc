// Where members of TFLite's structs lie, for bnn_lab/profiling/node_clock.py: structs are described
// in tflite_abi.h alone.
#include <cstddef>
#include <cstring>

#include "export.h"
#include "tflite_abi.h"

namespace {

using namespace bnn::tfl;

#define BNN_MEMBER(type, member) {#type "." #member, offsetof(type, member)}

constexpr struct {
  const char* name;
  size_t offset;
} kMembers[] = {
    BNN_MEMBER(Context, GetExecutionPlan),
    BNN_MEMBER(Context, GetNodeAndRegistration),
    BNN_MEMBER(Node, inputs),
    BNN_MEMBER(Node, outputs),
    BNN_MEMBER(Registration, invoke),
    BNN_MEMBER(Registration, custom_name),
    BNN_MEMBER(Delegate, Prepare),
    BNN_MEMBER(Delegate, flags),
    {"Delegate", sizeof(Delegate)},
};

}  // namespace

// Bytes before the member "<struct>.<member>", or of the whole struct "<struct>"; the largest
// number there is if the name is not listed.
BNN_EXPORT size_t bnn_delegate_layout(const char* name) {
  for (const auto& member : kMembers) {
    if (std::strcmp(name, member.name) == 0) return member.offset;
  }
  return static_cast<size_t>(-1);
}
