// Sums and maxima along rows and columns on a device. A row belongs to a team. What is added in which
// order is the specification's.
#include "kernels/common/cuda.h"

#include "kernels/common/columns.h"
#include "kernels/common/team.h"
#include "kernels/reduce/reduce.h"

namespace lat::kernels::LAT_ISA {
namespace {

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
