// Elementwise operations on a device: bound by memory.
#include "kernels/common/cuda.h"

#include "kernels/common/divide.h"
#include "kernels/common/elements.h"
#include "kernels/elementwise/axes.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/functions.h"

namespace lat::kernels::LAT_ISA {
namespace {

template <class Fn, class T>
__global__ void map_f(T* y, const T* x, i64 n, T p, T q) {
  for_elements(
      n, [&](i64 i) { return x[i]; }, [&](i64 i, T v) { y[i] = Fn::f(v, p, q); });
}

template <class Fn, class T>
__global__ void map_d1(T* dx, const T* dy, const T* x, const T* y, i64 n, T p, T q) {
  struct Operands {
    T dy, x, y;
  };
  for_elements(
      n,
      [&](i64 i) {
        return Operands{dy[i], x[i], y[i]};
      },
      [&](i64 i, Operands v) { dx[i] = v.dy * Fn::d1(v.x, v.y, p, q); });
}

template <class Fn, class T>
__global__ void map_d2(T* g, const T* u, const T* dy, const T* x, const T* y, i64 n, T p, T q) {
  struct Operands {
    T u, dy, x, y;
  };
  for_elements(
      n,
      [&](i64 i) {
        return Operands{u[i], dy[i], x[i], y[i]};
      },
      [&](i64 i, Operands v) { g[i] = v.u * v.dy * Fn::d2(v.x, v.y, p, q); });
}

// A broadcast as threads walk it: the axis that varies slowest first, those of extent 1 last, so
// that an element is found by one division less than there are axes.
struct Broadcast {
  i64 size, a[4] = {}, b[4] = {};
  Divisor extent[4];

  explicit Broadcast(const Axes& x) : size(x.size) {
    i64 to = 0;
    for (i64 k = 0; k < 4; ++k) {
      if (x.extent[k] <= 1) continue;
      extent[to] = Divisor(x.extent[k]);
      a[to] = x.a[k];
      b[to] = x.b[k];
      ++to;
    }
  }

  struct Place {
    i64 a, b;
  };
  // Where the operands of element i lie.
  __device__ __forceinline__ Place place(i64 i) const {
    Place at{0, 0};
    CU_UNROLL
    for (i64 k = 3; k > 0; --k) {
      if (extent[k].value() == 1) continue;
      const Division d = extent[k].divide(i);
      at.a += d.remainder * a[k];
      at.b += d.remainder * b[k];
      i = d.quotient;
    }
    return {at.a + i * a[0], at.b + i * b[0]};
  }
};

template <class Fn, class T>
__global__ void map_binary(T* y, const T* a, const T* b, Broadcast x) {
  struct Operands {
    T a, b;
  };
  for_elements(
      x.size,
      [&](i64 i) {
        const Broadcast::Place at = x.place(i);
        return Operands{a[at.a], b[at.b]};
      },
      [&](i64 i, Operands v) { y[i] = Fn::f(v.a, v.b); });
}

template <class Fn, class T>
void binary(Part stream, T* y, const T* a, const T* b, const Axes& x) {
  stream.launch(map_binary<Fn, T>, {blocks_of(x.size), kThreads}, y, a, b, Broadcast(x));
}

// y[i] = x[where b lies], y contiguous
template <class T>
__global__ void expand_elements(T* y, const T* x, Broadcast from) {
  for_elements(
      from.size, [&](i64 i) { return x[from.place(i).b]; }, [&](i64 i, T v) { y[i] = v; });
}

// y[where a lies] = x[where b lies]
template <class T>
__global__ void move_elements(T* y, const T* x, Broadcast both) {
  struct Move {
    i64 to;
    T value;
  };
  for_elements(
      both.size,
      [&](i64 i) {
        const Broadcast::Place at = both.place(i);
        return Move{at.a, x[at.b]};
      },
      [&](i64, Move m) { y[m.to] = m.value; });
}

constexpr i64 kTile = 32, kTileRows = 8;  // elements of a side, rows that are read at once

// For `outer[0]` by `outer[1]` matrices, y[i,j] = x[i + j stride]: by way of shared memory, so that
// threads are neighbours along the rows that they read and along the rows that they write.
struct Transposition {
  i64 rows, cols, stride, inner, outer_stride, inner_stride;
  i64 row_tiles, col_tiles;
};
template <class T>
__global__ void transpose(T* y, const T* x, Transposition t) {
  CU_SHARED(T, tile, [kTile][kTile + 1]);
  const i64 j0 = blockIdx.x % t.col_tiles * kTile, rest = blockIdx.x / t.col_tiles;
  const i64 i0 = rest % t.row_tiles * kTile, matrix = rest / t.row_tiles;
  x += matrix / t.inner * t.outer_stride + matrix % t.inner * t.inner_stride;
  y += matrix * t.rows * t.cols;
  CU_UNROLL
  for (i64 k = 0; k < kTile; k += kTileRows) {
    const i64 i = i0 + threadIdx.x, j = j0 + k + threadIdx.y;
    if (i < t.rows && j < t.cols) tile[k + threadIdx.y][threadIdx.x] = x[i + j * t.stride];
  }
  __syncthreads();
  CU_UNROLL
  for (i64 k = 0; k < kTile; k += kTileRows) {
    const i64 i = i0 + k + threadIdx.y, j = j0 + threadIdx.x;
    if (i < t.rows && j < t.cols) y[i * t.cols + j] = tile[threadIdx.x][k + threadIdx.y];
  }
}

template <class T>
__global__ void fill_elements(T* y, i64 n, T value) {
  for_elements(
      n, [&](i64) { return value; }, [&](i64 i, T v) { y[i] = v; });
}

template <class T>
__global__ void copy_elements(T* y, const T* x, i64 n) {
  for_elements(
      n, [&](i64 i) { return x[i]; }, [&](i64 i, T v) { y[i] = v; });
}

template <class T>
__global__ void add_elements(T* y, const T* x, i64 n) {
  struct Operands {
    T y, x;
  };
  for_elements(
      n,
      [&](i64 i) {
        return Operands{y[i], x[i]};
      },
      [&](i64 i, Operands v) { y[i] = v.y + v.x; });
}

template <class T>
__global__ void cast_bytes(T* y, const u8* x, i64 n, T scale) {
  for_elements(
      n, [&](i64 i) { return x[i]; }, [&](i64 i, u8 v) { y[i] = T(v) * scale; });
}

template <class T>
__global__ void map_act_d1(T* dx, const T* dy, const T* y, i64 n, i64 act) {
  struct Operands {
    T dy, y;
  };
  for_elements(
      n,
      [&](i64 i) {
        return Operands{dy[i], y[i]};
      },
      [&](i64 i, Operands v) { dx[i] = v.dy * fn::act_slope(v.y, act); });
}

}  // namespace

#define UNARY(name, ...)                                                                         \
  template <class T>                                                                             \
  void name(Part stream, T* y, const T* x, i64 n, double p, double q) {                          \
    stream.launch(map_f<fn::name, T>, {blocks_of(n), kThreads}, y, x, n, T(p), T(q));            \
  }                                                                                              \
  template <class T>                                                                             \
  void name##_d1(Part stream, T* dx, const T* dy, const T* x, const T* y, i64 n, double p,       \
                 double q) {                                                                     \
    stream.launch(map_d1<fn::name, T>, {blocks_of(n), kThreads}, dx, dy, x, y, n, T(p), T(q));   \
  }                                                                                              \
  template <class T>                                                                             \
  void name##_d2(Part stream, T* g, const T* u, const T* dy, const T* x, const T* y, i64 n,      \
                 double p, double q) {                                                           \
    stream.launch(map_d2<fn::name, T>, {blocks_of(n), kThreads}, g, u, dy, x, y, n, T(p), T(q)); \
  }
