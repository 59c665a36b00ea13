#include "engine/ops/table.h"

#include "engine/ops/ops.h"

namespace lat {

std::span<const Op* const> op_table() {
  static constexpr const Op* kOps[] = {
#define UNARY(name, ...) &k_##name, &k_##name##_d1, &k_##name##_d2,
#include "kernels/elementwise/unary.def"
#undef UNARY
#define BINARY(name, ...) &k_##name,
#include "kernels/elementwise/binary.def"
#undef BINARY
#define OP(name) &k_##name,
#include "engine/ops/ops.def"
#undef OP
  };
  return kOps;
}

}  // namespace lat
