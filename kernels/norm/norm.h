#pragma once
// Normalisation over a group of channels: layer normalisation (Ba, Kiros & Hinton 2016) where places
// = groups = 1, group normalisation (Wu & He 2018) of images of `places` pixels. Bound by memory.
//
// x (batch, places, groups, each). One example and group is a row, k = place each + channel; its n =
// places each numbers are summed in the order of common/reduce_spec.h. gain, bias (groups each).
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kNormGrain = 16384;  // elements that take about 10 us

// With the biased variance, by a second pass over the row:
//   mean = 1/n sum_k x       inv = 1 / sqrt(1/n sum_k (x - mean)^2 + eps)       h = (x - mean) inv
//   y = h gain + bias; gain and bias may be null                    mean, inv (batch, groups)
template <class T>
void norm(Part part, T* y, T* mean, T* inv, const T* x, const T* gain, const T* bias, i64 batch,
          i64 places, i64 groups, i64 each, double eps);
template <class T>
Plan norm_plan(T*, T*, T*, const T*, const T*, const T*, i64 batch, i64 places, i64 groups,
               i64 each, double) {
  const i64 rows = batch * groups, n = places * each;
  Plan plan = share(rows * n, kNormGrain, rows);
  if (places > 1 && groups > 1) plan.workspace = n * i64(sizeof(T));
  return plan;
}

// With d = dy gain:
//   dx = (d - 1/n sum_k d - h (1/n sum_k d h)) inv          dgain = dy h, to be summed over the rows
// Either of the two outputs may be null; so may gain.
template <class T>
void norm_d1(Part part, T* dx, T* dgain, const T* dy, const T* x, const T* mean, const T* inv,
             const T* gain, i64 batch, i64 places, i64 groups, i64 each);
template <class T>
Plan norm_d1_plan(T*, T*, const T*, const T*, const T*, const T*, const T*, i64 batch, i64 places,
                  i64 groups, i64 each) {
  const i64 rows = batch * groups, n = places * each;
  Plan plan = share(rows * n, kNormGrain, rows);
  plan.workspace = 2 * n * i64(sizeof(T));
  return plan;
}

}  // namespace lat::kernels::LAT_ISA
