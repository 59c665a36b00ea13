#pragma once
// Log-likelihoods and divergences, one number per row, in nats. x, mu, logvar, logits (rows, cols)
// -> (rows). One pass over the inputs; bound by exp where the data sit in a cache, else by memory.
//
// The terms below are written in the order in which they are computed; a row is summed in the order
// of common/reduce_spec.h.
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kLikelihoodGrain = 8192;  // elements that take about 10 us

// KL( N(mu, e^logvar) || N(0, 1) )      Kingma & Welling 2014, appendix B
//   kl[r] = 1/2 sum_c ( (expm1(logvar) - logvar) + mu^2 )
// expm1 keeps the error near logvar = 0 in proportion to logvar: there a posterior lives that
// ignores its input.
template <class T>
void gaussian_kl(Part part, T* kl, const T* mu, const T* logvar, i64 rows, i64 cols);
template <class T>
Plan gaussian_kl_plan(T*, const T*, const T*, i64 rows, i64 cols) {
  return share(rows * cols, kLikelihoodGrain, rows);
}

// dmu = dkl mu,   dlogvar = (1/2 dkl) expm1(logvar)
template <class T>
void gaussian_kl_d1(Part part, T* dmu, T* dlogvar, const T* dkl, const T* mu, const T* logvar,
                    i64 rows, i64 cols);
template <class T>
Plan gaussian_kl_d1_plan(T*, T*, const T*, const T*, const T*, i64 rows, i64 cols) {
  return share(rows * cols, kLikelihoodGrain, rows);
}

// log N(x; mu, e^logvar),   s = (x - mu) exp(-1/2 logvar)
//   lp[r] = -1/2 ( sum_c ( s^2 + logvar ) + cols log 2 pi )
template <class T>
void gaussian_log_prob(Part part, T* lp, const T* x, const T* mu, const T* logvar, i64 rows,
                       i64 cols);
template <class T>
Plan gaussian_log_prob_plan(T*, const T*, const T*, const T*, i64 rows, i64 cols) {
  return share(rows * cols, kLikelihoodGrain, rows);
}

// dmu = (dlp s) exp(-1/2 logvar),   dx = -dmu,   dlogvar = (1/2 dlp) (s^2 - 1)
// Any of the three outputs may be null.
template <class T>
void gaussian_log_prob_d1(Part part, T* dx, T* dmu, T* dlogvar, const T* dlp, const T* x,
                          const T* mu, const T* logvar, i64 rows, i64 cols);
template <class T>
Plan gaussian_log_prob_d1_plan(T*, T*, T*, const T*, const T*, const T*, const T*, i64 rows,
                               i64 cols) {
  return share(rows * cols, kLikelihoodGrain, rows);
}

// log Bernoulli(x; sigmoid(l)) = x l - softplus(l), for x in [0, 1]
//   lp[r] = sum_c ( (x l - max(l, 0)) - log(1 + e^-|l|) )
// The first difference is exactly 0 where a confident logit is right, so the rest keeps its digits.
template <class T>
void bernoulli_log_prob(Part part, T* lp, const T* logits, const T* x, i64 rows, i64 cols);
template <class T>
Plan bernoulli_log_prob_plan(T*, const T*, const T*, i64 rows, i64 cols) {
  return share(rows * cols, kLikelihoodGrain, rows);
}

// dlogits = dlp (x - sigmoid(l))
template <class T>
void bernoulli_log_prob_d1(Part part, T* dlogits, const T* dlp, const T* logits, const T* x,
                           i64 rows, i64 cols);
template <class T>
Plan bernoulli_log_prob_d1_plan(T*, const T*, const T*, const T*, i64 rows, i64 cols) {
  return share(rows * cols, kLikelihoodGrain, rows);
}

// log softmax(l)[label]: lp[r] = (l[label] - max) - log sum_c exp(l - max); NaN for a label outside
// [0, cols)
template <class T>
void categorical_log_prob(Part part, T* lp, const T* logits, const i32* label, i64 rows, i64 cols);
template <class T>
Plan categorical_log_prob_plan(T*, const T*, const i32*, i64 rows, i64 cols) {
  return share(rows * cols, kLikelihoodGrain, rows);
}

// dlogits[r,c] = (c == label ? dlp : 0) - exp((l - max) - log sum exp(l - max)) dlp; zeros for a
// label outside
template <class T>
void categorical_log_prob_d1(Part part, T* dlogits, const T* dlp, const T* logits, const i32* label,
                             i64 rows, i64 cols);
template <class T>
Plan categorical_log_prob_d1_plan(T*, const T*, const T*, const i32*, i64 rows, i64 cols) {
  return share(rows * cols, kLikelihoodGrain, rows);
}

}  // namespace lat::kernels::LAT_ISA
