#pragma once
// Sums and maxima as plain loops; rows in the order of common/reduce_spec.h.
#include "kernels/common/reduce_spec.h"

namespace lat::kernels::spec {

template <class T>
void row_sum(T* y, const T* x, i64 rows, i64 cols, double scale) {
  for (i64 r = 0; r < rows; ++r)
    y[r] = T(scale) * row_total<T>(cols, [&](i64 c) { return x[r * cols + c]; });
}

template <class T>
void row_max(T* y, const T* x, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r) y[r] = row_most(x + r * cols, cols);
}

// The sum of x[0], x[stride], ... x[(n - 1) stride], rows `begin` to `end` of them, as a chain from
// +0.
template <class T>
T chain_sum(const T* x, i64 begin, i64 end, i64 stride) {
  T sum = 0;
  for (i64 k = begin; k < end; ++k) sum += x[k * stride];
  return sum;
}

template <class T>
void col_sum_into(InOut<T> y, const T* x, i64 outer, i64 n, i64 inner) {
  for (i64 o = 0; o < outer; ++o)
    for (i64 i = 0; i < inner; ++i)
      for (i64 k = 0; k < n; k += kChunk)
        y.p[o * inner + i] += chain_sum(x + o * n * inner + i, k, min_of(n, k + kChunk), inner);
}

template <class T>
void col_sum(T* y, const T* x, i64 outer, i64 n, i64 inner) {
  for (i64 o = 0; o < outer; ++o)
    for (i64 i = 0; i < inner; ++i) {
      const T* column = x + o * n * inner + i;
      T total = chain_sum(column, 0, min_of(n, kChunk), inner);
      for (i64 k = kChunk; k < n; k += kChunk)
        total += chain_sum(column, k, min_of(n, k + kChunk), inner);
      y[o * inner + i] = total;
    }
}

}  // namespace lat::kernels::spec
