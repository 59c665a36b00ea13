#pragma once
// Two-dimensional convolutions of images: forward, data gradient, filter gradient.
//
// Layouts: x (B,H,W,C), f (R,S,C,K), y (B,P,Q,K). One stride and one pad for both axes; output (p,q) meets filter tap
// (r,s) at input (h,w) = (p * stride + r - pad, q * stride + s - pad). Outside x (and outside dy) there are elements +0
// that take part in the sums. Every sum runs over one flat index in the fixed order of sum_of_products
// (kernels/common/chain.h). bias may be null; act: 0 none, 1 relu, 2 tanh, 3 sigmoid.
// The _plan functions say how many parts a call is worth and what workspace each needs, the _scratch functions what
// memory a call needs on a device.
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

// y[b,p,q,k] = act(sum_(r,s,c) x[b,h,w,c] f[r,s,c,k] + bias[k])                flat index (r S + s) C + c
template <class T>
void conv2d(Part part, T* y, const T* x, const T* f, const T* bias, i64 B, i64 H, i64 W, i64 C,
            i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act);
template <class T>
Plan conv2d_plan(T* y, const T* x, const T* f, const T* bias, i64 B, i64 H, i64 W, i64 C, i64 K,
                 i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act);
template <class T>
i64 conv2d_scratch(T* y, const T* x, const T* f, const T* bias, i64 B, i64 H, i64 W, i64 C, i64 K,
                   i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act);

// dx[b,h,w,c] = act(sum_(p,q,k) dy[b,p,q,k] f[r,s,c,k] + bias[c]), bias (C): also the forward of a transposed
// convolution. The sum takes the taps whose p = (h + pad - r) / stride and q = (w + pad - s) / stride are integers,
// inside dy or not, by ascending p (descending r), then ascending q (descending s), then k. With n_q such columns the
// flat index is (t n_q + u) K + k for the t-th p and the u-th q. Without any tap the sum is +0.
template <class T>
void conv2d_data(Part part, T* dx, const T* dy, const T* f, const T* bias, i64 B, i64 H, i64 W,
                 i64 C, i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act);
template <class T>
Plan conv2d_data_plan(T* dx, const T* dy, const T* f, const T* bias, i64 B, i64 H, i64 W, i64 C,
                      i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act);
template <class T>
i64 conv2d_data_scratch(T* dx, const T* dy, const T* f, const T* bias, i64 B, i64 H, i64 W, i64 C,
                        i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act);

// df[r,s,c,k] = sum_(b,p,q) x[b,h,w,c] dy[b,p,q,k]                             flat index (b P + p) Q + q
template <class T>
void conv2d_filter(Part part, T* df, const T* x, const T* dy, i64 B, i64 H, i64 W, i64 C, i64 K,
                   i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad);
template <class T>
Plan conv2d_filter_plan(T* df, const T* x, const T* dy, i64 B, i64 H, i64 W, i64 C, i64 K, i64 R,
                        i64 S, i64 P, i64 Q, i64 stride, i64 pad);
template <class T>
i64 conv2d_filter_scratch(T* df, const T* x, const T* dy, i64 B, i64 H, i64 W, i64 C, i64 K, i64 R,
                          i64 S, i64 P, i64 Q, i64 stride, i64 pad);

// df += the same, chunk by chunk: df + chunk 0, + chunk 1, ...; and, in the same pass over dy and the same order, the
// gradient of a bias: dbias[k] += sum_(b,p,q) dy[b,p,q,k]. dbias may be null.
template <class T>
void conv2d_filter_into(Part part, InOut<T> df, InOut<T> dbias, const T* x, const T* dy, i64 B,
                        i64 H, i64 W, i64 C, i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride,
                        i64 pad);
template <class T>
Plan conv2d_filter_into_plan(InOut<T> df, InOut<T> dbias, const T* x, const T* dy, i64 B, i64 H,
                             i64 W, i64 C, i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad);
template <class T>
i64 conv2d_filter_into_scratch(InOut<T> df, InOut<T> dbias, const T* x, const T* dy, i64 B, i64 H,
                               i64 W, i64 C, i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride,
                               i64 pad);

}  // namespace lat::kernels::LAT_ISA
