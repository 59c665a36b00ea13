#pragma once
// Products of matrices, batched. Every sum over k runs in the fixed order of sum_of_products (kernels/common/chain.h),
// so an element's bits depend on its row of a and its column of b alone.
//
// flags: 1  a is stored transposed, (k,m)       4  a is one matrix for the whole batch
//        2  b is stored transposed, (n,k)       8  b is one matrix for the whole batch
// The _plan functions say how many parts a call is worth and what workspace each needs, the _scratch functions what
// memory a call needs on a device.
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

// c = a b                                  c (batch,m,n), a (batch,m,k), b (batch,k,n)
template <class T>
void matmul(Part part, T* c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k, i64 flags);
template <class T>
Plan matmul_plan(T* c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k, i64 flags);
template <class T>
i64 matmul_scratch(T* c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k, i64 flags);

// c += a b, chunk by chunk: c + chunk 0, + chunk 1, ...
template <class T>
void matmul_into(Part part, InOut<T> c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k,
                 i64 flags);
template <class T>
Plan matmul_into_plan(InOut<T> c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k,
                      i64 flags);
template <class T>
i64 matmul_into_scratch(InOut<T> c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k,
                        i64 flags);

// y = act(x w + bias)                      y (batch,m,n), x (batch,m,k), w (batch,k,n), bias (batch,n) or null;
// with flag 8 the bias is (n). act: 0 none, 1 relu, 2 tanh, 3 sigmoid.
template <class T>
void linear_act(Part part, T* y, const T* x, const T* w, const T* bias, i64 batch, i64 m, i64 n,
                i64 k, i64 flags, i64 act);
template <class T>
Plan linear_act_plan(T* y, const T* x, const T* w, const T* bias, i64 batch, i64 m, i64 n, i64 k,
                     i64 flags, i64 act);
template <class T>
i64 linear_act_scratch(T* y, const T* x, const T* w, const T* bias, i64 batch, i64 m, i64 n, i64 k,
                       i64 flags, i64 act);

}  // namespace lat::kernels::LAT_ISA
