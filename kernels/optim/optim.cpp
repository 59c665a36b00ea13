// Optimisers, whole vectors at a time.
#include "kernels/optim/optim.h"

#include "kernels/common/planted.h"
#include "kernels/common/reduce.h"
#include "kernels/common/rounded.h"
#include "kernels/optim/updates.h"

namespace lat::kernels::LAT_ISA {
namespace {

template <class T>
LAT_INLINE void clear(Range r, T* g) {
  map<T>(r, [&](auto in, i64 i) LAT_FLAT { in.store(g + i, Vec<T>{}); });
}

}  // namespace

template <class T>
void all_finite(Part part, InOut<i32> ok, const T* g, i64 n) {
  const Range r = cut(part, n);
  Vec<T> sum{};  // x - x is 0 for a finite x, else NaN, and a NaN stays
  map<T>(r, [&](auto in, i64 i) LAT_FLAT {
    const Vec<T> x = in.load(g + i);
    sum += x - x;
  });
  bool finite = true;
  for (i64 l = 0; l < kWidth<Vec<T>>; ++l) finite = finite && sum[l] == 0;
  if (!finite) __atomic_store_n(ok.p, 0, __ATOMIC_RELAXED);
}

template <class T>
void join_shards(Part part, InOut<T> g, i64 planes, i64 n) {
  map<T>(cut(part, n), [&](auto in, i64 i) LAT_FLAT {
    for (i64 left = planes; left > 1; left = ceil_div(left, 2)) {
      const i64 half = ceil_div(left, 2);
      for (i64 s = 0; s + half < left; ++s) {
        T* to = g.p + s * n + i;
        T* from = g.p + (planted(Bug::shards_in_wrong_order) ? left - 1 - s : s + half) * n + i;
        in.store(to, in.load(to) + in.load(from));
        in.store(from, Vec<T>{});
      }
    }
  });
}

template <class T>
void chunk_squares(Part part, T* sums, const T* g, i64 n) {
  const i64 chunks = ceil_div(n, kRowChunk);
  for (i64 k = part.begin(chunks); k < part.end(chunks); ++k) {
    const T* const from = g + k * kRowChunk;
    sums[k] =
        row_join<Sum, true, T>(min_of(n - k * kRowChunk, kRowChunk), [&](auto in, i64 i) LAT_FLAT {
          const Vec<T> x = in.load(from + i);
          return rounded_product(x, x);
        });
  }
}

template <class T>
void clip_factor(Part part, T* norm, T* factor, InOut<i32> ok, const T* sums, i64 chunks,
                 double most) {
  if (part.index != 0) return;
  T total = 0;
  for (i64 k = 0; k < chunks; ++k) total += sums[k];
  norm[0] = m::sqrt(total);
  factor[0] = clipping(norm[0], T(most));
  if (norm[0] - norm[0] != 0) *ok.p = 0;
}

template <class T>
void scale_by(Part part, InOut<T> g, const T* factor, i64 n) {
  const Vec<T> by = splat<Vec<T>>(factor[0]);
  map<T>(cut(part, n), [&](auto in, i64 i) LAT_FLAT { in.store(g.p + i, by * in.load(g.p + i)); });
}

template <class T>
void adam_count(Part part, InOut<double> state, const i32* ok, double beta1, double beta2) {
  if (part.index != 0 || *ok == 0) return;
  count_step(state.p, beta1, beta2);
}

template <class T>
void adam(Part part, InOut<T> theta, InOut<T> g, InOut<T> m, InOut<T> v, const T* lr,
          const double* state, const i32* ok, i64 n, double lr_scale, double beta1, double beta2,
          double eps, double decay) {
  using V = Vec<T>;
  const Range r = cut(part, n);
  if (*ok == 0) return clear(r, g.p);
  const AdamStep<V> step(lr[0], state, lr_scale, beta1, beta2, eps, decay);
  map<T>(r, [&](auto in, i64 i) LAT_FLAT {
    V t = in.load(theta.p + i), mean = in.load(m.p + i), square = in.load(v.p + i);
    step(t, in.load(g.p + i), mean, square);
    in.store(theta.p + i, t);
    in.store(m.p + i, mean);
    in.store(v.p + i, square);
    in.store(g.p + i, V{});
  });
}

template <class T>
void sgd(Part part, InOut<T> theta, InOut<T> g, const T* lr, const i32* ok, i64 n,
         double lr_scale) {
  const Range r = cut(part, n);
  if (*ok == 0) return clear(r, g.p);
  const Vec<T> minus_rate = splat<Vec<T>>(descent(lr[0], lr_scale));
  map<T>(r, [&](auto in, i64 i) LAT_FLAT {
    in.store(theta.p + i, sgd_step(in.load(theta.p + i), in.load(g.p + i), minus_rate));
    in.store(g.p + i, Vec<T>{});
  });
}

template <class T>
void lerp_into(Part part, InOut<T> y, const T* x, const T* rate, const i32* ok, i64 n) {
  if (*ok == 0) return;
  const Vec<T> weight = splat<Vec<T>>(rate[0]);
  map<T>(cut(part, n), [&](auto in, i64 i) LAT_FLAT {
    in.store(y.p + i, lerp(in.load(y.p + i), in.load(x + i), weight));
  });
}

template <class T>
void assign(Part part, InOut<T> y, const T* x, const i32* ok, i64 n) {
  if (*ok == 0) return;
  map<T>(cut(part, n), [&](auto in, i64 i) LAT_FLAT { in.store(y.p + i, in.load(x + i)); });
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/optim/optim.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
