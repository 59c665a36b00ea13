#include "kernels/study/study.h"

namespace lat::kernels {

#define STUDIES           \
  const Probes& probes(); \
  const Ladder& ladder(i64 index);
#if defined(__x86_64__)
namespace v3 {
STUDIES
}
namespace v2 {
STUDIES
}
namespace v4 {
STUDIES
}
#elif defined(__aarch64__)
namespace neon {
STUDIES
}
#endif
#undef STUDIES

const Probes& probes([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::v2) return v2::probes();
  if (isa == Isa::v4) return v4::probes();
  return v3::probes();
#else
  return neon::probes();
#endif
}

const Ladder& ladder([[maybe_unused]] Isa isa, i64 index) {
#if defined(__x86_64__)
  if (isa == Isa::v4) return v4::ladder(index);
  return v3::ladder(index);
#else
  return neon::ladder(index);
#endif
}

}  // namespace lat::kernels
