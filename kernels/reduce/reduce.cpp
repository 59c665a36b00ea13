// Rows: 64 lanes in registers. Columns: a few vectors of neighbouring columns walk down the rows
// together, each column keeping its own chain.
#include "kernels/reduce/reduce.h"

#include "kernels/common/planted.h"
#include "kernels/common/reduce.h"

namespace lat::kernels::LAT_ISA {
namespace {

// `vectors` vectors of columns from x on, `inner` elements from row to row, n rows; `in` reads and
// writes. Two chunks advance together, to have more additions in flight.
template <bool into, i64 vectors, class T, class In>
LAT_INLINE void sum_columns(In in, T* y, const T* x, i64 n, i64 inner) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>;
  V total[vectors];
#pragma GCC unroll 8
  for (i64 v = 0; v < vectors; ++v) total[v] = into ? in.load(y + v * w) : V{};
  for (i64 k = 0; k < n; k += 2 * kChunk) {
    V sum[2][vectors]{};
    const auto add = [&](i64 chunk, i64 row) LAT_FLAT {
#pragma GCC unroll 8
      for (i64 v = 0; v < vectors; ++v) sum[chunk][v] += in.load(x + row * inner + v * w);
    };
    const i64 first = min_of(kChunk, n - k), second = max_of(0, min_of(kChunk, n - k - kChunk));
    for (i64 l = 0; l < second; ++l) add(0, k + l), add(1, k + kChunk + l);
    for (i64 l = second; l < first; ++l) add(0, k + l);
#pragma GCC unroll 8
    for (i64 v = 0; v < vectors; ++v) {
      total[v] = !into && k == 0 ? sum[0][v] : total[v] + sum[0][v];
      if (second > 0) total[v] = total[v] + sum[1][v];
    }
  }
#pragma GCC unroll 8
  for (i64 v = 0; v < vectors; ++v) in.store(y + v * w, total[v]);
}

template <bool into, class T>
void column_sums(Part part, T* y, const T* x, i64 outer, i64 n, i64 inner) {
  constexpr i64 w = kWidth<Vec<T>>, block = 64;
  const i64 blocks = ceil_div(inner, block);
  for (i64 u = part.begin(outer * blocks); u < part.end(outer * blocks); ++u) {
    const i64 o = u / blocks, first = u % blocks * block;
    const i64 end = min_of(inner, first + block);
    T* to = y + o * inner;
    const T* from = x + o * n * inner;
    i64 i = first;
    for (; i + 4 * w <= end; i += 4 * w)
      sum_columns<into, 4>(Whole<T>{}, to + i, from + i, n, inner);
    for (; i + 2 * w <= end; i += 2 * w)
      sum_columns<into, 2>(Whole<T>{}, to + i, from + i, n, inner);
    for (; i + w <= end; i += w) sum_columns<into, 1>(Whole<T>{}, to + i, from + i, n, inner);
    if (i < end) sum_columns<into, 1>(Few<T>{end - i}, to + i, from + i, n, inner);
  }
}

}  // namespace

template <class T>
void row_sum(Part part, T* y, const T* x, i64 rows, i64 cols, double scale) {
  if (cols == 1) {
    const Vec<T> zero{}, s = splat<Vec<T>>(T(scale));
    return map<T>(cut(part, rows),
                  [&](auto in, i64 r) LAT_FLAT { in.store(y + r, s * (zero + in.load(x + r))); });
  }
  for (i64 r = part.begin(rows); r < part.end(rows); ++r)
    y[r] = T(scale) * row_total(x + r * cols, cols - planted(Bug::row_sum_drops_last));
  if (planted(Bug::row_sum_overruns)) y[part.end(rows)] = 0;
}

template <class T>
void row_max(Part part, T* y, const T* x, i64 rows, i64 cols) {
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) y[r] = row_most(x + r * cols, cols);
}

template <class T>
void col_sum(Part part, T* y, const T* x, i64 outer, i64 n, i64 inner) {
  column_sums<false>(part, y, x, outer, n, inner);
}

template <class T>
void col_sum_into(Part part, InOut<T> y, const T* x, i64 outer, i64 n, i64 inner) {
  column_sums<true>(part, y.p, x, outer, n, inner);
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/reduce/reduce.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
