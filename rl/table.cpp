#include "rl/table.h"

namespace lat::rl {

namespace spec {
const Table& rows();
}
#if defined(__x86_64__)
namespace v3 {
const Table& rows();
}
namespace v4 {
const Table& rows();
}
#elif defined(__aarch64__)
namespace neon {
const Table& rows();
}
#endif

const Table& table_of(kernels::Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case kernels::Isa::v3:
      return v3::rows();
    case kernels::Isa::v4:
      return v4::rows();
#elif defined(__aarch64__)
    case kernels::Isa::neon:
      return neon::rows();
#endif
    default:
      return spec::rows();
  }
}

}  // namespace lat::rl
