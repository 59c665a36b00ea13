#pragma once
// Optimisers over flat buffers: all parameters of a model in one call. Bound by memory.
//
// `ok` is one device word, 1 while every gradient is finite. Where it is 0 an update changes
// nothing, except that gradients are zeroed for the next accumulation.
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kOptimGrain = 16384;  // elements that take about 10 us

// *ok = 0 when any g is infinite or NaN, else unchanged. Parts share ok.
template <class T>
void all_finite(Part part, InOut<i32> ok, const T* g, i64 n);
template <class T>
Plan all_finite_plan(InOut<i32>, const T*, i64 n) {
  return share(n, 4 * kOptimGrain);
}

// g (planes, n): plane 0 = the sum of all planes, the others = +0. A fixed tree: of p planes, plane
// s takes plane s + half, half = ceil(p / 2), until one is left.
template <class T>
void join_shards(Part part, InOut<T> g, i64 planes, i64 n);
template <class T>
Plan join_shards_plan(InOut<T>, i64 planes, i64 n) {
  return share(planes * n, 2 * kOptimGrain);
}

// The norm of all gradients, and what clips it (Pascanu, Mikolov & Bengio 2013, algorithm 1), in
// three calls: no part waits for another.
//   sums[k] = sum g^2 over chunk k, the elements 4096 k ... 4096 k + 4095, in the order of row sums
template <class T>
void chunk_squares(Part part, T* sums, const T* g, i64 n);
template <class T>
Plan chunk_squares_plan(T*, const T*, i64 n) {
  return share(n, 4 * kOptimGrain, ceil_div(n, kRowChunk));
}
//   norm = sqrt(sum_k sums[k]), chunk after chunk      factor = most / norm where norm > most, else 1
// *ok = 0 when the norm is infinite or NaN, else unchanged.
template <class T>
void clip_factor(Part part, T* norm, T* factor, InOut<i32> ok, const T* sums, i64 chunks,
                 double most);
template <class T>
Plan clip_factor_plan(T*, T*, InOut<i32>, const T*, i64, double) {
  return {};
}
//   g = factor[0] g
template <class T>
void scale_by(Part part, InOut<T> g, const T* factor, i64 n);
template <class T>
Plan scale_by_plan(InOut<T>, const T*, i64 n) {
  return share_elements(n, 2 * kOptimGrain);
}

// When *ok: state = {t + 1, beta1^(t+1), beta2^(t+1)}, from {0, 1, 1}, as running products in
// double.
template <class T>
void adam_count(Part part, InOut<double> state, const i32* ok, double beta1, double beta2);
template <class T>
Plan adam_count_plan(InOut<double>, const i32*, double, double) {
  return {};
}

// Adam: Kingma & Ba 2015, algorithm 1; decoupled decay: Loshchilov & Hutter 2019. After adam_count:
//   m = beta1 m + (1 - beta1) g                    v = beta2 v + (1 - beta2) g^2
//   mhat = m c1, c1 = 1 / (1 - beta1^t)            vhat = v c2, c2 = 1 / (1 - beta2^t)
//   theta = (theta - rate decay theta) - rate (mhat / (sqrt(vhat) + eps)),   rate = lr[0] lr_scale
//   g = +0, always
template <class T>
void adam(Part part, InOut<T> theta, InOut<T> g, InOut<T> m, InOut<T> v, const T* lr,
          const double* state, const i32* ok, i64 n, double lr_scale, double beta1, double beta2,
          double eps, double decay);
template <class T>
Plan adam_plan(InOut<T>, InOut<T>, InOut<T>, InOut<T>, const T*, const double*, const i32*, i64 n,
               double, double, double, double, double) {
  return share_elements(n, kOptimGrain);
}

// theta = theta - rate g,   g = +0, always
template <class T>
void sgd(Part part, InOut<T> theta, InOut<T> g, const T* lr, const i32* ok, i64 n, double lr_scale);
template <class T>
Plan sgd_plan(InOut<T>, InOut<T>, const T*, const i32*, i64 n, double) {
  return share_elements(n, kOptimGrain);
}

// y = y + rate[0] (x - y)
template <class T>
void lerp_into(Part part, InOut<T> y, const T* x, const T* rate, const i32* ok, i64 n);
template <class T>
Plan lerp_into_plan(InOut<T>, const T*, const T*, const i32*, i64 n) {
  return share_elements(n, kOptimGrain);
}

// y = x
template <class T>
void assign(Part part, InOut<T> y, const T* x, const i32* ok, i64 n);
template <class T>
Plan assign_plan(InOut<T>, const T*, const i32*, i64 n) {
  return share_elements(n, 2 * kOptimGrain);
}

}  // namespace lat::kernels::LAT_ISA
