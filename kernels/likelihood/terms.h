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

// The log-likelihood of a row whose terms have the sum `sum`.
template <class V>
LAT_INLINE V gaussian_row(V sum, i64 cols) {
  using T = Elem<V>;
  return splat<V>(T(-0.5)) * fma(splat<V>(T(cols)), splat<V>(T(kLog2Pi)), sum);
}

template <class V>
LAT_INLINE V bernoulli_term(V l, V x) {
  return fma(x, l, -max(l, V{})) - m::softplus_tail(l);
}

template <class V>
LAT_INLINE V categorical_term(V l, V most) {
  return m::exp(l - most);
}

// What is handed on to one element where the row's number is handed d.

template <class V>
struct GaussianSlopes {
  V mu, logvar;
};

template <class V>
LAT_INLINE GaussianSlopes<V> gaussian_kl_slopes(V d, V mu, V logvar) {
  return {d * mu, splat<V>(Elem<V>(0.5)) * d * m::expm1(logvar)};
}

// Along x: that along mu, negated.
template <class V>
LAT_INLINE GaussianSlopes<V> gaussian_slopes(V d, V x, V mu, V logvar) {
  const V inverse = inverse_sigma(logvar);
  const V s = (x - mu) * inverse;
  return {d * s * inverse, splat<V>(Elem<V>(0.5)) * d * fma(s, s, splat<V>(-1))};
}

template <class V>
LAT_INLINE V bernoulli_slope(V d, V l, V x) {
  return d * (x - m::sigmoid(l));
}

// `hit` is d at the label and 0 elsewhere.
template <class V>
LAT_INLINE V categorical_slope(V d, V l, V most, V log_sum, V hit) {
  return fma(-m::exp((l - most) - log_sum), d, hit);
}

}  // namespace lat::kernels::LAT_ISA
