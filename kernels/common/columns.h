#pragma once
// Column sums on a device: a thread for every column and chunk of a block. The order of the additions is that of
// kernels/reduce/reduce_spec.h.
#include "kernels/common/cuda.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kSumColumns = 32, kSumChunks = 8;  // of a block

template <bool into, class T>
__global__ void sum_columns(T* y, const T* x, i64 n, i64 inner) {
  CU_SHARED(T, sums, [kSumChunks][kSumColumns]);
  const i64 i = blockIdx.x * kSumColumns + threadIdx.x, slot = threadIdx.y;
  const T* const column = x + blockIdx.y * n * inner + i;
  T* const to = y + blockIdx.y * inner + i;
  const bool exists = i < inner, adds = exists && slot == 0;
  T total = into && adds ? *to : T(0);
  for (i64 first = 0; first < n; first += kSumChunks * kChunk) {
    const i64 chunk = first + slot * kChunk, end = min_of(n, chunk + kChunk);
    T sum = 0;
    if (exists)
      for (i64 k = chunk; k < end; ++k) sum += column[k * inner];
    if (first > 0) __syncthreads();
    sums[slot][threadIdx.x] = sum;
    __syncthreads();
    if (adds)
      for (i64 s = 0; s < kSumChunks && first + s * kChunk < n; ++s) {
        const T next = sums[s][threadIdx.x];
        total = !into && first + s == 0 ? next : total + next;
      }
  }
  if (adds) *to = total;
}

// y (outer,inner) = or += the sums over n of x (outer,n,inner). blockIdx.y counts no further than 65535.
template <bool into, class T>
void column_sums(Part stream, T* y, const T* x, i64 outer, i64 n, i64 inner) {
  constexpr i64 most = 65535;
  for (i64 o = 0; o < outer; o += most)
    stream.launch(
        sum_columns<into, T>,
        {{ceil_div(inner, kSumColumns), min_of(most, outer - o)}, {kSumColumns, kSumChunks}},
        y + o * inner, x + o * n * inner, n, inner);
}

}  // namespace lat::kernels::LAT_ISA
