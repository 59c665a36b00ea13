#pragma once
// The correctly rounded float fma where the target has no FMA instruction (x86-64-v2, WASM without relaxed SIMD).
//
// The product of two floats is exact in double. The sum is rounded to odd in double (TwoSum, Knuth 1969; round to odd,
// Boldo & Melquiond 2008), and a value rounded to odd with 29 spare bits rounds to the nearest float as the exact sum
// would, subnormal results included. libm's fmaf is not used: musl's is wrong when the result is subnormal.
#include <string.h>

#include "kernels/common/types.h"

namespace lat::kernels {

LAT_INLINE float soft_fma(float a, float b, float c) {
  const double p = double(a) * double(b);
  const double s = p + double(c);
  const double t = s - p;
  const double error = (p - (s - t)) + (double(c) - t);
  i64 i;
  memcpy(&i, &s, sizeof(i));
  const bool inexact = error < 0 || error > 0;  // false for NaN: s is then infinite or NaN
  if (inexact && (i & 1) == 0) i += ((error > 0) == (s > 0)) ? 1 : -1;
  double odd;
  memcpy(&odd, &i, sizeof(odd));
  return float(odd);
}

}  // namespace lat::kernels
