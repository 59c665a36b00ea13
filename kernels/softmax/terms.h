#pragma once
// One element of a row, for a scalar or a vector: the specification, the fast kernels and CUDA share
// these lines.
#include "kernels/common/math.h"

namespace lat::kernels::LAT_ISA {

// What the row's sum is made of.
template <class V>
LAT_INLINE V softmax_weight(V x, V most) {
  return m::exp(x - most);
}
template <class V>
LAT_INLINE V log_softmax_value(V x, V most, V log_sum) {
  return (x - most) - log_sum;
}
template <class V>
LAT_INLINE V log_softmax_slope(V dy, V y, V sum_dy) {
  return fma(-m::exp(y), sum_dy, dy);
}

}  // namespace lat::kernels::LAT_ISA
