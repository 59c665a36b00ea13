#pragma once
// Where a step of a column stands.
#include "kernels/common/vec.h"

namespace lat::kernels::LAT_ISA {

struct Steps {
  i64 first, stride;

  LAT_INLINE Steps(i64 steps, i64 cols, i64 reverse)
      : first(reverse ? (steps - 1) * cols : 0), stride(reverse ? -cols : cols) {}
  // Element of the first column at step k.
  LAT_INLINE i64 operator()(i64 k) const { return first + k * stride; }
};

}  // namespace lat::kernels::LAT_ISA
