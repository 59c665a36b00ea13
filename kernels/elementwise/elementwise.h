#pragma once
// Elementwise operations. Tensors are contiguous unless strides are given; n counts elements.
// Bound by memory, or by the arithmetic of exp, log, tanh where the data sit in a cache.
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kElementGrain = 16384;  // elements that take about 10 us

// y = f(x; p, q)      name_d1: dx = dy f'(x, y)      name_d2: g = (u dy) f''(x, y)
#define UNARY(name, ...)                                                                  \
  template <class T>                                                                      \
  void name(Part part, T* y, const T* x, i64 n, double p, double q);                      \
  template <class T>                                                                      \
  void name##_d1(Part part, T* dx, const T* dy, const T* x, const T* y, i64 n, double p,  \
                 double q);                                                               \
  template <class T>                                                                      \
  void name##_d2(Part part, T* g, const T* u, const T* dy, const T* x, const T* y, i64 n, \
                 double p, double q);
#include "kernels/elementwise/unary.def"
#undef UNARY

template <class T>
Plan unary_plan(T*, const T*, i64 n, double, double) {
  return share_elements(n, kElementGrain);
}
template <class T>
Plan unary_d1_plan(T*, const T*, const T*, const T*, i64 n, double, double) {
  return share_elements(n, kElementGrain);
}
template <class T>
Plan unary_d2_plan(T*, const T*, const T*, const T*, const T*, i64 n, double, double) {
  return share_elements(n, kElementGrain);
}

// Whether strides are those of a contiguous tensor that is stretched along the axes where they are 0: then an operand of
// as many elements as the result is read in its order.
constexpr LAT_INLINE bool is_stretched(const i64 (&extent)[4], const i64 (&stride)[4]) {
  i64 next = 1;
  for (i64 k = 3; k >= 0; --k) {
    if (extent[k] == 1 || stride[k] == 0) continue;
    if (stride[k] != next) return false;
    next *= extent[k];
  }
  return true;
}

// y[i,j,k,l] = f(a[i a0 + j a1 + k a2 + l a3], b[i b0 + j b1 + k b2 + l b3]), y contiguous
#define BINARY(name, ...)                                                                    \
  template <class T>                                                                         \
  void name(Part part, T* y, const T* a, const T* b, i64 d0, i64 d1, i64 d2, i64 d3, i64 a0, \
            i64 a1, i64 a2, i64 a3, i64 b0, i64 b1, i64 b2, i64 b3);
#include "kernels/elementwise/binary.def"
#undef BINARY

template <class T>
Plan binary_plan(T*, const T*, const T*, i64 d0, i64 d1, i64 d2, i64 d3, i64 a0, i64 a1, i64 a2,
                 i64 a3, i64 b0, i64 b1, i64 b2, i64 b3) {
  const i64 n = d0 * d1 * d2 * d3, d[4] = {d0, d1, d2, d3};
  return is_stretched(d, {a0, a1, a2, a3}) && is_stretched(d, {b0, b1, b2, b3})
             ? share_elements(n, kElementGrain)
             : share(n, kElementGrain);
}

// y[i,j,k,l] = x[i x0 + j x1 + k x2 + l x3]: a broadcast or a permutation of axes
template <class T>
void expand(Part part, T* y, const T* x, i64 d0, i64 d1, i64 d2, i64 d3, i64 x0, i64 x1, i64 x2,
            i64 x3);
template <class T>
Plan expand_plan(T*, const T*, i64 d0, i64 d1, i64 d2, i64 d3, i64 x0, i64 x1, i64 x2, i64 x3) {
  const i64 n = d0 * d1 * d2 * d3;
  return is_stretched({d0, d1, d2, d3}, {x0, x1, x2, x3}) ? share_elements(n, kElementGrain)
                                                          : share(n, kElementGrain);
}

// y = value
template <class T>
void fill(Part part, T* y, i64 n, double value);
template <class T>
Plan fill_plan(T*, i64 n, double) {
  return share_elements(n, 2 * kElementGrain);
}
template <class T>
void fill_i32(Part part, i32* y, i64 n, i64 value);
template <class T>
Plan fill_i32_plan(i32*, i64 n, i64) {
  return share(n, 2 * kElementGrain);
}

// y = x
template <class T>
void copy(Part part, T* y, const T* x, i64 n);
template <class T>
Plan copy_plan(T*, const T*, i64 n) {
  return share_elements(n, 2 * kElementGrain);
}

// y[r y_stride + c] = x[r x_stride + c]: columns of one matrix into columns of another
template <class T>
void copy_rows(Part part, InOut<T> y, const T* x, i64 rows, i64 cols, i64 y_stride, i64 x_stride);
template <class T>
Plan copy_rows_plan(InOut<T>, const T*, i64 rows, i64 cols, i64, i64) {
  return share(rows * cols, 2 * kElementGrain);
}

// y += x
template <class T>
void add_into(Part part, InOut<T> y, const T* x, i64 n);
template <class T>
Plan add_into_plan(InOut<T>, const T*, i64 n) {
  return share_elements(n, kElementGrain);
}

// y = x scale, for images of bytes
template <class T>
void cast_u8(Part part, T* y, const u8* x, i64 n, double scale);
template <class T>
Plan cast_u8_plan(T*, const u8*, i64 n, double) {
  return share_elements(n, kElementGrain);
}

// dx = dy act'(y), act: 0 none, 1 relu, 2 tanh, 3 sigmoid
template <class T>
void act_d1(Part part, T* dx, const T* dy, const T* y, i64 n, i64 act);
template <class T>
Plan act_d1_plan(T*, const T*, const T*, i64 n, i64) {
  return share_elements(n, kElementGrain);
}

}  // namespace lat::kernels::LAT_ISA
