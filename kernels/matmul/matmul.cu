// Matrix products on a device: tiles of kernels/common/product.h over matrices as they lie.
#include "kernels/common/cuda.h"

#include "kernels/common/product.h"
#include "kernels/matmul/matmul.h"

namespace lat::kernels::LAT_ISA {
namespace {

template <class T>
struct MatrixProduct {
  Matrix<T> a, b;
  i64 m, n, k, offset;
  __device__ i64 row(i64 i) const { return offset + i * n; }
};

template <class T>
struct Batch {
  MatrixProduct<T> first;
  i64 a_step, b_step;
  __device__ MatrixProduct<T> member(i64 g) const {
    MatrixProduct<T> p = first;
    p.a.p += g * a_step;
    p.b.p += g * b_step;
    p.offset = g * p.m * p.n;
    return p;
  }
};

// One b for all rows is one tall product.
Extents extents(i64 batch, i64 m, i64 n, i64 k, i64 flags) {
  return (flags & 13) == 8 ? Extents{1, batch * m, n, k} : Extents{batch, m, n, k};
}

template <class T>
Matrix<T> matrix(const T* p, i64 lines, i64 k, bool by_k) {
  return by_k ? Matrix<T>{p, lines, 1, lines, aligned_packs(p, lines)}
              : Matrix<T>{p, lines, k, 1, false};
}

template <class T>
void multiply(Part stream, T* c, const T* a, const T* b, const T* bias, i64 batch, i64 m, i64 n,
              i64 k, i64 flags, bool into, i64 act) {
  const Extents e = extents(batch, m, n, k, flags);
  const Batch<T> products{
      {matrix(a, e.m, k, flags & 1), matrix(b, n, k, !(flags & 2)), e.m, n, k, 0},
      flags & 4 ? 0 : e.m * k,
      flags & 8 ? 0 : k * n};
  multiply<T>(stream, products, e, {c, bias, flags & 8 ? 0 : n, act, into, false}, true);
}

}  // namespace

template <class T>
void matmul(Part stream, T* c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k, i64 flags) {
  multiply<T>(stream, c, a, b, nullptr, batch, m, n, k, flags, false, 0);
}
template <class T>
i64 matmul_scratch(T*, const T*, const T*, i64 batch, i64 m, i64 n, i64 k, i64 flags) {
  return scratch_bytes<T>(extents(batch, m, n, k, flags));
}

template <class T>
void matmul_into(Part stream, InOut<T> c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k,
                 i64 flags) {
  multiply<T>(stream, c.p, a, b, nullptr, batch, m, n, k, flags, true, 0);
}
template <class T>
i64 matmul_into_scratch(InOut<T>, const T*, const T*, i64 batch, i64 m, i64 n, i64 k, i64 flags) {
  return scratch_bytes<T>(extents(batch, m, n, k, flags));
}

template <class T>
void linear_act(Part stream, T* y, const T* x, const T* w, const T* bias, i64 batch, i64 m, i64 n,
                i64 k, i64 flags, i64 act) {
  multiply<T>(stream, y, x, w, bias, batch, m, n, k, flags, false, act);
}
template <class T>
i64 linear_act_scratch(T*, const T*, const T*, const T*, i64 batch, i64 m, i64 n, i64 k, i64 flags,
                       i64) {
  return scratch_bytes<T>(extents(batch, m, n, k, flags));
}

#define LAT_INSTANTIATE(T)                                                                        \
  template void matmul(Part, T*, const T*, const T*, i64, i64, i64, i64, i64);                    \
  template i64 matmul_scratch(T*, const T*, const T*, i64, i64, i64, i64, i64);                   \
  template void matmul_into(Part, InOut<T>, const T*, const T*, i64, i64, i64, i64, i64);         \
  template i64 matmul_into_scratch(InOut<T>, const T*, const T*, i64, i64, i64, i64, i64);        \
  template void linear_act(Part, T*, const T*, const T*, const T*, i64, i64, i64, i64, i64, i64); \
  template i64 linear_act_scratch(T*, const T*, const T*, const T*, i64, i64, i64, i64, i64, i64);
LAT_INSTANTIATE(float)
LAT_INSTANTIATE(double)

}  // namespace lat::kernels::LAT_ISA
