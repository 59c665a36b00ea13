#pragma once
// Every op's record, defined beside its function.
#include "engine/core/op.h"

namespace lat {

#define UNARY(name, ...) extern const Op k_##name, k_##name##_d1, k_##name##_d2;
#include "kernels/elementwise/unary.def"
#undef UNARY
#define BINARY(name, ...) extern const Op k_##name;
#include "kernels/elementwise/binary.def"
#undef BINARY
#define OP(name) extern const Op k_##name;
#include "engine/ops/ops.def"
#undef OP

}  // namespace lat
