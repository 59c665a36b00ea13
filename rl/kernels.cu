// The rows of rl/table.h on devices: a thread for a copy of an environment, a transition, a column.
#include "kernels/common/cuda.h"

#include "rl/kernels.h"

#include "kernels/devices.h"
#include "kernels/row.h"
#include "rl/envs/acrobot.h"
#include "rl/envs/cartpole.h"
#include "rl/envs/catch.h"
#include "rl/envs/deep_sea.h"
#include "rl/envs/mountain_car_continuous.h"
#include "rl/envs/pendulum.h"
#include "rl/envs/vectorised.h"

namespace lat::rl::LAT_ISA {
namespace {

using Part = kernels::LAT_ISA::Part;  // the stream
constexpr i64 kBlock = 128;

__device__ __forceinline__ i64 thread() { return blockIdx.x * kBlock + threadIdx.x; }
inline gpu::Launch over(i64 n) { return {ceil_div(n, kBlock), kBlock}; }

template <class E>
__global__ void reset_copies(double* memory, i64 n, i64 seed, i64 stream) {
  const i64 i = thread();
  if (i < n) Vectorised<E>::reset(i, memory, n, seed, stream);
}

template <class E, class T>
__global__ void observe_copies(T* obs, const double* memory, i64 n, i64 seen) {
  const i64 i = thread();
  if (i < n) Vectorised<E>::observe(double{}, i, obs, memory, n, seen);
}

template <class E, class T, class Action>
__global__ void step_copies(T* obs, T* final_obs, T* reward, T* terminated, T* truncated,
                            double* memory, const i32* ok, const Action* action, Rules rules) {
  const i64 i = thread();
  if (i >= rules.n) return;
  const bool keep = ok[0] != 0;
  Vectorised<E>::move(double{}, i, reward, terminated, truncated, memory, keep, action, rules);
  Vectorised<E>::see(double{}, i, obs, final_obs, terminated, truncated, memory, keep, rules);
}

template <class T, class Action>
__global__ void put_rows(T* ring, const double* stored, const T* obs, const Action* action,
                         const T* reward, const T* next, const T* terminated, const i32* ok, i64 n,
                         Transition at, i64 capacity) {
  const i64 i = thread();
  if (i < n && ok[0] != 0)
    put_transition(ring, stored[0], obs, action, reward, next, terminated, i, at, capacity);
}

__global__ void count_rows(double* stored, const i32* ok, i64 n) {
  if (ok[0] != 0) stored[0] += double(n);
}

template <class T, class Action>
__global__ void take_rows(T* obs, Action* action, T* reward, T* next, T* terminated, const T* ring,
                          const double* stored, const u64* clock, i64 B, Transition at,
                          i64 capacity, i64 seed, i64 stream) {
  const i64 b = thread();
  if (b < B)
    take_transition(obs, action, reward, next, terminated, ring, stored[0], clock, b, at, capacity,
                    seed, stream);
}

template <class T>
__global__ void join_columns(double* moments, const T* x, const i32* ok, i64 B, i64 D) {
  const i64 d = thread();
  if (d < D && ok[0] != 0) join_moments<1>(moments, x, d, B, D);
}

template <class T>
__global__ void standardise_elements(T* y, const T* x, const double* moments, i64 n, i64 D,
                                     i64 centre, double bound) {
  const i64 i = thread();
  if (i >= n) return;
  const Scale scale(moments, i % D, D, centre != 0);
  y[i] = T(standardised(double(x[i]), scale.mean, scale.sd, bound));
}

template <class E, class T>
void reset(Part stream, InOut<double> memory, i64 n, i64 seed, i64 draws) {
  stream.launch(reset_copies<E>, over(n), memory.p, n, seed, draws);
}

template <class E, class T>
void observe(Part stream, T* obs, const double* memory, i64 n, i64 seen) {
  stream.launch(observe_copies<E, T>, over(n), obs, memory, n, seen);
}

template <class E, class T>
void step(Part stream, T* obs, T* final_obs, T* reward, T* terminated, T* truncated,
          InOut<double> memory, const i32* ok,
          const typename Vectorised<E>::template Action<T>* action, i64 n, i64 limit, i64 seen,
          i64 counted, i64 seed, i64 draws) {
  using Action = typename Vectorised<E>::template Action<T>;
  stream.launch(step_copies<E, T, Action>, over(n), obs, final_obs, reward, terminated, truncated,
                memory.p, ok, action, Rules{n, limit, seen, counted, seed, draws});
}

template <class T, class Action>
void replay_put(Part stream, InOut<T> ring, InOut<double> stored, const T* obs,
                const Action* action, const T* reward, const T* next, const T* terminated,
                const i32* ok, i64 n, i64 D, i64 A, i64 capacity) {
  stream.launch(put_rows<T, Action>, over(n), ring.p, stored.p, obs, action, reward, next,
                terminated, ok, n, Transition{D, A}, capacity);
  stream.launch(count_rows, {1, 1}, stored.p, ok, n);
}

template <class T, class Action>
void replay_sample(Part stream, T* obs, Action* action, T* reward, T* next, T* terminated,
                   const T* ring, const double* stored, const u64* clock, i64 B, i64 D, i64 A,
                   i64 capacity, i64 seed, i64 draws) {
  stream.launch(take_rows<T, Action>, over(B), obs, action, reward, next, terminated, ring, stored,
                clock, B, Transition{D, A}, capacity, seed, draws);
}

template <class T>
void join(Part stream, InOut<double> moments, const T* x, const i32* ok, i64 B, i64 D) {
  stream.launch(join_columns<T>, over(D), moments.p, x, ok, B, D);
}

template <class T>
void standardise(Part stream, T* y, const T* x, const double* moments, i64 B, i64 D, i64 centre,
                 double bound) {
  stream.launch(standardise_elements<T>, over(B * D), y, x, moments, B * D, D, centre, bound);
}

template <class... A>
kernels::LAT_ISA::Row<A...> row_of(void (*)(Part, A...));

template <auto f>
void run(const Arg* a, gpu::Stream& stream) {
  decltype(row_of(f))::template call<f>(a, static_cast<kernels::LAT_ISA::Stream&>(stream));
}

template <auto f, auto g>
constexpr DeviceKernel row(const char* name) {
  return {name, {&run<f>, &run<g>}, {}};
}

constexpr DeviceKernel kRows[] = {
#define ENVIRONMENT(name, E)                                          \
  row<&reset<E, float>, &reset<E, double>>(#name "_reset"),           \
      row<&observe<E, float>, &observe<E, double>>(#name "_observe"), \
      row<&step<E, float>, &step<E, double>>(#name "_step"),
#include "rl/envs/environments.def"
#undef ENVIRONMENT
    row<&replay_put<float, float>, &replay_put<double, double>>("replay_put"),
    row<&replay_put<float, i32>, &replay_put<double, i32>>("replay_put_choice"),
    row<&replay_sample<float, float>, &replay_sample<double, double>>("replay_sample"),
    row<&replay_sample<float, i32>, &replay_sample<double, i32>>("replay_sample_choice"),
    row<&join<float>, &join<double>>("join_moments"),
    row<&standardise<float>, &standardise<double>>("standardise"),
    {}};

}  // namespace

const DeviceKernel* foreign_rows() { return kRows; }

}  // namespace lat::rl::LAT_ISA

#ifdef __CUDACC__
const lat::kernels::DeviceKernel* lat::kernels::cuda_foreign() { return rl::cuda::foreign_rows(); }
#else
const lat::kernels::DeviceKernel* lat::kernels::emulated_foreign() {
  return rl::emulated::foreign_rows();
}
#endif
