#pragma once
// The axes that a broadcast is walked along.
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

// Axes of a broadcast, slowest first, and the strides of both operands along them.
struct Axes {
  i64 extent[4], a[4], b[4];
  i64 size;
};

// Joins what can be joined; the axes that this frees have extent 1 and come first.
inline Axes join_axes(const i64 (&extent)[4], const i64 (&a)[4], const i64 (&b)[4]) {
  Axes out{{1, 1, 1, 1}, {0, 0, 0, 0}, {0, 0, 0, 0}, 1};
  i64 at = 4;
  for (i64 k = 3; k >= 0; --k) {
    out.size *= extent[k];
    if (extent[k] == 1) continue;
    if (at < 4 && a[k] == out.a[at] * out.extent[at] && b[k] == out.b[at] * out.extent[at]) {
      out.extent[at] *= extent[k];
      continue;
    }
    --at;
    out.extent[at] = extent[k];
    out.a[at] = a[k];
    out.b[at] = b[k];
  }
  return out;
}

}  // namespace lat::kernels::LAT_ISA
