// Optimisers on a device: each element is read once and written once. What changes from step to
// step, the guard `ok` among it, is read from device memory, so that a graph can replay it.
#include "kernels/common/cuda.h"

#include "kernels/common/elements.h"
#include "kernels/common/rounded.h"
#include "kernels/common/team.h"
#include "kernels/optim/optim.h"
#include "kernels/optim/updates.h"

namespace lat::kernels::LAT_ISA {
namespace {

template <class T>
__global__ void find_unbounded(i32* ok, const T* g, i64 n) {
  bool found = false;  // x - x is 0 for a finite x, else NaN
  for_elements(
      n, [&](i64 i) { return g[i]; }, [&](i64, T x) { found |= x - x != 0; });
  if (__syncthreads_or(found) && threadIdx.x == 0) atomicExch(ok, 0);
}

// v[0] = the sum of v[0 .. planes) in the order of join_shards.
template <i64 planes, class T>
__device__ __forceinline__ void join_tree(T* v) {
  if constexpr (planes > 1) {
    constexpr i64 half = ceil_div(planes, 2);
    CU_UNROLL
    for (i64 s = 0; s + half < planes; ++s) v[s] += v[s + half];
    join_tree<half>(v);
  }
}

constexpr i64 kPlanes = 8;  // that a thread joins at once

// Planes of n elements, `apart` from each other: the first takes what all hold.
template <i64 planes, class T>
__global__ void join_planes(T* g, i64 apart, i64 n) {
  struct Column {
    T v[planes];
  };
  for_elements(
      n,
      [&](i64 i) {
        Column c;
        CU_UNROLL
        for (i64 s = 0; s < planes; ++s) c.v[s] = g[s * apart + i];
        return c;
      },
      [&](i64 i, Column c) {
        join_tree<planes>(c.v);
        g[i] = c.v[0];
        CU_UNROLL
        for (i64 s = 1; s < planes; ++s) g[s * apart + i] = 0;
      });
}
template <i64 planes, class T>
void launch_join(Part stream, T* g, i64 count, i64 apart, i64 n) {
  if constexpr (planes > 1) {
    if (count < planes) return launch_join<planes - 1>(stream, g, count, apart, n);
    stream.launch(join_planes<planes, T>, {blocks_of(n), kThreads}, g, apart, n);
  }
}

template <class T>
__global__ void sum_squares(T* sums, const T* g, i64 n, i64 chunks) {
  const i64 k = WarpTeam::row(), begin = k * kRowChunk;
  if (k >= chunks) return;
  const T sum = warp_chunk<Sum, T>(begin, min_of(n, begin + kRowChunk),
                                   [&](i64 i) { return rounded_product(g[i], g[i]); });
  if (WarpTeam::rank() == 0) sums[k] = sum;
}

template <class T>
__global__ void find_factor(T* norm, T* factor, i32* ok, const T* sums, i64 chunks, T most) {
  T total = 0;
  CU_UNROLL_BY(16)
  for (i64 k = 0; k < chunks; ++k) total += sums[k];
  total = m::sqrt(total);
  norm[0] = total;
  factor[0] = clipping(total, most);
  if (total - total != 0) *ok = 0;
}

template <class T>
__global__ void scale_elements(T* g, const T* factor, i64 n) {
  const T by = factor[0];
  for_elements(
      n, [&](i64 i) { return g[i]; }, [&](i64 i, T x) { g[i] = by * x; });
}

__global__ void count_if_ok(double* state, const i32* ok, double beta1, double beta2) {
  if (*ok != 0) count_step(state, beta1, beta2);
}

template <class T>
__device__ __forceinline__ void clear(T* g, i64 n) {
  for_elements(
      n, [](i64) { return T(0); }, [&](i64 i, T zero) { g[i] = zero; });
}

template <class T>
__global__ void adam_elements(T* theta, T* g, T* m, T* v, const T* lr, const double* state,
                              const i32* ok, i64 n, double lr_scale, double beta1, double beta2,
                              double eps, double decay) {
  struct Operands {
    T theta, g, m, v;
  };
  if (*ok == 0) return clear(g, n);
  const AdamStep<T> step(lr[0], state, lr_scale, beta1, beta2, eps, decay);
  for_elements(
      n,
      [&](i64 i) {
        return Operands{theta[i], g[i], m[i], v[i]};
      },
      [&](i64 i, Operands e) {
        step(e.theta, e.g, e.m, e.v);
        theta[i] = e.theta;
        m[i] = e.m;
        v[i] = e.v;
        g[i] = 0;
      });
}

template <class T>
__global__ void sgd_elements(T* theta, T* g, const T* lr, const i32* ok, i64 n, double lr_scale) {
  struct Operands {
    T theta, g;
  };
  if (*ok == 0) return clear(g, n);
  const T minus_rate = descent(lr[0], lr_scale);
  for_elements(
      n,
      [&](i64 i) {
        return Operands{theta[i], g[i]};
      },
      [&](i64 i, Operands e) {
        theta[i] = sgd_step(e.theta, e.g, minus_rate);
        g[i] = 0;
      });
}

template <class T>
__global__ void lerp_elements(T* y, const T* x, const T* rate, const i32* ok, i64 n) {
  struct Operands {
    T y, x;
  };
  if (*ok == 0) return;
  const T weight = rate[0];
  for_elements(
      n,
      [&](i64 i) {
        return Operands{y[i], x[i]};
      },
      [&](i64 i, Operands e) { y[i] = lerp(e.y, e.x, weight); });
}

template <class T>
__global__ void assign_elements(T* y, const T* x, const i32* ok, i64 n) {
  if (*ok == 0) return;
  for_elements(
      n, [&](i64 i) { return x[i]; }, [&](i64 i, T e) { y[i] = e; });
}

}  // namespace

template <class T>
void all_finite(Part stream, InOut<i32> ok, const T* g, i64 n) {
  stream.launch(find_unbounded<T>, {blocks_of(n), kThreads}, ok.p, g, n);
}

template <class T>
void join_shards(Part stream, InOut<T> g, i64 planes, i64 n) {
  i64 left = planes;
  for (; left > kPlanes; left = ceil_div(left, 2)) {
    const i64 half = ceil_div(left, 2);  // neighbours, joined as one long plane
    launch_join<2>(stream, g.p, 2, half * n, (left - half) * n);
  }
  launch_join<kPlanes>(stream, g.p, left, n, n);
}

template <class T>
void chunk_squares(Part stream, T* sums, const T* g, i64 n) {
  const i64 chunks = ceil_div(n, kRowChunk);
  stream.launch(sum_squares<T>, {team_blocks(chunks, 1), kBlockThreads}, sums, g, n, chunks);
}

template <class T>
void clip_factor(Part stream, T* norm, T* factor, InOut<i32> ok, const T* sums, i64 chunks,
                 double most) {
  stream.launch(find_factor<T>, {1, 1}, norm, factor, ok.p, sums, chunks, T(most));
}

template <class T>
void scale_by(Part stream, InOut<T> g, const T* factor, i64 n) {
  stream.launch(scale_elements<T>, {blocks_of(n), kThreads}, g.p, factor, n);
}

template <class T>
void adam_count(Part stream, InOut<double> state, const i32* ok, double beta1, double beta2) {
  stream.launch(count_if_ok, {1, 1}, state.p, ok, beta1, beta2);
}

template <class T>
void adam(Part stream, InOut<T> theta, InOut<T> g, InOut<T> m, InOut<T> v, const T* lr,
          const double* state, const i32* ok, i64 n, double lr_scale, double beta1, double beta2,
          double eps, double decay) {
  stream.launch(adam_elements<T>, {blocks_of(n), kThreads}, theta.p, g.p, m.p, v.p, lr, state, ok,
                n, lr_scale, beta1, beta2, eps, decay);
}

template <class T>
void sgd(Part stream, InOut<T> theta, InOut<T> g, const T* lr, const i32* ok, i64 n,
         double lr_scale) {
  stream.launch(sgd_elements<T>, {blocks_of(n), kThreads}, theta.p, g.p, lr, ok, n, lr_scale);
}

template <class T>
void lerp_into(Part stream, InOut<T> y, const T* x, const T* rate, const i32* ok, i64 n) {
  stream.launch(lerp_elements<T>, {blocks_of(n), kThreads}, y.p, x, rate, ok, n);
}

template <class T>
void assign(Part stream, InOut<T> y, const T* x, const i32* ok, i64 n) {
  stream.launch(assign_elements<T>, {blocks_of(n), kThreads}, y.p, x, ok, n);
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/optim/optim.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
