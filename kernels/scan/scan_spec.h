#pragma once
// Linear recurrences as plain loops.
#include "kernels/scan/steps.h"

namespace lat::kernels::spec {

template <class T>
void scan(T* y, const T* a, const T* b, const T* start, i64 steps, i64 cols, i64 reverse) {
  const Steps at(steps, cols, reverse);
  for (i64 c = 0; c < cols; ++c) {
    T carry = start ? start[c] : T(0);
    for (i64 k = 0; k < steps; ++k) {
      const i64 i = at(k) + c;
      y[i] = carry = fma(a[i], carry, b[i]);
    }
  }
}

template <class T>
void scan_d1(T* da, T* db, T* dstart, const T* dy, const T* a, const T* y, const T* start,
             i64 steps, i64 cols, i64 reverse) {
  const Steps at(steps, cols, reverse);
  for (i64 c = 0; c < cols; ++c) {
    const T first = start ? start[c] : T(0);
    T d = 0;
    for (i64 k = steps - 1; k >= 0; --k) {
      const i64 i = at(k) + c;
      d = k == steps - 1 ? dy[i] : fma(a[at(k + 1) + c], d, dy[i]);
      db[i] = d;
      if (da) da[i] = d * (k > 0 ? y[at(k - 1) + c] : first);
    }
    if (dstart) dstart[c] = steps > 0 ? a[at(0) + c] * d : T(0);
  }
}

}  // namespace lat::kernels::spec
