#pragma once
// Normalisation as plain loops; the equations are in norm.h, each element in terms.h.
#include "kernels/common/reduce_spec.h"
#include "kernels/norm/terms.h"

namespace lat::kernels::spec {

template <class T>
void norm(T* y, T* mean, T* inv, const T* x, const T* gain, const T* bias, i64 batch, i64 places,
          i64 groups, i64 each, double eps) {
  const i64 n = places * each;
  for (i64 r = 0; r < batch * groups; ++r) {
    const i64 b = r / groups, g = r % groups;
    const auto channel = [&](i64 k) { return g * each + k % each; };
    const auto at = [&](i64 k) { return (b * places + k / each) * groups * each + channel(k); };
    const T m = row_total<T>(n, [&](i64 k) { return x[at(k)]; }) / T(n);
    const T variance =
        row_total<T>(n, [&](i64 k) { return squared_deviation(x[at(k)], m); }) / T(n);
    mean[r] = m;
    inv[r] = inverse_deviation(variance, T(eps));
    for (i64 k = 0; k < n; ++k)
      y[at(k)] = norm_value(x[at(k)], m, inv[r], gain, bias,
                            [&](const T* from) { return from[channel(k)]; });
  }
}

template <class T>
void norm_d1(T* dx, T* dgain, const T* dy, const T* x, const T* mean, const T* inv, const T* gain,
             i64 batch, i64 places, i64 groups, i64 each) {
  const i64 n = places * each;
  for (i64 r = 0; r < batch * groups; ++r) {
    const i64 b = r / groups, g = r % groups;
    const auto channel = [&](i64 k) { return g * each + k % each; };
    const auto at = [&](i64 k) { return (b * places + k / each) * groups * each + channel(k); };
    const auto slope = [&](i64 k) {
      return NormSlope<T>(dy[at(k)], x[at(k)], mean[r], inv[r], gain,
                          [&](const T* from) { return from[channel(k)]; });
    };
    const T mean_d = row_total<T>(n, [&](i64 k) { return slope(k).d; }) / T(n);
    const T mean_dh = row_total<T>(n, [&](i64 k) { return slope(k).product(); }) / T(n);
    for (i64 k = 0; k < n; ++k) {
      if (dx) dx[at(k)] = slope(k).dx(mean_d, mean_dh, inv[r]);
      if (dgain) dgain[at(k)] = dy[at(k)] * slope(k).h;
    }
  }
}

}  // namespace lat::kernels::spec
