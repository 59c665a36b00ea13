// Log-likelihoods on a device: rows are joined by teams in the specification's order, derivatives
// are elementwise but for the categorical one, which needs its row's norm again.
#include "kernels/common/cuda.h"

#include "kernels/common/divide.h"
#include "kernels/common/elements.h"
#include "kernels/common/team.h"
#include "kernels/likelihood/likelihood.h"
#include "kernels/likelihood/terms.h"

namespace lat::kernels::LAT_ISA {
namespace {

// Without columns there is no element to divide for.
Divisor columns(i64 cols) { return Divisor(max_of(1, cols)); }

template <class Team, class T>
__global__ void gaussian_kl_rows(T* kl, const T* mu, const T* logvar, i64 rows, i64 cols) {
  const i64 r = Team::row();
  if (r >= rows) return;
  const T sum = Team::template join<Sum, T>(cols, [&](i64 c) {
    const i64 i = r * cols + c;
    return gaussian_kl_term(mu[i], logvar[i]);
  });
  if (Team::rank() == 0) kl[r] = T(0.5) * sum;
}

template <class T>
__global__ void gaussian_kl_elements(T* dmu, T* dlogvar, const T* dkl, const T* mu, const T* logvar,
                                     i64 n, Divisor cols) {
  struct Operands {
    T d, mu, logvar;
  };
  for_elements(
      n,
      [&](i64 i) {
        return Operands{dkl[cols.divide(i).quotient], mu[i], logvar[i]};
      },
      [&](i64 i, Operands v) {
        const GaussianSlopes<T> slope = gaussian_kl_slopes(v.d, v.mu, v.logvar);
        dmu[i] = slope.mu;
        dlogvar[i] = slope.logvar;
      });
}

template <class Team, class T>
__global__ void gaussian_rows(T* lp, const T* x, const T* mu, const T* logvar, i64 rows, i64 cols) {
  const i64 r = Team::row();
  if (r >= rows) return;
  const T sum = Team::template join<Sum, T>(cols, [&](i64 c) {
    const i64 i = r * cols + c;
    return gaussian_term(x[i], mu[i], logvar[i]);
  });
  if (Team::rank() == 0) lp[r] = gaussian_row(sum, cols);
}

template <class T>
__global__ void gaussian_elements(T* dx, T* dmu, T* dlogvar, const T* dlp, const T* x, const T* mu,
                                  const T* logvar, i64 n, Divisor cols) {
  struct Operands {
    T d, x, mu, logvar;
  };
  for_elements(
      n,
      [&](i64 i) {
        return Operands{dlp[cols.divide(i).quotient], x[i], mu[i], logvar[i]};
      },
      [&](i64 i, Operands v) {
        const GaussianSlopes<T> slope = gaussian_slopes(v.d, v.x, v.mu, v.logvar);
        if (dx) dx[i] = -slope.mu;
        if (dmu) dmu[i] = slope.mu;
        if (dlogvar) dlogvar[i] = slope.logvar;
      });
}

template <class Team, class T>
__global__ void bernoulli_rows(T* lp, const T* logits, const T* x, i64 rows, i64 cols) {
  const i64 r = Team::row();
  if (r >= rows) return;
  const T sum = Team::template join<Sum, T>(cols, [&](i64 c) {
    const i64 i = r * cols + c;
    return bernoulli_term(logits[i], x[i]);
  });
  if (Team::rank() == 0) lp[r] = sum;
}

template <class T>
__global__ void bernoulli_elements(T* dlogits, const T* dlp, const T* logits, const T* x, i64 n,
                                   Divisor cols) {
  struct Operands {
    T d, l, x;
  };
  for_elements(
      n,
      [&](i64 i) {
        return Operands{dlp[cols.divide(i).quotient], logits[i], x[i]};
      },
      [&](i64 i, Operands v) { dlogits[i] = bernoulli_slope(v.d, v.l, v.x); });
}

// The maximum of a row and the logarithm of sum exp(l - max).
template <class T>
struct Norm {
  T most, log_sum;
};
template <class Team, class T>
__device__ __forceinline__ Norm<T> norm_of(const T* l, i64 cols) {
  const T most = Team::template join<Largest, T>(cols, [&](i64 c) { return l[c]; });
  const T sum =
      Team::template join<Sum, T>(cols, [&](i64 c) { return categorical_term(l[c], most); });
  return {most, m::log(sum)};
}

template <class Team, class T>
__global__ void categorical_rows(T* lp, const T* logits, const i32* label, i64 rows, i64 cols) {
  const i64 r = Team::row();
  if (r >= rows) return;
  const i64 own = label[r];
  T value = T(__builtin_nanf(""));
  if (own >= 0 && own < cols) {
    const T* const l = logits + r * cols;
    const Norm<T> norm = norm_of<Team>(l, cols);
    value = (l[own] - norm.most) - norm.log_sum;
  }
  if (Team::rank() == 0) lp[r] = value;
}

// The derivative may be written over the logits: a team has read its row twice before it writes, and
// then each thread what it reads.
template <class Team, class T>
__global__ void categorical_slopes(T* dlogits, const T* dlp, const T* logits, const i32* label,
                                   i64 rows, i64 cols) {
  const i64 r = Team::row();
  if (r >= rows) return;
  const i64 own = label[r];
  const T* const l = logits + r * cols;
  T* const dl = dlogits + r * cols;
  if (own < 0 || own >= cols) {
    for (i64 c = Team::rank(); c < cols; c += Team::kThreads) dl[c] = T(0);
    return;
  }
  const Norm<T> norm = norm_of<Team>(l, cols);
  const T d = dlp[r];
  for (i64 c = Team::rank(); c < cols; c += Team::kThreads)
    dl[c] = categorical_slope(d, l[c], norm.most, norm.log_sum, c == own ? d : T(0));
}

}  // namespace

template <class T>
void gaussian_kl(Part stream, T* kl, const T* mu, const T* logvar, i64 rows, i64 cols) {
  stream.launch(is_long(cols) ? gaussian_kl_rows<BlockTeam, T> : gaussian_kl_rows<WarpTeam, T>,
                {team_blocks(rows, cols), kBlockThreads}, kl, mu, logvar, rows, cols);
}

template <class T>
void gaussian_kl_d1(Part stream, T* dmu, T* dlogvar, const T* dkl, const T* mu, const T* logvar,
                    i64 rows, i64 cols) {
  stream.launch(gaussian_kl_elements<T>, {blocks_of(rows * cols), kThreads}, dmu, dlogvar, dkl, mu,
                logvar, rows * cols, columns(cols));
}

template <class T>
void gaussian_log_prob(Part stream, T* lp, const T* x, const T* mu, const T* logvar, i64 rows,
                       i64 cols) {
  stream.launch(is_long(cols) ? gaussian_rows<BlockTeam, T> : gaussian_rows<WarpTeam, T>,
                {team_blocks(rows, cols), kBlockThreads}, lp, x, mu, logvar, rows, cols);
}

template <class T>
void gaussian_log_prob_d1(Part stream, T* dx, T* dmu, T* dlogvar, const T* dlp, const T* x,
                          const T* mu, const T* logvar, i64 rows, i64 cols) {
  stream.launch(gaussian_elements<T>, {blocks_of(rows * cols), kThreads}, dx, dmu, dlogvar, dlp, x,
                mu, logvar, rows * cols, columns(cols));
}

template <class T>
void bernoulli_log_prob(Part stream, T* lp, const T* logits, const T* x, i64 rows, i64 cols) {
  stream.launch(is_long(cols) ? bernoulli_rows<BlockTeam, T> : bernoulli_rows<WarpTeam, T>,
                {team_blocks(rows, cols), kBlockThreads}, lp, logits, x, rows, cols);
}

template <class T>
void bernoulli_log_prob_d1(Part stream, T* dlogits, const T* dlp, const T* logits, const T* x,
                           i64 rows, i64 cols) {
  stream.launch(bernoulli_elements<T>, {blocks_of(rows * cols), kThreads}, dlogits, dlp, logits, x,
                rows * cols, columns(cols));
}

template <class T>
void categorical_log_prob(Part stream, T* lp, const T* logits, const i32* label, i64 rows,
                          i64 cols) {
  stream.launch(is_long(cols) ? categorical_rows<BlockTeam, T> : categorical_rows<WarpTeam, T>,
                {team_blocks(rows, cols), kBlockThreads}, lp, logits, label, rows, cols);
}

template <class T>
void categorical_log_prob_d1(Part stream, T* dlogits, const T* dlp, const T* logits,
                             const i32* label, i64 rows, i64 cols) {
  stream.launch(is_long(cols) ? categorical_slopes<BlockTeam, T> : categorical_slopes<WarpTeam, T>,
                {team_blocks(rows, cols), kBlockThreads}, dlogits, dlp, logits, label, rows, cols);
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/likelihood/likelihood.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
