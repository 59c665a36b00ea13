#pragma once
// What an optimiser does to one element, and the numbers of its step: shared by the specification,
// the fast kernels and CUDA.
#include "kernels/common/math.h"
#include "kernels/common/planted.h"

namespace lat::kernels::LAT_ISA {

// {t, beta1^t, beta2^t}, a step later
LAT_INLINE void count_step(double* state, double beta1, double beta2) {
  state[0] += 1;
  state[1] *= beta1;
  state[2] *= beta2;
}

// What brings a norm down to `most`.
template <class T>
LAT_INLINE T clipping(T norm, T most) {
  return most < norm ? most / norm : T(1);
}

// -rate, rate = lr lr_scale
template <class T>
LAT_INLINE T descent(T lr, double lr_scale) {
  return -T(double(lr) * lr_scale);
}

template <class V>
struct AdamStep {
  V beta1, beta2, rest1, rest2;  // rest = 1 - beta
  V c1, c2;                      // 1 / (1 - beta^t)
  V eps, minus_rate, minus_shrink;

  template <class T>
  LAT_INLINE AdamStep(T lr, const double* state, double lr_scale, double b1, double b2,
                      double epsilon, double decay)
      : beta1(splat<V>(T(b1))),
        beta2(splat<V>(T(b2))),
        rest1(splat<V>(T(1 - b1))),
        rest2(splat<V>(T(1 - b2))),
        c1(splat<V>(T(planted(Bug::no_bias_correction) ? 1 : 1 / (1 - state[1])))),
        c2(splat<V>(T(1 / (1 - state[2])))),
        eps(splat<V>(T(epsilon))),
        minus_rate(splat<V>(descent(lr, lr_scale))),
        minus_shrink(splat<V>(-T(double(lr) * lr_scale * decay))) {}

  LAT_INLINE void operator()(V& theta, V g, V& mean, V& square) const {
    mean = fma(beta1, mean, rest1 * g);
    square = fma(beta2, square, rest2 * (planted(Bug::second_moment_of_g) ? g : g * g));
    const V step = mean * c1 / (m::sqrt(square * c2) + eps);
    theta = fma(minus_rate, step, fma(minus_shrink, theta, theta));
  }
};

template <class V>
LAT_INLINE V sgd_step(V theta, V g, V minus_rate) {
  return fma(minus_rate, g, theta);
}

// y + rate (x - y)
template <class V>
LAT_INLINE V lerp(V y, V x, V rate) {
  return fma(rate, x - y, y);
}

}  // namespace lat::kernels::LAT_ISA
