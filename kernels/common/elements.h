#pragma once
// CUDA: elements bound by memory, so that each thread has several on their way, neighbours in
// neighbouring threads.
#include "kernels/common/cuda.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kElementThreads = 256, kEach = 4;

// The blocks of kElementThreads threads that n elements need.
inline i64 element_blocks(i64 n) { return ceil_div(n, kElementThreads * kEach); }

// body(i) for the elements of this thread. A result may be written over an operand.
template <class Body>
__device__ __forceinline__ void for_elements(i64 n, Body&& body) {
  const i64 first = blockIdx.x * (kElementThreads * kEach) + threadIdx.x;
  CU_UNROLL
  for (i64 k = 0; k < kEach; ++k)
    if (first + k * kElementThreads < n) body(first + k * kElementThreads);
}

}  // namespace lat::kernels::LAT_ISA
