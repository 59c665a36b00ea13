// Linear recurrences on a device: a thread has a column, neighbours in neighbouring threads. What a
// step reads does not wait for the step before.
#include "kernels/common/cuda.h"

#include "kernels/scan/scan.h"
#include "kernels/scan/steps.h"

namespace lat::kernels::LAT_ISA {
namespace {

constexpr i64 kColumns = 64;  // of a block: few, for there are often few of them

template <class T>
__global__ void scan_columns(T* y, const T* a, const T* b, const T* start, i64 steps, i64 cols,
                             Steps at) {
  const i64 c = blockIdx.x * kColumns + threadIdx.x;
  if (c >= cols) return;
  T carry = start ? start[c] : T(0);
  CU_UNROLL_BY(8)
  for (i64 k = 0; k < steps; ++k) {
    const i64 i = at(k) + c;
    y[i] = carry = fma(a[i], carry, b[i]);
  }
}

template <class T>
__global__ void scan_slopes(T* da, T* db, T* dstart, const T* dy, const T* a, const T* y,
                            const T* start, i64 steps, i64 cols, Steps at) {
  const i64 c = blockIdx.x * kColumns + threadIdx.x;
  if (c >= cols) return;
  const T first = start ? start[c] : T(0);
  T d = 0;
  CU_UNROLL_BY(4)
  for (i64 k = steps - 1; k >= 0; --k) {
    const i64 i = at(k) + c;
    d = k == steps - 1 ? dy[i] : fma(a[at(k + 1) + c], d, dy[i]);
    db[i] = d;
    if (da) da[i] = d * (k > 0 ? y[at(k - 1) + c] : first);
  }
  if (dstart) dstart[c] = steps > 0 ? a[at(0) + c] * d : T(0);
}

}  // namespace

template <class T>
void scan(Part stream, T* y, const T* a, const T* b, const T* start, i64 steps, i64 cols,
          i64 reverse) {
  stream.launch(scan_columns<T>, {ceil_div(cols, kColumns), kColumns}, y, a, b, start, steps, cols,
                Steps(steps, cols, reverse));
}

template <class T>
void scan_d1(Part stream, T* da, T* db, T* dstart, const T* dy, const T* a, const T* y,
             const T* start, i64 steps, i64 cols, i64 reverse) {
  stream.launch(scan_slopes<T>, {ceil_div(cols, kColumns), kColumns}, da, db, dstart, dy, a, y,
                start, steps, cols, Steps(steps, cols, reverse));
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/scan/scan.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
