#pragma once
// Matrix products as plain loops. The order of the additions is that of sum_of_products.
#include "kernels/common/activate.h"
#include "kernels/common/chain.h"

namespace lat::kernels::spec {

// (a b)[i,j] of one batch member, summed onto *start.
template <class T>
T matmul_element(const T* start, const T* a, const T* b, i64 g, i64 i, i64 j, i64 m, i64 n, i64 k,
                 i64 flags) {
  if (!(flags & 4)) a += g * m * k;
  if (!(flags & 8)) b += g * k * n;
  return sum_of_products<T>(k, start, [&](i64 l, T acc) {
    const T a_il = flags & 1 ? a[l * m + i] : a[i * k + l];
    const T b_lj = flags & 2 ? b[j * k + l] : b[l * n + j];
    return fma(a_il, b_lj, acc);
  });
}

template <class T>
void matmul(T* c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k, i64 flags) {
  for (i64 g = 0; g < batch; ++g)
    for (i64 i = 0; i < m; ++i)
      for (i64 j = 0; j < n; ++j)
        c[(g * m + i) * n + j] = matmul_element<T>(nullptr, a, b, g, i, j, m, n, k, flags);
}

template <class T>
void matmul_into(InOut<T> c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k, i64 flags) {
  for (i64 g = 0; g < batch; ++g)
    for (i64 i = 0; i < m; ++i)
      for (i64 j = 0; j < n; ++j) {
        T* const c_ij = c.p + (g * m + i) * n + j;
        *c_ij = matmul_element<T>(c_ij, a, b, g, i, j, m, n, k, flags);
      }
}

template <class T>
void linear_act(T* y, const T* x, const T* w, const T* bias, i64 batch, i64 m, i64 n, i64 k,
                i64 flags, i64 act) {
  for (i64 g = 0; g < batch; ++g)
    for (i64 i = 0; i < m; ++i)
      for (i64 j = 0; j < n; ++j) {
        T v = matmul_element<T>(nullptr, x, w, g, i, j, m, n, k, flags);
        if (bias) v = v + bias[flags & 8 ? j : g * n + j];
        y[(g * m + i) * n + j] = activate(v, act);
      }
}

}  // namespace lat::kernels::spec
