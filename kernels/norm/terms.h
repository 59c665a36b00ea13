#pragma once
// One element of a row, for a scalar or a vector: the specification, the fast kernels and CUDA share
// these lines.
#include "kernels/common/math.h"
#include "kernels/common/rounded.h"

namespace lat::kernels::LAT_ISA {

// What the variance is the mean of.
template <class V>
LAT_INLINE V squared_deviation(V x, V mean) {
  const V d = x - mean;
  return rounded_product(d, d);
}

// 1 / sqrt(variance + eps)
template <class T>
LAT_INLINE T inverse_deviation(T variance, T eps) {
  return T(1) / m::sqrt(variance + eps);
}

// h gain + bias; either may be null, else `load` takes its element.
template <class V, class Load>
LAT_INLINE V norm_value(V x, V mean, V inv, const Elem<V>* gain, const Elem<V>* bias, Load&& load) {
  const V d = x - mean;
  if (!gain) return bias ? fma(d, inv, load(bias)) : d * inv;
  return bias ? fma(d * inv, load(gain), load(bias)) : d * inv * load(gain);
}

// A gradient, and the number that it is multiplied with in the sum over the row.
template <class V>
struct NormSlope {
  V d, h;

  // dy gain and (x - mean) inv
  template <class Load>
  LAT_INLINE NormSlope(V dy, V x, V mean, V inv, const Elem<V>* gain, Load&& load)
      : d(gain ? rounded_product(dy, load(gain)) : dy), h((x - mean) * inv) {}
  LAT_INLINE NormSlope(V d_, V h_) : d(d_), h(h_) {}

  LAT_INLINE V product() const { return rounded_product(d, h); }
  LAT_INLINE V dx(V mean_d, V mean_dh, V inv) const { return fma(-h, mean_dh, d - mean_d) * inv; }
};

}  // namespace lat::kernels::LAT_ISA
