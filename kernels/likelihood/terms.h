#pragma once
// What one element contributes, for a scalar or a vector: the specification and the fast kernels
// share these lines.
#include "kernels/common/math.h"

namespace lat::kernels::LAT_ISA {

constexpr double kLog2Pi = 1.8378770664093454836;

template <class V>
LAT_INLINE V gaussian_kl_term(V mu, V logvar) {
  return fma(mu, mu, m::expm1(logvar) - logvar);
}

// 1 / sigma
template <class V>
LAT_INLINE V inverse_sigma(V logvar) {
  return m::exp(logvar * splat<V>(Elem<V>(-0.5)));
}

template <class V>
LAT_INLINE V gaussian_term(V x, V mu, V logvar) {
  const V s = (x - mu) * inverse_sigma(logvar);
  return fma(s, s, logvar);
}

template <class V>
LAT_INLINE V bernoulli_term(V l, V x) {
  return fma(x, l, -max(l, V{})) - m::softplus_tail(l);
}

}  // namespace lat::kernels::LAT_ISA
