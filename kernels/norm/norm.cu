// Normalisation on a device: a short row belongs to a warp, a long one to a block, which reads it
// three times (mean, variance, result), twice of them from the cache.
#include "kernels/common/cuda.h"

#include "kernels/common/divide.h"
#include "kernels/common/team.h"
#include "kernels/norm/norm.h"
#include "kernels/norm/terms.h"

namespace lat::kernels::LAT_ISA {
namespace {

// x (batch, places, groups, each).
class Groups {
 public:
  Groups(i64 batch, i64 places, i64 groups, i64 each)
      : rows(batch * groups),
        n(places * each),
        groups_(max_of(1, groups)),
        each_(max_of(1, each)) {}

  // Element k of row r.
  struct Place {
    i64 i, channel;
  };
  __device__ __forceinline__ Place at(i64 r, i64 k) const {
    const Division row = groups_.divide(r), place = each_.divide(k);
    const i64 channel = row.remainder * each_.value() + place.remainder;
    return {(row.quotient * n + place.quotient * each_.value()) * groups_.value() + channel,
            channel};
  }

  i64 rows, n;

 private:
  Divisor groups_, each_;
};

template <class Team, class T>
__global__ void norm_rows(T* y, T* mean, T* inv, const T* x, const T* gain, const T* bias,
                          Groups rows, T eps) {
  const i64 r = Team::row(), n = rows.n;
  if (r >= rows.rows) return;
  const T m = Team::template join<Sum, T>(n, [&](i64 k) { return x[rows.at(r, k).i]; }) / T(n);
  const T variance = Team::template join<Sum, T>(
                         n, [&](i64 k) { return squared_deviation(x[rows.at(r, k).i], m); }) /
                     T(n);
  const T s = inverse_deviation(variance, eps);
  if (Team::rank() == 0) {
    mean[r] = m;
    inv[r] = s;
  }
  for (i64 k = Team::rank(); k < n; k += Team::kThreads) {
    const auto [i, channel] = rows.at(r, k);
    y[i] = norm_value(x[i], m, s, gain, bias, [c = channel](const T* from) { return from[c]; });
  }
}

template <class Team, class T>
__global__ void norm_slopes(T* dx, T* dgain, const T* dy, const T* x, const T* mean, const T* inv,
                            const T* gain, Groups rows) {
  const i64 r = Team::row(), n = rows.n;
  if (r >= rows.rows) return;
  const T m = mean[r], s = inv[r];
  const auto slope = [&](Groups::Place p) {
    return NormSlope<T>(dy[p.i], x[p.i], m, s, gain,
                        [&](const T* from) { return from[p.channel]; });
  };
  T mean_d = 0, mean_dh = 0;
  if (dx) {
    mean_d = Team::template join<Sum, T>(n, [&](i64 k) { return slope(rows.at(r, k)).d; }) / T(n);
    mean_dh =
        Team::template join<Sum, T>(n, [&](i64 k) { return slope(rows.at(r, k)).product(); }) /
        T(n);
  }
  for (i64 k = Team::rank(); k < n; k += Team::kThreads) {
    const Groups::Place p = rows.at(r, k);
    const NormSlope<T> e = slope(p);
    if (dgain) dgain[p.i] = dy[p.i] * e.h;
    if (dx) dx[p.i] = e.dx(mean_d, mean_dh, s);
  }
}

}  // namespace

template <class T>
void norm(Part stream, T* y, T* mean, T* inv, const T* x, const T* gain, const T* bias, i64 batch,
          i64 places, i64 groups, i64 each, double eps) {
  const Groups rows(batch, places, groups, each);
  stream.launch(is_long(rows.n) ? norm_rows<BlockTeam, T> : norm_rows<WarpTeam, T>,
                {team_blocks(rows.rows, rows.n), kBlockThreads}, y, mean, inv, x, gain, bias, rows,
                T(eps));
}

template <class T>
void norm_d1(Part stream, T* dx, T* dgain, const T* dy, const T* x, const T* mean, const T* inv,
             const T* gain, i64 batch, i64 places, i64 groups, i64 each) {
  const Groups rows(batch, places, groups, each);
  stream.launch(is_long(rows.n) ? norm_slopes<BlockTeam, T> : norm_slopes<WarpTeam, T>,
                {team_blocks(rows.rows, rows.n), kBlockThreads}, dx, dgain, dy, x, mean, inv, gain,
                rows);
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/norm/norm.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
