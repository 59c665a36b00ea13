#pragma once
// The order in which a row is summed: lane l of 64 takes the terms l, l + 64, l + 128, ... from +0;
// then lane l takes lane l + 32, l + 16, ... l + 1. A row longer than 4096 is cut into chunks of
// 4096, whose sums are added in order. Maxima go the same way: which of +0 and -0 is kept depends
// on the order too.
#include "kernels/common/vec.h"

namespace lat::kernels::spec {

// The larger; a NaN wins, and of two zeros the first.
template <class T>
T larger(T a, T b) {
  return b != b || a < b ? b : a;
}

template <class T, class Join, class Term>
T row_join(i64 cols, T start, Join join, Term term) {
  T total = start;
  for (i64 chunk = 0; chunk < cols; chunk += kRowChunk) {
    T lane[kLanes];
    for (i64 l = 0; l < kLanes; ++l) lane[l] = start;
    for (i64 c = 0; c < min_of(kRowChunk, cols - chunk); ++c)
      lane[c % kLanes] = join(lane[c % kLanes], term(chunk + c));
    for (i64 half = kLanes / 2; half > 0; half /= 2)
      for (i64 l = 0; l < half; ++l) lane[l] = join(lane[l], lane[l + half]);
    total = chunk == 0 ? lane[0] : join(total, lane[0]);
  }
  return total;
}

template <class T, class Term>
T row_total(i64 cols, Term term) {
  return row_join(
      cols, T(0), [](T a, T b) { return a + b; }, term);
}

template <class T>
T row_most(const T* x, i64 cols) {
  return row_join(cols, T(-__builtin_inff()), larger<T>, [&](i64 c) { return x[c]; });
}

}  // namespace lat::kernels::spec
