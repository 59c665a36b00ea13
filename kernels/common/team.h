#pragma once
// CUDA: who works on a row. A short row belongs to a warp, a long one to a block whose warps take a
// chunk each; a kernel is written once, for a team of either kind:
//
//   stream.launch(is_long(cols) ? kernel<BlockTeam, T> : kernel<WarpTeam, T>,
//                 {team_blocks(rows, cols), kTeamThreads}, arguments...);
#include "kernels/common/warp.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kTeamWarps = 8, kTeamThreads = kTeamWarps * kWarp;  // of a block

constexpr bool is_long(i64 cols) { return cols > kRowChunk; }
constexpr i64 team_blocks(i64 rows, i64 cols) {
  return is_long(cols) ? rows : ceil_div(rows, kTeamWarps);
}

struct WarpTeam {
  static constexpr i64 kSize = kWarp;
  static __device__ __forceinline__ i64 row() {
    return blockIdx.x * kTeamWarps + threadIdx.x / kWarp;
  }
  static __device__ __forceinline__ i64 rank() { return threadIdx.x % kWarp; }
  // Joins term(c), 0 <= c < cols, in the fixed order: rank 0 has the result.
  template <class Op, class T, class Term>
  static __device__ __forceinline__ T join(i64 cols, Term&& term) {
    return warp_row<Op, T>(cols, term);
  }
  // What rank 0 has.
  template <class T>
  static __device__ __forceinline__ T broadcast(T value) {
    return __shfl_sync(kAllLanes, value, 0);
  }
};

// Two calls of broadcast need a call of join between them.
struct BlockTeam {
  static constexpr i64 kSize = kTeamThreads;
  static __device__ __forceinline__ i64 row() { return blockIdx.x; }
  static __device__ __forceinline__ i64 rank() { return threadIdx.x; }
  template <class Op, class T, class Term>
  static __device__ __forceinline__ T join(i64 cols, Term&& term) {
    CU_SHARED(T, scratch, [kTeamWarps]);
    return block_row<Op>(cols, scratch, term);
  }
  template <class T>
  static __device__ __forceinline__ T broadcast(T value) {
    CU_SHARED(T, box, [1]);
    if (threadIdx.x == 0) box[0] = value;
    __syncthreads();
    return box[0];
  }
};

}  // namespace lat::kernels::LAT_ISA
