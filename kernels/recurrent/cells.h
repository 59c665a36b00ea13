#pragma once
// One element of a recurrent cell, for a scalar or a vector: the specification, the fast kernels and
// CUDA share these lines.
#include "kernels/common/math.h"

namespace lat::kernels::LAT_ISA {

// y (1 - y) and 1 - y^2: the slopes of sigmoid and tanh at their values.
template <class V>
LAT_INLINE V sigmoid_slope(V y) {
  return fma(-y, y, y);
}
template <class V>
LAT_INLINE V tanh_slope(V y) {
  return fma(-y, y, splat<V>(1));
}

template <class V>
struct GruGates {
  V r, z, n;

  // n + z (h - n)
  LAT_INLINE V next(V h) const { return fma(z, h - n, n); }
};

// x and p: the pre-activations r, z, n of the input and of the state.
template <class V>
LAT_INLINE GruGates<V> gru_gates(const V (&x)[3], const V (&p)[3]) {
  const V r = m::sigmoid(x[0] + p[0]), z = m::sigmoid(x[1] + p[1]);
  const V n = m::tanh(fma(r, p[2], x[2]));
  return {r, z, n};
}

// The gradients of x and p differ in n alone.
template <class V>
struct GruSlopes {
  V r, z, x_n, p_n, h;
};
template <class V>
LAT_INLINE GruSlopes<V> gru_slopes(V dy, const GruGates<V>& g, V p_n, V h) {
  const V dn = fma(-dy, g.z, dy) * tanh_slope(g.n);
  return {dn * p_n * sigmoid_slope(g.r), dy * (h - g.n) * sigmoid_slope(g.z), dn, dn * g.r,
          dy * g.z};
}

template <class V>
struct LstmGates {
  V i, f, g, o;

  // f c + i g
  LAT_INLINE V next(V c) const { return fma(f, c, i * g); }
  // o tanh(c)
  LAT_INLINE V output(V c) const { return o * m::tanh(c); }
};

// a: the pre-activations i, f, g, o.
template <class V>
LAT_INLINE LstmGates<V> lstm_gates(const V (&a)[4]) {
  return {m::sigmoid(a[0]), m::sigmoid(a[1]), m::tanh(a[2]), m::sigmoid(a[3])};
}

template <class V>
struct LstmSlopes {
  V i, f, g, o, c;
};
template <class V>
LAT_INLINE LstmSlopes<V> lstm_slopes(V dh, V dc, const LstmGates<V>& g, V c, V c_new) {
  const V t = m::tanh(c_new);
  const V d = fma(dh * g.o, tanh_slope(t), dc);
  return {d * g.g * sigmoid_slope(g.i), d * c * sigmoid_slope(g.f), d * g.i * tanh_slope(g.g),
          dh * t * sigmoid_slope(g.o), d * g.f};
}

// Element i of a cotangent of which either half may be missing.
template <class T>
LAT_INLINE T sum_of(const T* a, const T* b, i64 i) {
  if (!a) return b ? b[i] : T(0);
  return b ? a[i] + b[i] : a[i];
}

}  // namespace lat::kernels::LAT_ISA
