// Log-likelihoods, whole vectors at a time; the terms are those of terms.h.
#include "kernels/likelihood/likelihood.h"

#include "kernels/common/planted.h"
#include "kernels/common/reduce.h"
#include "kernels/likelihood/terms.h"

namespace lat::kernels::LAT_ISA {

template <class T>
void gaussian_kl(Part part, T* kl, const T* mu, const T* logvar, i64 rows, i64 cols) {
  for (i64 r = part.begin(rows); r < part.end(rows); ++r)
    kl[r] = T(0.5) * row_total<T>(cols, [&](auto in, i64 c) LAT_FLAT {
              return gaussian_kl_term(in.load(mu + r * cols + c), in.load(logvar + r * cols + c));
            });
}

template <class T>
void gaussian_kl_d1(Part part, T* dmu, T* dlogvar, const T* dkl, const T* mu, const T* logvar,
                    i64 rows, i64 cols) {
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const Vec<T> d = splat<Vec<T>>(dkl[r]);
    map<T>({r * cols, (r + 1) * cols}, [&](auto in, i64 i) LAT_FLAT {
      const auto slope = gaussian_kl_slopes(d, in.load(mu + i), in.load(logvar + i));
      in.store(dmu + i, slope.mu);
      in.store(dlogvar + i, planted(Bug::gaussian_kl_sign) ? -slope.logvar : slope.logvar);
    });
  }
}

template <class T>
void gaussian_log_prob(Part part, T* lp, const T* x, const T* mu, const T* logvar, i64 rows,
                       i64 cols) {
  if (cols == 1)  // as an action of one number: whole vectors of rows
    return map<T>({part.begin(rows), part.end(rows)}, [&](auto in, i64 r) LAT_FLAT {
      in.store(lp + r, gaussian_row(
                           gaussian_term(in.load(x + r), in.load(mu + r), in.load(logvar + r)), 1));
    });
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const T sum = row_total<T>(cols, [&](auto in, i64 c) LAT_FLAT {
      const i64 i = r * cols + c;
      return gaussian_term(in.load(x + i), in.load(mu + i), in.load(logvar + i));
    });
    lp[r] = gaussian_row(sum, cols);
  }
}

template <class T>
void gaussian_log_prob_d1(Part part, T* dx, T* dmu, T* dlogvar, const T* dlp, const T* x,
                          const T* mu, const T* logvar, i64 rows, i64 cols) {
  const auto put = [=](auto in, i64 i, Vec<T> d) LAT_FLAT {
    const auto slope = gaussian_slopes(d, in.load(x + i), in.load(mu + i), in.load(logvar + i));
    if (dx) in.store(dx + i, -slope.mu);
    if (dmu) in.store(dmu + i, slope.mu);
    if (dlogvar) in.store(dlogvar + i, slope.logvar);
  };
  if (cols == 1)
    return map<T>({part.begin(rows), part.end(rows)},
                  [&](auto in, i64 r) LAT_FLAT { put(in, r, in.load(dlp + r)); });
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const Vec<T> d = splat<Vec<T>>(dlp[r]);
    map<T>({r * cols, (r + 1) * cols}, [&](auto in, i64 i) LAT_FLAT { put(in, i, d); });
  }
}

template <class T>
void bernoulli_log_prob(Part part, T* lp, const T* logits, const T* x, i64 rows, i64 cols) {
  for (i64 r = part.begin(rows); r < part.end(rows); ++r)
    lp[r] = row_total<T>(cols, [&](auto in, i64 c) LAT_FLAT {
      return bernoulli_term(in.load(logits + r * cols + c), in.load(x + r * cols + c));
    });
}

template <class T>
void bernoulli_log_prob_d1(Part part, T* dlogits, const T* dlp, const T* logits, const T* x,
                           i64 rows, i64 cols) {
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const Vec<T> d = splat<Vec<T>>(dlp[r]);
    map<T>({r * cols, (r + 1) * cols}, [&](auto in, i64 i) LAT_FLAT {
      in.store(dlogits + i, bernoulli_slope(d, in.load(logits + i), in.load(x + i)));
    });
  }
}

namespace {

// The maximum of a row and the logarithm of sum exp(l - max).
template <class T>
struct Norm {
  T most, log_sum;
};
template <class T>
Norm<T> norm_of(const T* l, i64 cols) {
  const T most = row_most(l, cols);
  const Vec<T> shift = splat<Vec<T>>(most);
  return {most, m::log(row_total<T>(cols, [&](auto in, i64 c) LAT_FLAT {
            return categorical_term(in.load(l + c), shift);
          }))};
}

}  // namespace

template <class T>
void categorical_log_prob(Part part, T* lp, const T* logits, const i32* label, i64 rows, i64 cols) {
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    if (label[r] < 0 || label[r] >= cols) {
      lp[r] = T(__builtin_nanf(""));
      continue;
    }
    const T* l = logits + r * cols;
    const Norm<T> norm = norm_of(l, cols);
    lp[r] = (l[label[r]] - norm.most) - norm.log_sum;
  }
}

template <class T>
void categorical_log_prob_d1(Part part, T* dlogits, const T* dlp, const T* logits, const i32* label,
                             i64 rows, i64 cols) {
  using V = Vec<T>;
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    T* dl = dlogits + r * cols;
    if (label[r] < 0 || label[r] >= cols) {
      map<T>({0, cols}, [&](auto in, i64 c) LAT_FLAT { in.store(dl + c, V{}); });
      continue;
    }
    const T* l = logits + r * cols;
    const Norm<T> norm = norm_of(l, cols);
    const V most = splat<V>(norm.most), log_sum = splat<V>(norm.log_sum), d = splat<V>(dlp[r]);
    // Read before dl is written: the two may be the same memory.
    const T at_label = categorical_slope(dlp[r], l[label[r]], norm.most, norm.log_sum, dlp[r]);
    map<T>({0, cols}, [&](auto in, i64 c) LAT_FLAT {
      in.store(dl + c, categorical_slope(d, in.load(l + c), most, log_sum, V{}));
    });
    dl[label[r]] = at_label;
  }
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/likelihood/likelihood.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
