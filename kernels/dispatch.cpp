#include "kernels/table.h"

#include <array>
#include <initializer_list>

namespace lat::kernels {

namespace spec {
const Kernel* rows();
}
#if defined(__x86_64__)
namespace v3 {
const Kernel* rows();
}
#ifndef LAT_ONLY_V3
namespace v2 {
const Kernel* rows();
}
namespace v4 {
const Kernel* rows();
}
#endif
#elif defined(__aarch64__)
namespace neon {
const Kernel* rows();
}
#endif

bool has_isa(Isa isa) {
  switch (isa) {
    case Isa::spec:
      return true;
#if defined(__x86_64__)
    case Isa::v3:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("bmi2");
#ifndef LAT_ONLY_V3
    case Isa::v2:
      return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
    case Isa::v4:
      return has_isa(Isa::v3) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
#elif defined(__aarch64__)
    case Isa::neon:
      return true;
#endif
    default:
      return false;
  }
}

Isa best_isa() {
  for (const Isa isa : {Isa::v4, Isa::v3, Isa::v2, Isa::neon})
    if (has_isa(isa)) return isa;
  return Isa::spec;
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::v2:
      return "v2";
    case Isa::v3:
      return "v3";
    case Isa::v4:
      return "v4";
    case Isa::neon:
      return "neon";
    default:
      return "spec";
  }
}

#if defined(__x86_64__) && !defined(LAT_ONLY_V3)
namespace {

// `rows` with the functions of double of others: double is for checking and need not be fast.
std::array<Kernel, kKernelCount> with_double(const Kernel* rows, const Kernel* others) {
  std::array<Kernel, kKernelCount> all;
  for (size_t k = 0; k < all.size(); ++k) {
    all[k] = rows[k];
    all[k].run[1] = others[k].run[1];
    all[k].plan[1] = others[k].plan[1];
  }
  return all;
}
const Kernel* v4_rows() {
  static const auto all = with_double(v4::rows(), v3::rows());
  return all.data();
}
const Kernel* v2_rows() {
  static const auto all = with_double(v2::rows(), spec::rows());
  return all.data();
}

}  // namespace
#endif

const Kernel* table(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::v3:
      return v3::rows();
#ifndef LAT_ONLY_V3
    case Isa::v2:
      return v2_rows();
    case Isa::v4:
      return v4_rows();
#endif
#elif defined(__aarch64__)
    case Isa::neon:
      return neon::rows();
#endif
    default:
      return spec::rows();
  }
}

i32 find_kernel(const char* name) {
  const Kernel* rows = spec::rows();
  for (i32 k = 0; k < kKernelCount; ++k) {
    const char* a = rows[k].name;
    const char* b = name;
    while (*a && *a == *b) ++a, ++b;
    if (*a == *b) return k;
  }
  return -1;
}

}  // namespace lat::kernels
