// log-softmax on a device: a short row belongs to a warp, a long one to a block. It is read three
// times (maximum, sum, result), twice of them from the cache.
#include "kernels/common/cuda.h"

#include "kernels/common/team.h"
#include "kernels/softmax/softmax.h"
#include "kernels/softmax/terms.h"

namespace lat::kernels::LAT_ISA {
namespace {

template <class Team, class T>
__global__ void log_softmax_rows(T* y, const T* x, i64 rows, i64 cols) {
  const i64 r = Team::row();
  if (r >= rows) return;
  const T* const from = x + r * cols;
  T* const to = y + r * cols;
  const T most = Team::template join<Largest, T>(cols, [&](i64 c) { return from[c]; });
  const T log_sum = m::log(
      Team::template join<Sum, T>(cols, [&](i64 c) { return softmax_weight(from[c], most); }));
  for (i64 c = Team::rank(); c < cols; c += Team::kThreads)
    to[c] = log_softmax_value(from[c], most, log_sum);
}

template <class Team, class T>
__global__ void log_softmax_slopes(T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  const i64 r = Team::row();
  if (r >= rows) return;
  const T sum = Team::template join<Sum, T>(cols, [&](i64 c) { return dy[r * cols + c]; });
  for (i64 c = Team::rank(); c < cols; c += Team::kThreads) {
    const i64 i = r * cols + c;
    dx[i] = log_softmax_slope(dy[i], y[i], sum);
  }
}

}  // namespace

template <class T>
void log_softmax(Part stream, T* y, const T* x, i64 rows, i64 cols) {
  stream.launch(is_long(cols) ? log_softmax_rows<BlockTeam, T> : log_softmax_rows<WarpTeam, T>,
                {team_blocks(rows, cols), kBlockThreads}, y, x, rows, cols);
}

template <class T>
void log_softmax_d1(Part stream, T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  stream.launch(is_long(cols) ? log_softmax_slopes<BlockTeam, T> : log_softmax_slopes<WarpTeam, T>,
                {team_blocks(rows, cols), kBlockThreads}, dx, dy, y, rows, cols);
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/softmax/softmax.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
