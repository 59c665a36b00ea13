// Elementwise operations on a device: bound by memory, so that each thread has several elements on
// their way, neighbours in neighbouring threads.
#include "kernels/common/cuda.h"

#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/functions.h"

namespace lat::kernels::LAT_ISA {
namespace {

constexpr i64 kThreads = 256, kEach = 4;

gpu::Extent blocks_of(i64 n) { return ceil_div(n, kThreads * kEach); }

// body(i) for the elements of this thread. A result may be written over an operand.
template <class Body>
__device__ __forceinline__ void for_elements(i64 n, Body&& body) {
  const i64 first = blockIdx.x * (kThreads * kEach) + threadIdx.x;
  CU_UNROLL
  for (i64 k = 0; k < kEach; ++k)
    if (first + k * kThreads < n) body(first + k * kThreads);
}

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
    stream.launch(map_f<fn::name, T>, {blocks_of(n), kThreads}, y, x, n, T(p), T(q));              \
  }                                                                                                \
  template <class T>                                                                               \
  void name##_d1(Part stream, T* dx, const T* dy, const T* x, const T* y, i64 n, double p,         \
                 double q) {                                                                       \
    stream.launch(map_d1<fn::name, T>, {blocks_of(n), kThreads}, dx, dy, x, y, n, T(p), T(q));     \
  }                                                                                                \
  template <class T>                                                                               \
  void name##_d2(Part stream, T* g, const T* u, const T* dy, const T* x, const T* y, i64 n,        \
                 double p, double q) {                                                             \
    stream.launch(map_d2<fn::name, T>, {blocks_of(n), kThreads}, g, u, dy, x, y, n, T(p), T(q));   \
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
