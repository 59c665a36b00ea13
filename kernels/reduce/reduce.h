#pragma once
// Sums and maxima along rows and columns. Bound by memory.
//
// The order of additions depends on the sizes alone: rows in 64 lanes (common/reduce_spec.h),
// columns as a chain from +0 down the rows, cut into chunks of 512 whose sums are added in order.
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kReduceGrain = 65536;  // elements that take about 10 us

// y[r] = scale sum_c x[r,c]      x (rows, cols) -> y (rows)
template <class T>
void row_sum(Part part, T* y, const T* x, i64 rows, i64 cols, double scale);
template <class T>
Plan row_sum_plan(T*, const T*, i64 rows, i64 cols, double) {
  return share(rows * cols, kReduceGrain, rows);
}

// y[r] = max_c x[r,c], NaN when any is NaN, -inf for no columns
template <class T>
void row_max(Part part, T* y, const T* x, i64 rows, i64 cols);
template <class T>
Plan row_max_plan(T*, const T*, i64 rows, i64 cols) {
  return share(rows * cols, kReduceGrain, rows);
}

// y[o,i] = sum_n x[o,n,i]      x (outer, n, inner) -> y (outer, inner)
template <class T>
void col_sum(Part part, T* y, const T* x, i64 outer, i64 n, i64 inner);
template <class T>
Plan col_sum_plan(T*, const T*, i64 outer, i64 n, i64 inner) {
  return share(outer * n * inner, kReduceGrain, outer * ceil_div(inner, 64));
}

// y[o,i] += sum_n x[o,n,i]: the sums of the chunks are added onto y in order
template <class T>
void col_sum_into(Part part, InOut<T> y, const T* x, i64 outer, i64 n, i64 inner);
template <class T>
Plan col_sum_into_plan(InOut<T>, const T* x, i64 outer, i64 n, i64 inner) {
  return col_sum_plan(static_cast<T*>(nullptr), x, outer, n, inner);
}

}  // namespace lat::kernels::LAT_ISA
