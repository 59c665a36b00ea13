#pragma once
// The elementwise operations as plain loops; the formulas are in unary.def and binary.def.
#include "kernels/elementwise/functions.h"

namespace lat::kernels::spec {

#define UNARY(name, ...)                                                                    \
  template <class T>                                                                        \
  void name(T* y, const T* x, i64 n, double p, double q) {                                  \
    for (i64 i = 0; i < n; ++i) y[i] = fn::name::f(x[i], T(p), T(q));                       \
  }                                                                                         \
  template <class T>                                                                        \
  void name##_d1(T* dx, const T* dy, const T* x, const T* y, i64 n, double p, double q) {   \
    for (i64 i = 0; i < n; ++i) dx[i] = dy[i] * fn::name::d1(x[i], y[i], T(p), T(q));       \
  }                                                                                         \
  template <class T>                                                                        \
  void name##_d2(T* g, const T* u, const T* dy, const T* x, const T* y, i64 n, double p,    \
                 double q) {                                                                \
    for (i64 i = 0; i < n; ++i) g[i] = u[i] * dy[i] * fn::name::d2(x[i], y[i], T(p), T(q)); \
  }
#include "kernels/elementwise/unary.def"
#undef UNARY

#define BINARY(name, ...)                                                                         \
  template <class T>                                                                              \
  void name(T* y, const T* a, const T* b, i64 d0, i64 d1, i64 d2, i64 d3, i64 a0, i64 a1, i64 a2, \
            i64 a3, i64 b0, i64 b1, i64 b2, i64 b3) {                                             \
    for (i64 i = 0; i < d0; ++i)                                                                  \
      for (i64 j = 0; j < d1; ++j)                                                                \
        for (i64 k = 0; k < d2; ++k)                                                              \
          for (i64 l = 0; l < d3; ++l)                                                            \
            *y++ = fn::name::f(a[i * a0 + j * a1 + k * a2 + l * a3],                              \
                               b[i * b0 + j * b1 + k * b2 + l * b3]);                             \
  }
#include "kernels/elementwise/binary.def"
#undef BINARY

template <class T>
void expand(T* y, const T* x, i64 d0, i64 d1, i64 d2, i64 d3, i64 x0, i64 x1, i64 x2, i64 x3) {
  for (i64 i = 0; i < d0; ++i)
    for (i64 j = 0; j < d1; ++j)
      for (i64 k = 0; k < d2; ++k)
        for (i64 l = 0; l < d3; ++l) *y++ = x[i * x0 + j * x1 + k * x2 + l * x3];
}

template <class T>
void fill(T* y, i64 n, double value) {
  for (i64 i = 0; i < n; ++i) y[i] = T(value);
}

template <class T>
void fill_i32(i32* y, i64 n, i64 value) {
  for (i64 i = 0; i < n; ++i) y[i] = i32(value);
}

template <class T>
void copy(T* y, const T* x, i64 n) {
  for (i64 i = 0; i < n; ++i) y[i] = x[i];
}

template <class T>
void copy_rows(InOut<T> y, const T* x, i64 rows, i64 cols, i64 y_stride, i64 x_stride) {
  for (i64 r = 0; r < rows; ++r)
    for (i64 c = 0; c < cols; ++c) y.p[r * y_stride + c] = x[r * x_stride + c];
}

template <class T>
void add_into(InOut<T> y, const T* x, i64 n) {
  for (i64 i = 0; i < n; ++i) y.p[i] += x[i];
}

template <class T>
void cast_u8(T* y, const u8* x, i64 n, double scale) {
  for (i64 i = 0; i < n; ++i) y[i] = T(x[i]) * T(scale);
}

template <class T>
void act_d1(T* dx, const T* dy, const T* y, i64 n, i64 act) {
  for (i64 i = 0; i < n; ++i) dx[i] = dy[i] * fn::act_slope(y[i], act);
}

}  // namespace lat::kernels::spec
