// Elementwise operations, whole vectors at a time. A broadcast is walked as runs along its last
// axis, after axes that lie side by side in every operand have been joined: most calls become one
// run.
#include "kernels/elementwise/elementwise.h"

#include "kernels/common/map.h"
#include "kernels/common/planted.h"
#include "kernels/elementwise/axes.h"
#include "kernels/elementwise/functions.h"

namespace lat::kernels::LAT_ISA {
namespace {

template <class Fn, class T>
LAT_INLINE void map_f(Part part, T* y, const T* x, i64 n, double p, double q) {
  const Vec<T> vp = splat<Vec<T>>(T(p)), vq = splat<Vec<T>>(T(q));
  map<T>(cut(part, n),
         [&](auto in, i64 i) LAT_FLAT { in.store(y + i, Fn::f(in.load(x + i), vp, vq)); });
}

template <class Fn, class T>
LAT_INLINE void map_d1(Part part, T* dx, const T* dy, const T* x, const T* y, i64 n, double p,
                       double q) {
  const Vec<T> vp = splat<Vec<T>>(T(p)), vq = splat<Vec<T>>(T(q));
  map<T>(cut(part, n), [&](auto in, i64 i) LAT_FLAT {
    in.store(dx + i, in.load(dy + i) * Fn::d1(in.load(x + i), in.load(y + i), vp, vq));
  });
}

template <class Fn, class T>
LAT_INLINE void map_d2(Part part, T* g, const T* u, const T* dy, const T* x, const T* y, i64 n,
                       double p, double q) {
  const Vec<T> vp = splat<Vec<T>>(T(p)), vq = splat<Vec<T>>(T(q));
  map<T>(cut(part, n), [&](auto in, i64 i) LAT_FLAT {
    const Vec<T> f2 = Fn::d2(in.load(x + i), in.load(y + i), vp, vq);
    in.store(g + i, in.load(u + i) * in.load(dy + i) * f2);
  });
}

// run(i, ia, ib, n): elements i .. i + n of y lie along the last axis, starting at a[ia] and b[ib].
template <class Run>
LAT_INLINE void for_runs(const Axes& x, Range r, Run&& run) {
  if (r.begin >= r.end) return;
  const i64 rows = x.extent[2], cols = x.extent[3];
  i64 col = r.begin % cols, row = r.begin / cols % rows, outer = r.begin / (rows * cols);
  for (i64 i = r.begin; i < r.end; row = 0, ++outer) {
    const i64 o0 = outer / x.extent[1], o1 = outer % x.extent[1];
    i64 ia = o0 * x.a[0] + o1 * x.a[1] + row * x.a[2],
        ib = o0 * x.b[0] + o1 * x.b[1] + row * x.b[2];
    for (; row < rows && i < r.end; ++row, ia += x.a[2], ib += x.b[2]) {
      const i64 n = min_of(cols - col, r.end - i);
      run(i, ia + col * x.a[3], ib + col * x.b[3], n);
      i += n, col = 0;
    }
  }
}

// An operand of a run: neighbours (stride 1), one element (0), or any stride.
template <i64 stride, class T, class In>
LAT_INLINE Vec<T> load_run(In in, const T* p, i64 i) {
  if constexpr (stride == 0)
    return splat<Vec<T>>(*p);
  else
    return in.load(p + i);
}

template <class Fn, i64 sa, i64 sb, class T>
void binary_runs(Range r, const Axes& x, T* y, const T* a, const T* b) {
  for_runs(x, r, [&](i64 first, i64 ia, i64 ib, i64 n) LAT_FLAT {
    map<T>({0, n}, [&](auto in, i64 i) LAT_FLAT {
      in.store(y + first + i, Fn::f(load_run<sa>(in, a + ia, i), load_run<sb>(in, b + ib, i)));
    });
  });
}

template <class Fn, class T>
void binary(Part part, T* y, const T* a, const T* b, const Axes& x) {
  const Range r = cut(part, x.size);
  const i64 sa = x.a[3], sb = x.b[3];
  if (x.extent[3] > 4) {  // a few elements are quicker one by one than as part of a vector
    if (sa == 1 && sb == 1) return binary_runs<Fn, 1, 1>(r, x, y, a, b);
    if (sa == 1 && sb == 0) return binary_runs<Fn, 1, 0>(r, x, y, a, b);
    if (sa == 0 && sb == 1) return binary_runs<Fn, 0, 1>(r, x, y, a, b);
  }
  for_runs(x, r, [=](i64 first, i64 ia, i64 ib, i64 n) LAT_FLAT {
    for (i64 i = 0; i < n; ++i) y[first + i] = Fn::f(a[ia + i * sa], b[ib + i * sb]);
  });
}

// y[i,j] = x[i + j stride] for `rows` by `cols`, in blocks that keep both sides in the cache.
template <class T>
void transpose(T* y, const T* x, i64 rows, i64 cols, i64 stride) {
  constexpr i64 block = 16;
  for (i64 j0 = 0; j0 < cols; j0 += block)
    for (i64 i0 = 0; i0 < rows; i0 += block) {
      const i64 i1 = min_of(rows, i0 + block), j1 = min_of(cols, j0 + block);
      for (i64 i = i0; i < i1; ++i)
        for (i64 j = j0; j < j1; ++j) y[i * cols + j] = x[i + j * stride];
    }
}

}  // namespace

#define UNARY(name, ...)                                                                  \
  template <class T>                                                                      \
  void name(Part part, T* y, const T* x, i64 n, double p, double q) {                     \
    map_f<fn::name>(part, y, x, n, p, q);                                                 \
  }                                                                                       \
  template <class T>                                                                      \
  void name##_d1(Part part, T* dx, const T* dy, const T* x, const T* y, i64 n, double p,  \
                 double q) {                                                              \
    map_d1<fn::name>(part, dx, dy, x, y, n, p, q);                                        \
  }                                                                                       \
  template <class T>                                                                      \
  void name##_d2(Part part, T* g, const T* u, const T* dy, const T* x, const T* y, i64 n, \
                 double p, double q) {                                                    \
    map_d2<fn::name>(part, g, u, dy, x, y, n, p, q);                                      \
  }
