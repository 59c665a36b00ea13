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
      const GaussianSlopes<T> slope = gaussian_kl_slopes(dkl[r], mu[i], logvar[i]);
      dmu[i] = slope.mu;
      dlogvar[i] = slope.logvar;
    }
}

template <class T>
void gaussian_log_prob(T* lp, const T* x, const T* mu, const T* logvar, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r, x += cols, mu += cols, logvar += cols) {
    const T sum = row_total<T>(cols, [&](i64 c) { return gaussian_term(x[c], mu[c], logvar[c]); });
    lp[r] = gaussian_row(sum, cols);
  }
}

template <class T>
void gaussian_log_prob_d1(T* dx, T* dmu, T* dlogvar, const T* dlp, const T* x, const T* mu,
                          const T* logvar, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r)
    for (i64 i = r * cols; i < (r + 1) * cols; ++i) {
      const GaussianSlopes<T> slope = gaussian_slopes(dlp[r], x[i], mu[i], logvar[i]);
      if (dx) dx[i] = -slope.mu;
      if (dmu) dmu[i] = slope.mu;
      if (dlogvar) dlogvar[i] = slope.logvar;
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
      dlogits[i] = bernoulli_slope(dlp[r], logits[i], x[i]);
}

template <class T>
void categorical_log_prob(T* lp, const T* logits, const i32* label, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r, logits += cols) {
    if (label[r] < 0 || label[r] >= cols) {
      lp[r] = T(__builtin_nanf(""));
      continue;
    }
    const T most = row_most(logits, cols);
    const T sum = row_total<T>(cols, [&](i64 c) { return categorical_term(logits[c], most); });
    lp[r] = (logits[label[r]] - most) - m::log(sum);
  }
}

template <class T>
void categorical_log_prob_d1(T* dlogits, const T* dlp, const T* logits, const i32* label, i64 rows,
                             i64 cols) {
  for (i64 r = 0; r < rows; ++r, logits += cols, dlogits += cols) {
    const bool inside = label[r] >= 0 && label[r] < cols;
    const T most = row_most(logits, cols);
    const T log_sum =
        m::log(row_total<T>(cols, [&](i64 c) { return categorical_term(logits[c], most); }));
    for (i64 c = 0; c < cols; ++c) {
      const T hit = c == label[r] ? dlp[r] : T(0);
      dlogits[c] = inside ? categorical_slope(dlp[r], logits[c], most, log_sum, hit) : T(0);
    }
  }
}

}  // namespace lat::kernels::spec
