#pragma once
// CUDA: rows joined by a warp or a block in the order of reduce_spec.h. Lane t of a warp holds the
// lanes t and t + 32 of the 64, so that the first fold is its own and the others are shuffles.
#include "kernels/common/cuda.h"
#include "kernels/common/join.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;
static_assert(kLanes == 2 * kWarp);

// Joins term(c), begin <= c < end, the terms of one chunk: lane 0 has the result.
template <class Op, class T, class Term>
__device__ __forceinline__ T warp_chunk(i64 begin, i64 end, Term&& term) {
  T low = Op::template start<T>(), high = low;
  for (i64 c = begin + threadIdx.x % kWarp; c < end; c += kLanes) {
    low = Op::join(low, term(c));
    if (c + kWarp < end) high = Op::join(high, term(c + kWarp));
  }
  T joined = Op::join(low, high);
  for (unsigned half = kWarp / 2; half > 0; half /= 2)
    joined = Op::join(joined, __shfl_down_sync(kAllLanes, joined, half));
  return joined;
}

// Joins term(c), 0 <= c < cols, a row that one warp reads: lane 0 has the result.
template <class Op, class T, class Term>
__device__ __forceinline__ T warp_row(i64 cols, Term&& term) {
  T total = Op::template start<T>();
  for (i64 chunk = 0; chunk < cols; chunk += kRowChunk) {
    const T joined = warp_chunk<Op, T>(chunk, min_of(cols, chunk + kRowChunk), term);
    total = chunk == 0 ? joined : Op::join(total, joined);
  }
  return total;
}

// The same of a row that a block of `warps` warps reads, a chunk each: thread 0 has the result. The
// block must not use `scratch` before its next barrier.
template <class Op, i64 warps, class T, class Term>
__device__ __forceinline__ T block_row(i64 cols, T (&scratch)[warps], Term&& term) {
  const i64 warp = threadIdx.x / kWarp;
  T total = Op::template start<T>();
  for (i64 first = 0; first < cols; first += warps * kRowChunk) {
    const i64 chunk = first + warp * kRowChunk;
    if (first > 0) __syncthreads();
    if (chunk < cols) {
      const T joined = warp_chunk<Op, T>(chunk, min_of(cols, chunk + kRowChunk), term);
      if (threadIdx.x % kWarp == 0) scratch[warp] = joined;
    }
    __syncthreads();
    if (threadIdx.x == 0)
      for (i64 w = 0; w < warps && first + w * kRowChunk < cols; ++w)
        total = first + w == 0 ? scratch[w] : Op::join(total, scratch[w]);
  }
  return total;
}

}  // namespace lat::kernels::LAT_ISA