#include "kernels/elementwise/unary.def"
#undef UNARY

#define BINARY(name, ...)                                                                      \
  template <class T>                                                                           \
  void name(Part stream, T* y, const T* a, const T* b, i64 d0, i64 d1, i64 d2, i64 d3, i64 a0, \
            i64 a1, i64 a2, i64 a3, i64 b0, i64 b1, i64 b2, i64 b3) {                          \
    binary<fn::name>(stream, y, a, b,                                                          \
                     join_axes({d0, d1, d2, d3}, {a0, a1, a2, a3}, {b0, b1, b2, b3}));         \
  }
#include "kernels/elementwise/binary.def"
#undef BINARY

template <class T>
void expand(Part stream, T* y, const T* x, i64 d0, i64 d1, i64 d2, i64 d3, i64 x0, i64 x1, i64 x2,
            i64 x3) {
  constexpr i64 narrow = 8;  // no longer along one side than a sector: not worth a tile
  const Axes axes = join_axes({d0, d1, d2, d3}, {x0, x1, x2, x3}, {x0, x1, x2, x3});
  const i64 stride = axes.a[3], rows = axes.extent[2], cols = axes.extent[3];
  if (axes.a[2] != 1 || stride <= 1 || rows < narrow || cols < narrow)
    return stream.launch(expand_elements<T>, {blocks_of(axes.size), kThreads}, y, x,
                         Broadcast(axes));
  const Transposition t = {rows,
                           cols,
                           stride,
                           axes.extent[1],
                           axes.a[0],
                           axes.a[1],
                           ceil_div(rows, kTile),
                           ceil_div(cols, kTile)};
  const i64 matrices = axes.extent[0] * axes.extent[1];
  stream.launch(transpose<T>, {matrices * t.row_tiles * t.col_tiles, {kTile, kTileRows}}, y, x, t);
}

template <class T>
void fill(Part stream, T* y, i64 n, double value) {
  stream.launch(fill_elements<T>, {blocks_of(n), kThreads}, y, n, T(value));
}

template <class T>
void fill_i32(Part stream, i32* y, i64 n, i64 value) {
  stream.launch(fill_elements<i32>, {blocks_of(n), kThreads}, y, n, i32(value));
}

template <class T>
void copy(Part stream, T* y, const T* x, i64 n) {
  stream.launch(copy_elements<T>, {blocks_of(n), kThreads}, y, x, n);
}

template <class T>
void copy_rows(Part stream, InOut<T> y, const T* x, i64 rows, i64 cols, i64 y_stride,
               i64 x_stride) {
  const Axes axes = join_axes({1, 1, rows, cols}, {0, 0, y_stride, 1}, {0, 0, x_stride, 1});
  stream.launch(move_elements<T>, {blocks_of(axes.size), kThreads}, y.p, x, Broadcast(axes));
}

template <class T>
void add_into(Part stream, InOut<T> y, const T* x, i64 n) {
  stream.launch(add_elements<T>, {blocks_of(n), kThreads}, y.p, x, n);
}

template <class T>
void cast_u8(Part stream, T* y, const u8* x, i64 n, double scale) {
  stream.launch(cast_bytes<T>, {blocks_of(n), kThreads}, y, x, n, T(scale));
}

template <class T>
void act_d1(Part stream, T* dx, const T* dy, const T* y, i64 n, i64 act) {
  stream.launch(map_act_d1<T>, {blocks_of(n), kThreads}, dx, dy, y, n, act);
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/elementwise/elementwise.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
