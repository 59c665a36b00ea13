#pragma once
// Every rung of every ladder, for one instruction set or kind of device (there Part is the stream). A rung computes what
// the product's kernel computes, bit for bit: the order of the additions is fixed, only the way through memory and
// registers changes.
#include "kernels/study/study.h"

namespace lat::kernels::LAT_ISA {

// c (m,n) = a (m,k) b (k,n)
using Gemm = void(Part, float* c, const float* a, const float* b, i64 m, i64 n, i64 k);
Gemm gemm_naive, gemm_reordered, gemm_tiled, gemm_packed, gemm_vector, gemm_register_tile,
    gemm_threads, gemm_product;

// y (B,P,Q,K) = act(conv(x (B,H,W,C), f (R,S,C,K)) + bias (K)), act 0 none, 1 relu; see kernels/conv/conv.h
struct ConvCall {
  float* y;
  const float *x, *f, *bias;
  i64 B, H, W, C, K, R, S, P, Q, stride, pad, act;
};
using Conv = void(Part, const ConvCall&);
Conv conv_plain, conv_im2col, conv_implicit_gemm, conv_direct, conv_fused, conv_product;
Conv conv_naive, conv_tiled, conv_register_tile;  // on devices alone
// From the arguments of the ladder.
inline ConvCall conv_call(const Arg* a) {
  const auto out = [](Arg x) { return static_cast<float*>(x.p); };
  return {out(a[0]), out(a[1]), out(a[2]), out(a[3]), a[4].i,  a[5].i,  a[6].i,  a[7].i,
          a[8].i,    a[9].i,    a[10].i,   a[11].i,   a[12].i, a[13].i, a[14].i, a[15].i};
}

// z = mu + exp(logvar / 2) eps, eps ~ N(0, 1), kl = KL( N(mu, e^logvar) || N(0, 1) )
// z, eps, mu, logvar (rows, cols), kl (rows); see kernels/random/random.h and kernels/likelihood/likelihood.h
struct LatentCall {
  float *z, *eps, *kl;
  const float *mu, *logvar;
  const u64* clock;
  i64 rows, cols, seed, stream;
};
using Latent = void(Part, const LatentCall&);
Latent latent_chain, latent_product, latent_tiles, latent_one_pass, latent_noise_once,
    latent_no_conflicts;
// From the arguments of the ladder.
inline LatentCall latent_call(const Arg* a) {
  const auto out = [](Arg x) { return static_cast<float*>(x.p); };
  return {out(a[0]), out(a[1]), out(a[2]), out(a[3]), out(a[4]), static_cast<const u64*>(a[5].p),
          a[6].i,    a[7].i,    a[8].i,    a[9].i};
}

// y (rows, cols) = log softmax of x
using Softmax = void(Part, float* y, const float* x, i64 rows, i64 cols);
Softmax softmax_plain, softmax_sweeps, softmax_rows, softmax_product;

// y[r] = scale sum_c x[r,c]
using Reduction = void(Part, float* y, const float* x, i64 rows, i64 cols, double scale);
Reduction reduction_plain, reduction_lanes, reduction_registers, reduction_product;

}  // namespace lat::kernels::LAT_ISA
