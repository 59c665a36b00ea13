#pragma once
// log-softmax as plain loops; rows are joined in the order of common/reduce_spec.h.
#include "kernels/common/reduce_spec.h"
#include "kernels/softmax/terms.h"

namespace lat::kernels::spec {

template <class T>
void log_softmax(T* y, const T* x, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r, x += cols, y += cols) {
    const T most = row_most(x, cols);
    const T log_sum = m::log(row_total<T>(cols, [&](i64 c) { return softmax_weight(x[c], most); }));
    for (i64 c = 0; c < cols; ++c) y[c] = log_softmax_value(x[c], most, log_sum);
  }
}

template <class T>
void log_softmax_d1(T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r, dx += cols, dy += cols, y += cols) {
    const T sum = row_total<T>(cols, [&](i64 c) { return dy[c]; });
    for (i64 c = 0; c < cols; ++c) dx[c] = log_softmax_slope(dy[c], y[c], sum);
  }
}

}  // namespace lat::kernels::spec
