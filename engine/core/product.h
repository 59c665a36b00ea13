#pragma once
// Products of matrices and convolutions as a library is asked for them: what the arguments of our kernels say
// (kernels/matmul/matmul.h, kernels/conv/conv.h), in f32.
#include <cstdint>
#include <initializer_list>

#include "kernels/table.h"

namespace lat {

using kernels::i64;

// A power of two up to 256 that all addresses are multiples of.
inline i64 alignment(std::initializer_list<const void*> addresses) {
  uintptr_t bits = 256;
  for (const void* const p : addresses) bits |= reinterpret_cast<uintptr_t>(p);
  return static_cast<i64>(bits & (~bits + 1));
}

// c = act(a b + bias), or c += a b: kernels/matmul/matmul.h.
struct Product {
  float* c;
  const float *a, *b, *bias;
  i64 batch, m, n, k, flags, act;
  bool into;

  bool turned_a() const { return flags & 1; }
  bool turned_b() const { return flags & 2; }
  bool one_a() const { return flags & 4; }
  bool one_b() const { return flags & 8; }
};

inline bool is_product(kernels::K kernel) {
  using kernels::K;
  return kernel == K::matmul || kernel == K::matmul_into || kernel == K::linear_act;
}

// Of a call of one of these.
inline Product product_of(kernels::K kernel, const kernels::Arg* a) {
  const bool linear = kernel == kernels::K::linear_act;
  const kernels::Arg* const sizes = a + (linear ? 4 : 3);
  return {static_cast<float*>(a[0].p),
          static_cast<const float*>(a[1].p),
          static_cast<const float*>(a[2].p),
          linear ? static_cast<const float*>(a[3].p) : nullptr,
          sizes[0].i,
          sizes[1].i,
          sizes[2].i,
          sizes[3].i,
          sizes[4].i,
          linear ? sizes[5].i : 0,
          kernel == kernels::K::matmul_into};
}

// The sizes of a convolution: kernels/conv/conv.h.
struct ConvSizes {
  i64 B, H, W, C, K, R, S, P, Q, stride, pad;

  i64 x() const { return B * H * W * C; }
  i64 f() const { return R * S * C * K; }
  i64 y() const { return B * P * Q * K; }
};

}  // namespace lat
