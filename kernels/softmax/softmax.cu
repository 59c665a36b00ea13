// log-softmax on a device: a short row belongs to a warp, a long one to a block. It is read three
// times (maximum, sum, result), twice of them from the cache.
#include "kernels/common/cuda.h"

#include "kernels/common/warp.h"
#include "kernels/softmax/softmax.h"
#include "kernels/softmax/terms.h"

namespace lat::kernels::LAT_ISA {
namespace {

constexpr i64 kWarps = 8;

// The threads that share a row; what they join it to, all of them know.
struct Warp {
  static constexpr i64 rows = kWarps, threads = kWarp;  // rows of a block, threads of a row

  template <class Op, class T, class Term>
  static __device__ __forceinline__ T join(i64 cols, Term&& term) {
    return __shfl_sync(kAllLanes, warp_row<Op, T>(cols, term), 0);
  }
};
struct Block {
  static constexpr i64 rows = 1, threads = kWarps * kWarp;

  template <class Op, class T, class Term>
  static __device__ __forceinline__ T join(i64 cols, Term&& term) {
    CU_SHARED(T, scratch, [kWarps]);
    CU_SHARED(T, result, [1]);
    const T joined = block_row<Op>(cols, scratch, term);
    if (threadIdx.x == 0) result[0] = joined;
    __syncthreads();
    return result[0];
  }
};

template <class Team, class T>
__global__ void log_softmax_rows(T* y, const T* x, i64 rows, i64 cols) {
  const i64 r = blockIdx.x * Team::rows + threadIdx.x / Team::threads;
  if (r >= rows) return;
  const T* const from = x + r * cols;
  T* const to = y + r * cols;
  const T most = Team::template join<Largest, T>(cols, [&](i64 c) { return from[c]; });
  const T log_sum = m::log(
      Team::template join<Sum, T>(cols, [&](i64 c) { return softmax_weight(from[c], most); }));
  for (i64 c = threadIdx.x % Team::threads; c < cols; c += Team::threads)
    to[c] = log_softmax_value(from[c], most, log_sum);
}

template <class Team, class T>
__global__ void log_softmax_slopes(T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  const i64 r = blockIdx.x * Team::rows + threadIdx.x / Team::threads;
  if (r >= rows) return;
  const T sum = Team::template join<Sum, T>(cols, [&](i64 c) { return dy[r * cols + c]; });
  for (i64 c = threadIdx.x % Team::threads; c < cols; c += Team::threads) {
    const i64 i = r * cols + c;
    dx[i] = log_softmax_slope(dy[i], y[i], sum);
  }
}

}  // namespace

template <class T>
void log_softmax(Part stream, T* y, const T* x, i64 rows, i64 cols) {
  const bool is_short = cols <= kRowChunk;
  stream.launch(is_short ? log_softmax_rows<Warp, T> : log_softmax_rows<Block, T>,
                {is_short ? ceil_div(rows, kWarps) : rows, kWarps * kWarp}, y, x, rows, cols);
}

template <class T>
void log_softmax_d1(Part stream, T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  const bool is_short = cols <= kRowChunk;
  stream.launch(is_short ? log_softmax_slopes<Warp, T> : log_softmax_slopes<Block, T>,
                {is_short ? ceil_div(rows, kWarps) : rows, kWarps * kWarp}, dx, dy, y, rows, cols);
}

#define LAT_INSTANTIATE(T)                                 \
  template void log_softmax(Part, T*, const T*, i64, i64); \
  template void log_softmax_d1(Part, T*, const T*, const T*, i64, i64);
LAT_INSTANTIATE(float)
LAT_INSTANTIATE(double)

}  // namespace lat::kernels::LAT_ISA
