// Random numbers on a device: a thread computes a counter and takes all of its four words, so that
// the threads of half a warp write 16 neighbours at a time.
#include "kernels/common/cuda.h"

#include "kernels/common/elements.h"
#include "kernels/random/draws.h"
#include "kernels/random/random.h"

namespace lat::kernels::LAT_ISA {
namespace {

struct Uniform {
  static __device__ __forceinline__ void of(const Philox& bits, float (&y)[4]) {
    CU_UNROLL
    for (i64 j = 0; j < 4; ++j) y[j] = uniform_of<float>(bits.word[j]);
  }
};
struct Normal {
  static __device__ __forceinline__ void of(const Philox& bits, float (&y)[4]) {
    CU_UNROLL
    for (i64 j = 0; j < 4; j += 2) {
      const Normals<float> z = normals_of<float>(bits.word[j], bits.word[j + 1]);
      y[j] = z.first;
      y[j + 1] = z.second;
    }
  }
};

// A device alone knows where in a block of 64 a call begins.
gpu::Extent draw_blocks(i64 n) {
  const i64 blocks = n > 0 ? ceil_div(n + kDrawBlock - 1, kDrawBlock) : 0;
  return ceil_div(blocks * kDrawCounters, kThreads);
}

// use(i, number) for the elements of this thread.
template <class Draw, class Use>
__device__ __forceinline__ void for_draws(const u64* clock, i64 n, i64 cols, i64 seed, i64 stream,
                                          Use&& use) {
  const u64 first = clock[1] * u64(cols);
  const i64 thread = blockIdx.x * kThreads + threadIdx.x;
  const u64 block = first / u64(kDrawBlock) + u64(thread / kDrawCounters);
  const i64 lane = thread % kDrawCounters;
  const i64 begin = thread / kDrawCounters * kDrawBlock + lane - i64(first % u64(kDrawBlock));
  if (begin >= n) return;
  float y[4];
  Draw::of(words_of(block * u64(kDrawCounters) + u64(lane), clock[0], seed, stream), y);
  CU_UNROLL
  for (i64 j = 0; j < 4; ++j) {
    const i64 i = begin + j * kDrawCounters;
    if (0 <= i && i < n) use(i, y[j]);
  }
}

__global__ void tick(u64* clock) { clock[0] += 1; }

template <class Draw, class T>
__global__ void fill_draws(T* y, const u64* clock, i64 n, i64 cols, i64 seed, i64 stream) {
  for_draws<Draw>(clock, n, cols, seed, stream, [&](i64 i, float number) { y[i] = T(number); });
}

template <class T>
__global__ void flip(T* y, const T* prob, const u64* clock, i64 n, i64 cols, i64 seed, i64 stream) {
  for_draws<Uniform>(clock, n, cols, seed, stream,
                     [&](i64 i, float u) { y[i] = bernoulli_of(T(u), prob[i]); });
}

template <class T>
__global__ void shift_and_scale(T* z, T* eps, const T* mu, const T* logvar, const u64* clock, i64 n,
                                i64 cols, i64 seed, i64 stream) {
  for_draws<Normal>(clock, n, cols, seed, stream, [&](i64 i, float number) {
    const T e = T(number), latent = reparameterised(mu[i], logvar[i], e);
    eps[i] = e;
    z[i] = latent;
  });
}

template <class T>
__global__ void slope(T* dlogvar, const T* dz, const T* eps, const T* logvar, i64 n) {
  struct Operands {
    T dz, eps, logvar;
  };
  for_elements(
      n,
      [&](i64 i) {
        return Operands{dz[i], eps[i], logvar[i]};
      },
      [&](i64 i, Operands v) { dlogvar[i] = reparameterised_d1(v.dz, v.logvar, v.eps); });
}

}  // namespace

template <class T>
void advance(Part stream, InOut<u64> clock) {
  stream.launch(tick, {1, 1}, clock.p);
}

template <class T>
void normal(Part queue, T* y, const u64* clock, i64 n, i64 cols, i64 seed, i64 stream) {
  queue.launch(fill_draws<Normal, T>, {draw_blocks(n), kThreads}, y, clock, n, cols, seed, stream);
}

template <class T>
void uniform(Part queue, T* y, const u64* clock, i64 n, i64 cols, i64 seed, i64 stream) {
  queue.launch(fill_draws<Uniform, T>, {draw_blocks(n), kThreads}, y, clock, n, cols, seed, stream);
}

template <class T>
void bernoulli(Part queue, T* y, const T* prob, const u64* clock, i64 n, i64 cols, i64 seed,
               i64 stream) {
  queue.launch(flip<T>, {draw_blocks(n), kThreads}, y, prob, clock, n, cols, seed, stream);
}

template <class T>
void reparameterise(Part queue, T* z, T* eps, const T* mu, const T* logvar, const u64* clock, i64 n,
                    i64 cols, i64 seed, i64 stream) {
  queue.launch(shift_and_scale<T>, {draw_blocks(n), kThreads}, z, eps, mu, logvar, clock, n, cols,
               seed, stream);
}

template <class T>
void reparameterise_d1(Part stream, T* dlogvar, const T* dz, const T* eps, const T* logvar, i64 n) {
  stream.launch(slope<T>, {blocks_of(n), kThreads}, dlogvar, dz, eps, logvar, n);
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/random/random.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
