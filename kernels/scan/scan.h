#pragma once
// Linear recurrences along time, a column each: a, b, y (steps, cols), time-major. Bound by memory.
//
// Step k stands in row k, or in row steps - 1 - k where `reverse` is 1. start (cols), or null: 0.
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kScanGrain = 16384;  // elements that take about 10 us

// y[k] = a[k] y[k-1] + b[k], one fma; y[-1] = start
template <class T>
void scan(Part part, T* y, const T* a, const T* b, const T* start, i64 steps, i64 cols,
          i64 reverse);
template <class T>
Plan scan_plan(T*, const T*, const T*, const T*, i64 steps, i64 cols, i64) {
  return share(steps * cols, kScanGrain, ceil_div(cols, 64));
}

// The same recurrence the other way:
//   db[k] = a[k+1] db[k+1] + dy[k], one fma, from db[steps-1] = dy[steps-1]
//   da[k] = db[k] y[k-1]                        dstart = a[0] db[0]
// da and dstart may be null.
template <class T>
void scan_d1(Part part, T* da, T* db, T* dstart, const T* dy, const T* a, const T* y,
             const T* start, i64 steps, i64 cols, i64 reverse);
template <class T>
Plan scan_d1_plan(T*, T*, T*, const T*, const T*, const T*, const T*, i64 steps, i64 cols, i64) {
  return share(steps * cols, kScanGrain, ceil_div(cols, 64));
}

}  // namespace lat::kernels::LAT_ISA
