#pragma once
// CUDA: products of matrices as they lie in memory, for whole families.
#include "kernels/common/cuda.h"

namespace lat::kernels::LAT_ISA {

// The arguments of kernels/matmul/matmul.h: c = act(a b + bias), or c += a b.
template <class T>
struct MatrixCall {
  T* c;
  const T *a, *b, *bias;
  i64 batch, m, n, k, flags, act;
  bool into;
};
constexpr i64 kTransposedA = 1, kTransposedB = 2, kOneA = 4, kOneB = 8;

template <class T>
void multiply(Part stream, const MatrixCall<T>& call);
// Bytes of scratch memory.
template <class T>
i64 scratch_bytes(const MatrixCall<T>& call);

}  // namespace lat::kernels::LAT_ISA