#include "kernels/elementwise/unary.def"
#undef UNARY

#define BINARY(name, ...)                                                                    \
  template <class T>                                                                         \
  void name(Part part, T* y, const T* a, const T* b, i64 d0, i64 d1, i64 d2, i64 d3, i64 a0, \
            i64 a1, i64 a2, i64 a3, i64 b0, i64 b1, i64 b2, i64 b3) {                        \
    binary<fn::name>(part, y, a, b,                                                          \
                     join_axes({d0, d1, d2, d3}, {a0, a1, a2, a3}, {b0, b1, b2, b3}));       \
  }
#include "kernels/elementwise/binary.def"
#undef BINARY

template <class T>
void expand(Part part, T* y, const T* x, i64 d0, i64 d1, i64 d2, i64 d3, i64 x0, i64 x1, i64 x2,
            i64 x3) {
  const Axes axes = join_axes({d0, d1, d2, d3}, {x0, x1, x2, x3}, {x0, x1, x2, x3});
  const i64 stride = axes.a[3], rows = axes.extent[2], cols = axes.extent[3];
  if (axes.a[2] == 1 && stride > 1 && rows > 1) {  // a transposition: cut at whole groups of rows
    constexpr i64 group = 16;
    const i64 groups = ceil_div(rows, group);
    const i64 units = axes.extent[0] * axes.extent[1] * groups;
    for (i64 u = part.begin(units); u < part.end(units); ++u) {
      const i64 outer = u / groups, i = u % groups * group;
      const T* from = x + outer / axes.extent[1] * axes.a[0] + outer % axes.extent[1] * axes.a[1];
      transpose(y + (outer * rows + i) * cols, from + i, min_of(group, rows - i), cols, stride);
    }
    return;
  }
  const Range r = cut(part, axes.size);
  for_runs(axes, r, [&](i64 first, i64 from, i64, i64 n) LAT_FLAT {
    T* to = y + first;
    if (stride == 1)
      map<T>({0, n}, [&](auto in, i64 i) LAT_FLAT { in.store(to + i, in.load(x + from + i)); });
    else if (stride == 0)
      map<T>({0, n}, [&](auto in, i64 i) LAT_FLAT { in.store(to + i, splat<Vec<T>>(x[from])); });
    else
      for (i64 i = 0; i < n; ++i) to[i] = x[from + i * stride];
  });
}

template <class T>
void fill(Part part, T* y, i64 n, double value) {
  if (planted(Bug::fill_leaves_last)) --n;
  map<T>(cut(part, n), [&](auto in, i64 i) LAT_FLAT { in.store(y + i, splat<Vec<T>>(T(value))); });
}

template <class T>
void fill_i32(Part part, i32* y, i64 n, i64 value) {
  const Range r = cut(part, n);
  for (i64 i = r.begin; i < r.end; ++i) y[i] = i32(value);
}

template <class T>
void copy(Part part, T* y, const T* x, i64 n) {
  map<T>(cut(part, n), [&](auto in, i64 i) LAT_FLAT { in.store(y + i, in.load(x + i)); });
}

template <class T>
void copy_rows(Part part, InOut<T> y, const T* x, i64 rows, i64 cols, i64 y_stride, i64 x_stride) {
  const Axes axes = join_axes({1, 1, rows, cols}, {0, 0, y_stride, 1}, {0, 0, x_stride, 1});
  for_runs(axes, cut(part, axes.size), [&](i64, i64 to, i64 from, i64 n) LAT_FLAT {
    if (axes.a[3] == 1 && axes.b[3] == 1)
      map<T>({0, n},
             [&](auto in, i64 i) LAT_FLAT { in.store(y.p + to + i, in.load(x + from + i)); });
    else  // one column
      for (i64 i = 0; i < n; ++i) y.p[to + i * axes.a[3]] = x[from + i * axes.b[3]];
  });
}

template <class T>
void add_into(Part part, InOut<T> y, const T* x, i64 n) {
  map<T>(cut(part, n),
         [&](auto in, i64 i) LAT_FLAT { in.store(y.p + i, in.load(y.p + i) + in.load(x + i)); });
}

template <class T>
void cast_u8(Part part, T* y, const u8* x, i64 n, double scale) {
  const Range r = cut(part, n);
  const T s = T(scale);
  for (i64 i = r.begin; i < r.end; ++i) y[i] = T(x[i]) * s;
}

template <class T>
void act_d1(Part part, T* dx, const T* dy, const T* y, i64 n, i64 act) {
  map<T>(cut(part, n), [&](auto in, i64 i) LAT_FLAT {
    in.store(dx + i, in.load(dy + i) * fn::act_slope(in.load(y + i), act));
  });
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/elementwise/elementwise.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
