#pragma once
// Optimisers as plain loops.
#include "kernels/common/reduce_spec.h"
#include "kernels/common/rounded.h"
#include "kernels/optim/updates.h"

namespace lat::kernels::spec {

template <class T>
void all_finite(InOut<i32> ok, const T* g, i64 n) {
  for (i64 i = 0; i < n; ++i)
    if (!__builtin_isfinite(g[i])) *ok.p = 0;
}

template <class T>
void join_shards(InOut<T> g, i64 planes, i64 n) {
  for (i64 left = planes; left > 1; left = ceil_div(left, 2)) {
    const i64 half = ceil_div(left, 2);
    for (i64 s = 0; s + half < left; ++s)
      for (i64 i = 0; i < n; ++i) {
        g.p[s * n + i] += g.p[(s + half) * n + i];
        g.p[(s + half) * n + i] = 0;
      }
  }
}

template <class T>
void chunk_squares(T* sums, const T* g, i64 n) {
  for (i64 begin = 0; begin < n; begin += kRowChunk)
    sums[begin / kRowChunk] = row_total<T>(min_of(n - begin, kRowChunk), [&](i64 i) {
      return rounded_product(g[begin + i], g[begin + i]);
    });
}

template <class T>
void clip_factor(T* norm, T* factor, InOut<i32> ok, const T* sums, i64 chunks, double most) {
  T total = 0;
  for (i64 k = 0; k < chunks; ++k) total += sums[k];
  norm[0] = m::sqrt(total);
  factor[0] = clipping(norm[0], T(most));
  if (!__builtin_isfinite(norm[0])) *ok.p = 0;
}

template <class T>
void scale_by(InOut<T> g, const T* factor, i64 n) {
  for (i64 i = 0; i < n; ++i) g.p[i] = factor[0] * g.p[i];
}

template <class T>
void adam_count(InOut<double> state, const i32* ok, double beta1, double beta2) {
  if (*ok == 0) return;
  count_step(state.p, beta1, beta2);
}

template <class T>
void adam(InOut<T> theta, InOut<T> g, InOut<T> m, InOut<T> v, const T* lr, const double* state,
          const i32* ok, i64 n, double lr_scale, double beta1, double beta2, double eps,
          double decay) {
  const AdamStep<T> step(lr[0], state, lr_scale, beta1, beta2, eps, decay);
  for (i64 i = 0; i < n; ++i) {
    if (*ok != 0) step(theta.p[i], g.p[i], m.p[i], v.p[i]);
    g.p[i] = 0;
  }
}

template <class T>
void sgd(InOut<T> theta, InOut<T> g, const T* lr, const i32* ok, i64 n, double lr_scale) {
  const T minus_rate = descent(lr[0], lr_scale);
  for (i64 i = 0; i < n; ++i) {
    if (*ok != 0) theta.p[i] = sgd_step(theta.p[i], g.p[i], minus_rate);
    g.p[i] = 0;
  }
}

template <class T>
void lerp_into(InOut<T> y, const T* x, const T* rate, const i32* ok, i64 n) {
  if (*ok == 0) return;
  for (i64 i = 0; i < n; ++i) y.p[i] = lerp(y.p[i], x[i], rate[0]);
}

template <class T>
void assign(InOut<T> y, const T* x, const i32* ok, i64 n) {
  if (*ok == 0) return;
  for (i64 i = 0; i < n; ++i) y.p[i] = x[i];
}

}  // namespace lat::kernels::spec
