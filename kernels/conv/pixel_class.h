#pragma once
// The pixels of dx that the same taps of the filter reach, along one axis.
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

// Pixels first, first + stride, ... (count of them) are reached by the taps last, last - stride, ... (taps of them);
// pixel number j meets tap number t at position origin + j + t of dy, inside it or not.
struct PixelClass {
  i64 first, count, last, taps, origin, stride;

  // The number of the first pixel at or after position `at`.
  i64 at_or_after(i64 at) const {
    return at <= first ? 0 : min_of(count, ceil_div(at - first, stride));
  }
};

inline PixelClass pixel_class(i64 parity, i64 size, i64 taps, i64 stride, i64 pad) {
  const i64 first = ((parity - pad) % stride + stride) % stride;
  PixelClass c{first, first < size ? (size - 1 - first) / stride + 1 : 0, 0, 0, 0, stride};
  if (parity < taps) {
    c.taps = (taps - 1 - parity) / stride + 1;
    c.last = parity + (c.taps - 1) * stride;
    c.origin = (first + pad - c.last) / stride;
  }
  return c;
}

}  // namespace lat::kernels::LAT_ISA
