// Elementwise operations on a device.
#include "kernels/common/cuda.h"

#include "kernels/common/elements.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/functions.h"

namespace lat::kernels::LAT_ISA {
namespace {

template <class Fn, class T>
__global__ void map_f(T* y, const T* x, i64 n, T p, T q) {
  for_elements(n, [&](i64 i) { y[i] = Fn::f(x[i], p, q); });
}

template <class Fn, class T>
__global__ void map_d1(T* dx, const T* dy, const T* x, const T* y, i64 n, T p, T q) {
  for_elements(n, [&](i64 i) { dx[i] = dy[i] * Fn::d1(x[i], y[i], p, q); });
}

template <class Fn, class T>
__global__ void map_d2(T* g, const T* u, const T* dy, const T* x, const T* y, i64 n, T p, T q) {
  for_elements(n, [&](i64 i) { g[i] = u[i] * dy[i] * Fn::d2(x[i], y[i], p, q); });
}

}  // namespace

#define UNARY(name, ...)                                                                           \
  template <class T>                                                                               \
  void name(Part stream, T* y, const T* x, i64 n, double p, double q) {                            \
    stream.launch(map_f<fn::name, T>, {element_blocks(n), kElementThreads}, y, x, n, T(p), T(q));  \
  }                                                                                                \
  template <class T>                                                                               \
  void name##_d1(Part stream, T* dx, const T* dy, const T* x, const T* y, i64 n, double p,         \
                 double q) {                                                                       \
    stream.launch(map_d1<fn::name, T>, {element_blocks(n), kElementThreads}, dx, dy, x, y, n,      \
                  T(p), T(q));                                                                     \
  }                                                                                                \
  template <class T>                                                                               \
  void name##_d2(Part stream, T* g, const T* u, const T* dy, const T* x, const T* y, i64 n,        \
                 double p, double q) {                                                             \
    stream.launch(map_d2<fn::name, T>, {element_blocks(n), kElementThreads}, g, u, dy, x, y, n,    \
                  T(p), T(q));                                                                     \
  }                                                                                                \
  template void name(Part, float*, const float*, i64, double, double);                             \
  template void name(Part, double*, const double*, i64, double, double);                           \
  template void name##_d1(Part, float*, const float*, const float*, const float*, i64, double,     \
                          double);                                                                 \
  template void name##_d1(Part, double*, const double*, const double*, const double*, i64, double, \
                          double);                                                                 \
  template void name##_d2(Part, float*, const float*, const float*, const float*, const float*,    \
                          i64, double, double);                                                    \
  template void name##_d2(Part, double*, const double*, const double*, const double*,              \
                          const double*, i64, double, double);
#include "kernels/elementwise/unary.def"
#undef UNARY

}  // namespace lat::kernels::LAT_ISA
