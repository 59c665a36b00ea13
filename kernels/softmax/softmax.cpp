// Each row is read three times (maximum, sum, result) while it lies in the cache; exp is computed
// once. Of short rows, such as the few actions of an agent, a vector holds one element of many.
#include "kernels/softmax/softmax.h"

#include "kernels/common/reduce.h"
#include "kernels/softmax/terms.h"

namespace lat::kernels::LAT_ISA {
namespace {

constexpr i64 kShort = 8;  // elements of a short row

// Element c of n rows that follow each other, a row in each lane.
template <class T>
LAT_INLINE Vec<T> column(const T* x, i64 cols, i64 c, i64 n) {
  alignas(64) T lanes[kWidth<Vec<T>>]{};
  for (i64 l = 0; l < n; ++l) lanes[l] = x[l * cols + c];
  return load<Vec<T>>(lanes);
}
template <class T>
LAT_INLINE void set_column(T* y, i64 cols, i64 c, i64 n, Vec<T> v) {
  alignas(64) T lanes[kWidth<Vec<T>>];
  store(lanes, v);
  for (i64 l = 0; l < n; ++l) y[l * cols + c] = lanes[l];
}

// term(c), 0 <= c < cols <= kShort, joined in the order of common/reduce_spec.h.
template <class Op, class V, class Term>
LAT_INLINE V short_join(i64 cols, Term&& term) {
  V lane[kShort];
  for (i64 c = 0; c < kShort; ++c) {
    lane[c] = Op::template start<V>();
    if (c < cols) lane[c] = Op::join(lane[c], term(c));
  }
#pragma GCC unroll 4
  for (i64 half = kShort / 2; half > 0; half /= 2)
#pragma GCC unroll 4
    for (i64 c = 0; c < half; ++c) lane[c] = Op::join(lane[c], lane[c + half]);
  return lane[0];
}

template <class T>
void short_log_softmax(Part part, T* y, const T* x, i64 rows, i64 cols) {
  using V = Vec<T>;
  for (i64 r = part.begin(rows), n; r < part.end(rows); r += n) {
    n = min_of(kWidth<V>, part.end(rows) - r);
    V xs[kShort];
    for (i64 c = 0; c < cols; ++c) xs[c] = column(x + r * cols, cols, c, n);
    const V most = short_join<Largest, V>(cols, [&](i64 c) LAT_FLAT { return xs[c]; });
    const V log_sum = m::log(
        short_join<Sum, V>(cols, [&](i64 c) LAT_FLAT { return softmax_weight(xs[c], most); }));
    for (i64 c = 0; c < cols; ++c)
      set_column(y + r * cols, cols, c, n, log_softmax_value(xs[c], most, log_sum));
  }
}

template <class T>
void short_log_softmax_d1(Part part, T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  using V = Vec<T>;
  for (i64 r = part.begin(rows), n; r < part.end(rows); r += n) {
    n = min_of(kWidth<V>, part.end(rows) - r);
    V dys[kShort];
    for (i64 c = 0; c < cols; ++c) dys[c] = column(dy + r * cols, cols, c, n);
    const V sum = short_join<Sum, V>(cols, [&](i64 c) LAT_FLAT { return dys[c]; });
    for (i64 c = 0; c < cols; ++c)
      set_column(dx + r * cols, cols, c, n,
                 log_softmax_slope(dys[c], column(y + r * cols, cols, c, n), sum));
  }
}

}  // namespace

template <class T>
void log_softmax(Part part, T* y, const T* x, i64 rows, i64 cols) {
  if (cols <= kShort) return short_log_softmax(part, y, x, rows, cols);
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const T* xr = x + r * cols;
    T* yr = y + r * cols;
    const Vec<T> most = splat<Vec<T>>(row_most(xr, cols));
    const Vec<T> log_sum = splat<Vec<T>>(m::log(row_total<T>(
        cols, [&](auto in, i64 c) LAT_FLAT { return softmax_weight(in.load(xr + c), most); })));
    map<T>({0, cols}, [&](auto in, i64 c) LAT_FLAT {
      in.store(yr + c, log_softmax_value(in.load(xr + c), most, log_sum));
    });
  }
}

template <class T>
void log_softmax_d1(Part part, T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  if (cols <= kShort) return short_log_softmax_d1(part, dx, dy, y, rows, cols);
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const T* dyr = dy + r * cols;
    const Vec<T> sum = splat<Vec<T>>(row_total(dyr, cols));
    map<T>({r * cols, (r + 1) * cols}, [&](auto in, i64 i) LAT_FLAT {
      in.store(dx + i, log_softmax_slope(in.load(dy + i), in.load(y + i), sum));
    });
  }
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/softmax/softmax.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
