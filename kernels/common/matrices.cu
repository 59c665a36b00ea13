// Products of matrices: tiles of product.h.
#include "kernels/common/cuda.h"

#include "kernels/common/matrices.h"
#include "kernels/common/product.h"

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
template <class T>
Extents extents(const MatrixCall<T>& x) {
  const bool tall = (x.flags & (kOneB | kOneA | kTransposedA)) == kOneB;
  return tall ? Extents{1, x.batch * x.m, x.n, x.k} : Extents{x.batch, x.m, x.n, x.k};
}

template <class T>
Matrix<T> matrix(const T* p, i64 lines, i64 k, bool by_k) {
  return by_k ? Matrix<T>{p, lines, 1, lines, aligned_packs(p, lines)}
              : Matrix<T>{p, lines, k, 1, false};
}

}  // namespace

template <class T>
void multiply(Part stream, const MatrixCall<T>& x) {
  const Extents e = extents(x);
  if (is_nothing(e, x.into)) return;
  const Batch<T> products{{matrix(x.a, e.m, e.k, x.flags & kTransposedA),
                           matrix(x.b, e.n, e.k, !(x.flags & kTransposedB)), e.m, e.n, e.k, 0},
                          x.flags & kOneA ? 0 : e.m * e.k,
                          x.flags & kOneB ? 0 : e.k * e.n};
  const Finish<T> finish{x.c, x.bias, x.flags & kOneB ? 0 : e.n, x.act, x.into, false};
  multiply<T>(stream, products, e, finish, true);
}

template <class T>
i64 scratch_bytes(const MatrixCall<T>& x) {
  return scratch_bytes<T>(extents(x));
}

#define LAT_INSTANTIATE(T)                            \
  template void multiply(Part, const MatrixCall<T>&); \
  template i64 scratch_bytes(const MatrixCall<T>&);
LAT_INSTANTIATE(float)
LAT_INSTANTIATE(double)

}  // namespace lat::kernels::LAT_ISA
