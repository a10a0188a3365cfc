#include "bnn/dispatch.h"

#include <cstdlib>

namespace bnn {
namespace {

struct Candidate {
  const char* name;
  const bnn_backend* backend;  // null: not in this build
  bool cpu_supports;
};

// Slowest first. A backend of another architecture is listed too, so that asking for it is
// answered with the reason rather than with "unknown".
std::vector<Candidate> candidates() {
  std::vector<Candidate> list;
#if defined(__x86_64__)
  __builtin_cpu_init();
  // The scalar file is compiled with popcnt, which every x86-64 CPU since 2008 has.
  list.push_back({"scalar", bnn_backend_scalar(), __builtin_cpu_supports("popcnt") != 0});
#if defined(BNN_HAVE_AVX2)
  list.push_back({"avx2", bnn_backend_avx2(), __builtin_cpu_supports("avx2") != 0});
#else
  list.push_back({"avx2", nullptr, false});
#endif
#if defined(BNN_HAVE_AVX512VPOPCNTDQ)
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vpopcntdq");
  list.push_back({"avx512vpopcntdq", bnn_backend_avx512vpopcntdq(), avx512});
#else
  list.push_back({"avx512vpopcntdq", nullptr, false});
#endif
  list.push_back({"neon", nullptr, false});
#else
  list.push_back({"scalar", bnn_backend_scalar(), true});
  list.push_back({"avx2", nullptr, false});
  list.push_back({"avx512vpopcntdq", nullptr, false});
#if defined(BNN_HAVE_NEON)
  list.push_back({"neon", bnn_backend_neon(), true});  // part of every aarch64 CPU
#else
  list.push_back({"neon", nullptr, false});
#endif
#endif
  return list;
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::vector<std::string> available_backends() {
  std::vector<std::string> names;
  for (const auto& c : candidates()) {
    if (c.backend != nullptr && c.cpu_supports) names.emplace_back(c.name);
  }
  return names;
}

const bnn_backend& select_backend(const std::string& requested) {
  std::string name = requested;
  std::string source = "backend";
  if (name.empty()) {
    if (const char* variable = std::getenv("BNN_LAB_BACKEND")) {
      name = variable;
      source = "environment variable BNN_LAB_BACKEND";
    }
  }
  const std::string available = "available here: " + join(available_backends());
  const bnn_backend* best = nullptr;
  for (const auto& c : candidates()) {
    const bool usable = c.backend != nullptr && c.cpu_supports;
    if (usable) best = c.backend;
    if (name != c.name) continue;
    if (usable) return *c.backend;
    throw BackendError(
        source + ": kernel backend '" + name + "' " +
        (c.backend == nullptr ? "is not in this build" : "needs instructions that this CPU lacks") +
        "; " + available);
  }
  if (!name.empty()) {
    throw BackendError(source + ": unknown kernel backend '" + name + "'; " + available);
  }
  if (best == nullptr) throw BackendError("no kernel backend runs on this CPU (popcnt is missing)");
  return *best;
}

}  // namespace bnn
