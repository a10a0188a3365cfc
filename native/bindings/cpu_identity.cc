#include "cpu_identity.h"

#if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>

#include <cstring>

namespace bnn {
namespace {

struct Registers {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

bool read(unsigned leaf, Registers* r) {
  return __get_cpuid(leaf, &r->a, &r->b, &r->c, &r->d) != 0;
}

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(' '), last = text.find_last_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

// Up to the first null character.
std::string text_of(const unsigned* words, size_t count) {
  std::string text(count * sizeof *words, '\0');
  std::memcpy(&text[0], words, text.size());
  return trimmed(text.c_str());
}

}  // namespace

CpuIdentity cpu_identity() {
  CpuIdentity identity;
  Registers r;
  if (!read(0, &r)) return identity;
  const unsigned vendor[] = {r.b, r.d, r.c};
  identity.vendor = text_of(vendor, 3);
  if (read(1, &r)) {
    const unsigned family = r.a >> 8 & 15, model = r.a >> 4 & 15;
    identity.stepping = static_cast<int>(r.a & 15);
    identity.family = static_cast<int>(family == 15 ? family + (r.a >> 20 & 255) : family);
    // Both vendors' rules: AMD has extended models from family 15 on, Intel in 6, too.
    const bool extended = family == 15 || family == 6;
    identity.model = static_cast<int>(model + (extended ? (r.a >> 16 & 15) << 4 : 0));
  }
  unsigned name[12] = {};
  for (unsigned i = 0; i < 3; ++i) {
    if (!read(0x80000002u + i, &r)) return identity;
    const unsigned part[] = {r.a, r.b, r.c, r.d};
    std::memcpy(name + 4 * i, part, sizeof part);
  }
  identity.name = text_of(name, 12);
  return identity;
}

}  // namespace bnn
#else
namespace bnn {

CpuIdentity cpu_identity() { return {}; }

}  // namespace bnn
#endif
