#pragma once
// CUDA: kernels over the elements of arrays, which are bound by memory.
#include "kernels/common/cuda.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kThreads = 256, kEach = 4;  // threads of a block, elements of a thread

inline gpu::Extent blocks_of(i64 n) { return ceil_div(n, kThreads * kEach); }

// The elements of this thread, neighbours in neighbouring threads: value = read(i) for all of them,
// then write(i, value). So all are on their way at once, and what is written may lie over what is
// read.
template <class Read, class Write>
__device__ __forceinline__ void for_elements(i64 n, Read&& read, Write&& write) {
  const i64 first = blockIdx.x * (kThreads * kEach) + threadIdx.x;
  decltype(read(first)) value[kEach] = {};
  CU_UNROLL
  for (i64 k = 0; k < kEach; ++k)
    if (first + k * kThreads < n) value[k] = read(first + k * kThreads);
  CU_UNROLL
  for (i64 k = 0; k < kEach; ++k)
    if (first + k * kThreads < n) write(first + k * kThreads, value[k]);
}

}  // namespace lat::kernels::LAT_ISA
