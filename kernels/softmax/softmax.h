#pragma once
// Logarithms of probabilities from logits, a row at a time. Bound by exp.
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kSoftmaxGrain = 8192;  // elements that take about 10 us

// y[r,c] = (x[r,c] - max) - log sum_c exp(x[r,c] - max), max over the row      x, y (rows, cols)
template <class T>
void log_softmax(Part part, T* y, const T* x, i64 rows, i64 cols);
template <class T>
Plan log_softmax_plan(T*, const T*, i64 rows, i64 cols) {
  return share(rows * cols, kSoftmaxGrain, rows);
}

// dx[r,c] = dy[r,c] - exp(y[r,c]) sum_c dy[r,c]
template <class T>
void log_softmax_d1(Part part, T* dx, const T* dy, const T* y, i64 rows, i64 cols);
template <class T>
Plan log_softmax_d1_plan(T*, const T*, const T*, i64 rows, i64 cols) {
  return share(rows * cols, kSoftmaxGrain, rows);
}

}  // namespace lat::kernels::LAT_ISA
