#include "bnn/dispatch.h"

#include <cstdlib>

namespace bnn {
namespace {

struct Entry {
  const char *name, *architecture, *features, *description;
  int (*cpu_runs)();  // null: not in this build
  const bnn_backend* (*table)();
};

// CMake defines BNN_HAVE_<name> as 0 or 1, for every backend.
#define BNN_FUNCTIONS_0(name) nullptr, nullptr
#define BNN_FUNCTIONS_1(name) bnn_cpu_runs_##name, bnn_backend_##name
#define BNN_FUNCTIONS(have, name) BNN_FUNCTIONS_##have(name)
#define BNN_FUNCTIONS_IF(have, name) BNN_FUNCTIONS(have, name)
#define BNN_BACKEND(name, architecture, features, description) \
  {#name, #architecture, features, description, BNN_FUNCTIONS_IF(BNN_HAVE_##name, name)},
constexpr Entry kEntries[] = {
#include "bnn/backends.def"
};
#undef BNN_BACKEND

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

const std::vector<BackendInfo>& all_backends() {
  static const auto* const all = [] {
    auto* list = new std::vector<BackendInfo>();
    for (const Entry& e : kEntries) {
      const bool built = e.cpu_runs != nullptr;
      // A table's own function may use its instruction set, too.
      const bnn_backend* table = built && e.cpu_runs() != 0 ? e.table() : nullptr;
      list->push_back({e.name, e.architecture, e.features, e.description, built, table});
    }
    return list;
  }();
  return *all;
}

std::vector<std::string> available_backends() {
  std::vector<std::string> names;
  for (const BackendInfo& b : all_backends()) {
    if (b.table != nullptr) names.emplace_back(b.name);
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
  const bnn_backend* best = nullptr;
  const BackendInfo* named = nullptr;
  for (const BackendInfo& b : all_backends()) {
    if (b.table != nullptr) best = b.table;
    if (name == b.name) named = &b;
  }
  if (named != nullptr && named->table != nullptr) return *named->table;
  const std::string available = "; available here: " + join(available_backends());
  if (named != nullptr) {
    throw BackendError(source + ": kernel backend '" + name + "' " +
                       (named->built
                            ? "needs instructions that this CPU or its operating system lacks"
                            : "is not in this build") +
                       available);
  }
  if (!name.empty())
    throw BackendError(source + ": unknown kernel backend '" + name + "'" + available);
  if (best == nullptr) throw BackendError("no kernel backend runs on this CPU (popcnt is missing)");
  return *best;
}

}  // namespace bnn
