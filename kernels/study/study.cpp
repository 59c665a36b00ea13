#include "kernels/study/study.h"

namespace lat::kernels {

#if defined(__x86_64__)
namespace v3 {
const Probes& probes();
}
#ifndef LAT_ONLY_V3
namespace v2 {
const Probes& probes();
}
namespace v4 {
const Probes& probes();
}
#endif
#elif defined(__aarch64__)
namespace neon {
const Probes& probes();
}
#endif

const Probes& probes(Isa isa) {
#if defined(__x86_64__)
#ifndef LAT_ONLY_V3
  if (isa == Isa::v2) return v2::probes();
  if (isa == Isa::v4) return v4::probes();
#endif
  return v3::probes();
#else
  return neon::probes();
#endif
}

}  // namespace lat::kernels
