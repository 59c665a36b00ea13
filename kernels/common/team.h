#pragma once
// CUDA: who works on a row. A short row belongs to a warp, a long one to a block whose warps take a
// chunk each; a kernel is written once, for a team of either kind:
//
//   stream.launch(is_long(cols) ? kernel<BlockTeam, T> : kernel<WarpTeam, T>,
//                 {team_blocks(rows, cols), kBlockThreads}, arguments...);
#include "kernels/common/warp.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kBlockWarps = 8, kBlockThreads = kBlockWarps * kWarp;

constexpr bool is_long(i64 cols) { return cols > kRowChunk; }
constexpr i64 team_blocks(i64 rows, i64 cols) {
  return is_long(cols) ? rows : ceil_div(rows, kBlockWarps);
}

struct WarpTeam {
  static constexpr i64 kThreads = kWarp;
  static __device__ __forceinline__ i64 row() {
    return blockIdx.x * kBlockWarps + threadIdx.x / kWarp;
  }
  static __device__ __forceinline__ i64 rank() { return threadIdx.x % kWarp; }

  // Joins term(c), 0 <= c < cols, in the fixed order: all of the team know the result.
  template <class Op, class T, class Term>
  static __device__ __forceinline__ T join(i64 cols, Term&& term) {
    return __shfl_sync(kAllLanes, warp_row<Op, T>(cols, term), 0);
  }
};

struct BlockTeam {
  static constexpr i64 kThreads = kBlockThreads;
  static __device__ __forceinline__ i64 row() { return blockIdx.x; }
  static __device__ __forceinline__ i64 rank() { return threadIdx.x; }

  template <class Op, class T, class Term>
  static __device__ __forceinline__ T join(i64 cols, Term&& term) {
    CU_SHARED(T, scratch, [kBlockWarps]);
    CU_SHARED(T, result, [1]);
    const T joined = block_row<Op>(cols, scratch, term);
    if (threadIdx.x == 0) result[0] = joined;
    __syncthreads();
    return result[0];
  }
};

}  // namespace lat::kernels::LAT_ISA
