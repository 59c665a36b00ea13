// Sums and maxima along rows and columns on a device. A row belongs to a team, a column to a thread
// for every chunk. What is added in which order is the specification's.
#include "kernels/common/cuda.h"

#include "kernels/common/team.h"
#include "kernels/reduce/reduce.h"

namespace lat::kernels::LAT_ISA {
namespace {

constexpr i64 kColumns = 32, kChunks = 8;  // of a block

template <class Team, class Op, class T>
__global__ void join_rows(T* y, const T* x, i64 rows, i64 cols, T scale) {
  const i64 r = Team::row();
  if (r >= rows) return;
  const T total = Team::template join<Op, T>(cols, [&](i64 c) { return x[r * cols + c]; });
  if (Team::rank() == 0) y[r] = scale * total;
}

template <class Op, class T>
void rows_joined(Part stream, T* y, const T* x, i64 rows, i64 cols, T scale) {
  stream.launch(is_long(cols) ? join_rows<BlockTeam, Op, T> : join_rows<WarpTeam, Op, T>,
                {team_blocks(rows, cols), kBlockThreads}, y, x, rows, cols, scale);
}

template <bool into, class T>
__global__ void sum_columns(T* y, const T* x, i64 n, i64 inner) {
  CU_SHARED(T, sums, [kChunks][kColumns]);
  const i64 i = blockIdx.x * kColumns + threadIdx.x, slot = threadIdx.y;
  const T* const column = x + blockIdx.y * n * inner + i;
  T* const to = y + blockIdx.y * inner + i;
  const bool exists = i < inner, adds = exists && slot == 0;
  T total = into && adds ? *to : T(0);
  for (i64 first = 0; first < n; first += kChunks * kChunk) {
    const i64 chunk = first + slot * kChunk, end = min_of(n, chunk + kChunk);
    T sum = 0;
    if (exists)
      for (i64 k = chunk; k < end; ++k) sum += column[k * inner];
    if (first > 0) __syncthreads();
    sums[slot][threadIdx.x] = sum;
    __syncthreads();
    if (adds)
      for (i64 s = 0; s < kChunks && first + s * kChunk < n; ++s) {
        const T next = sums[s][threadIdx.x];
        total = !into && first + s == 0 ? next : total + next;
      }
  }
  if (adds) *to = total;
}

// blockIdx.y counts no further than 65535.
template <bool into, class T>
void column_sums(Part stream, T* y, const T* x, i64 outer, i64 n, i64 inner) {
  constexpr i64 most = 65535;
  for (i64 o = 0; o < outer; o += most)
    stream.launch(sum_columns<into, T>,
                  {{ceil_div(inner, kColumns), min_of(most, outer - o)}, {kColumns, kChunks}},
                  y + o * inner, x + o * n * inner, n, inner);
}

}  // namespace

template <class T>
void row_sum(Part stream, T* y, const T* x, i64 rows, i64 cols, double scale) {
  rows_joined<Sum>(stream, y, x, rows, cols, T(scale));
}

template <class T>
void row_max(Part stream, T* y, const T* x, i64 rows, i64 cols) {
  rows_joined<Largest>(stream, y, x, rows, cols, T(1));
}

template <class T>
void col_sum(Part stream, T* y, const T* x, i64 outer, i64 n, i64 inner) {
  column_sums<false>(stream, y, x, outer, n, inner);
}

template <class T>
void col_sum_into(Part stream, InOut<T> y, const T* x, i64 outer, i64 n, i64 inner) {
  column_sums<true>(stream, y.p, x, outer, n, inner);
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/reduce/reduce.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
