#pragma once
// Log-likelihoods as plain loops; rows are summed in the order of common/reduce_spec.h.
#include "kernels/common/reduce_spec.h"
#include "kernels/likelihood/terms.h"

namespace lat::kernels::spec {

template <class T>
void gaussian_kl(T* kl, const T* mu, const T* logvar, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r, mu += cols, logvar += cols)
    kl[r] = T(0.5) * row_total<T>(cols, [&](i64 c) { return gaussian_kl_term(mu[c], logvar[c]); });
}

template <class T>
void gaussian_kl_d1(T* dmu, T* dlogvar, const T* dkl, const T* mu, const T* logvar, i64 rows,
                    i64 cols) {
  for (i64 r = 0; r < rows; ++r)
    for (i64 i = r * cols; i < (r + 1) * cols; ++i) {
      dmu[i] = dkl[r] * mu[i];
      dlogvar[i] = T(0.5) * dkl[r] * m::expm1(logvar[i]);
    }
}

template <class T>
void gaussian_log_prob(T* lp, const T* x, const T* mu, const T* logvar, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r, x += cols, mu += cols, logvar += cols) {
    const T sum = row_total<T>(cols, [&](i64 c) { return gaussian_term(x[c], mu[c], logvar[c]); });
    lp[r] = T(-0.5) * fma(T(cols), T(kLog2Pi), sum);
  }
}

template <class T>
void gaussian_log_prob_d1(T* dx, T* dmu, T* dlogvar, const T* dlp, const T* x, const T* mu,
                          const T* logvar, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r)
    for (i64 i = r * cols; i < (r + 1) * cols; ++i) {
      const T inverse = inverse_sigma(logvar[i]);
      const T s = (x[i] - mu[i]) * inverse;
      const T slope = dlp[r] * s * inverse;
      if (dx) dx[i] = -slope;
      if (dmu) dmu[i] = slope;
      if (dlogvar) dlogvar[i] = T(0.5) * dlp[r] * fma(s, s, T(-1));
    }
}

template <class T>
void bernoulli_log_prob(T* lp, const T* logits, const T* x, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r, logits += cols, x += cols)
    lp[r] = row_total<T>(cols, [&](i64 c) { return bernoulli_term(logits[c], x[c]); });
}

template <class T>
void bernoulli_log_prob_d1(T* dlogits, const T* dlp, const T* logits, const T* x, i64 rows,
                           i64 cols) {
  for (i64 r = 0; r < rows; ++r)
    for (i64 i = r * cols; i < (r + 1) * cols; ++i)
      dlogits[i] = dlp[r] * (x[i] - m::sigmoid(logits[i]));
}

template <class T>
void categorical_log_prob(T* lp, const T* logits, const i32* label, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r, logits += cols) {
    if (label[r] < 0 || label[r] >= cols) {
      lp[r] = T(__builtin_nanf(""));
      continue;
    }
    const T most = row_most(logits, cols);
    const T sum = row_total<T>(cols, [&](i64 c) { return m::exp(logits[c] - most); });
    lp[r] = (logits[label[r]] - most) - m::log(sum);
  }
}

template <class T>
void categorical_log_prob_d1(T* dlogits, const T* dlp, const T* logits, const i32* label, i64 rows,
                             i64 cols) {
  for (i64 r = 0; r < rows; ++r, logits += cols, dlogits += cols) {
    const bool inside = label[r] >= 0 && label[r] < cols;
    const T most = row_most(logits, cols);
    const T norm = m::log(row_total<T>(cols, [&](i64 c) { return m::exp(logits[c] - most); }));
    for (i64 c = 0; c < cols; ++c) {
      const T hit = c == label[r] ? dlp[r] : T(0);
      dlogits[c] = inside ? fma(-m::exp((logits[c] - most) - norm), dlp[r], hit) : T(0);
    }
  }
}

}  // namespace lat::kernels::spec
