// One instruction set's rows of rl/table.h. With LAT_SPEC they are plain loops over one copy at a time.
#include "rl/kernels.h"

#include "kernels/row.h"
#include "rl/envs/acrobot.h"
#include "rl/envs/cartpole.h"
#include "rl/envs/catch.h"
#include "rl/envs/deep_sea.h"
#include "rl/envs/mountain_car_continuous.h"
#include "rl/envs/pendulum.h"
#include "rl/envs/vectorised.h"
#include "rl/table.h"

namespace lat::rl::LAT_ISA {
namespace {

// body(V{}, i) for copies, as many at once as V has lanes; one by one where the working real type is double, which is for
// checking.
template <class E, class T, class Body>
LAT_INLINE void for_copies(i64 begin, i64 end, Body&& body) {
#ifndef LAT_SPEC
  if constexpr (!kOneByOne<E> && std::is_same_v<T, float>)
    return for_lanes<double>(begin, end, body);
#endif
  for (i64 i = begin; i < end; ++i) body(double{}, i);
}

template <class E, class T>
void reset(Part part, InOut<double> memory, i64 n, i64 seed, i64 stream) {
  for (i64 i = part.begin(n); i < part.end(n); ++i)
    Vectorised<E>::reset(i, memory.p, n, seed, stream);
}

template <class E, class T>
void observe(Part part, T* obs, const double* memory, i64 n, i64 seen) {
  for_copies<E, T>(part.begin(n), part.end(n), [&](auto v, i64 i) LAT_FLAT {
    Vectorised<E>::observe(v, i, obs, memory, n, seen);
  });
}

template <class E, class T>
void step(Part part, T* obs, T* final_obs, T* reward, T* terminated, T* truncated,
          InOut<double> memory, const i32* ok,
          const typename Vectorised<E>::template Action<T>* action, i64 n, i64 limit, i64 seen,
          i64 counted, i64 seed, i64 stream) {
  const Rules rules{n, limit, seen, counted, seed, stream};
  const bool keep = ok[0] != 0;
  constexpr i64 block = 64;  // the halves of a step apart, so that more copies are in flight
  for (i64 begin = part.begin(n); begin < part.end(n); begin += block) {
    const i64 end = min_of(begin + block, part.end(n));
    for_copies<E, T>(begin, end, [&](auto v, i64 i) LAT_FLAT {
      Vectorised<E>::move(v, i, reward, terminated, truncated, memory.p, keep, action, rules);
    });
    for_copies<E, T>(begin, end, [&](auto v, i64 i) LAT_FLAT {
      Vectorised<E>::see(v, i, obs, final_obs, terminated, truncated, memory.p, keep, rules);
    });
  }
}

template <class T, class Action>
void replay_put(Part, InOut<T> ring, InOut<double> stored, const T* obs, const Action* action,
                const T* reward, const T* next, const T* terminated, const i32* ok, i64 n, i64 D,
                i64 A, i64 capacity) {
  if (ok[0] == 0) return;
  for (i64 i = 0; i < n; ++i)
    put_transition(ring.p, stored.p[0], obs, action, reward, next, terminated, i, {D, A}, capacity);
  stored.p[0] += double(n);
}

template <class T, class Action>
void replay_sample(Part part, T* obs, Action* action, T* reward, T* next, T* terminated,
                   const T* ring, const double* stored, const u64* clock, i64 B, i64 D, i64 A,
                   i64 capacity, i64 seed, i64 stream) {
  for (i64 b = part.begin(B); b < part.end(B); ++b)
    take_transition(obs, action, reward, next, terminated, ring, stored[0], clock, b, {D, A},
                    capacity, seed, stream);
}

template <class T>
void join(Part, InOut<double> moments, const T* x, const i32* ok, i64 B, i64 D) {
  if (ok[0] == 0) return;
  i64 d = 0;  // some columns at once, for each of them is a chain of additions
  for (; d + 4 <= D; d += 4) join_moments<4>(moments.p, x, d, B, D);
  for (; d + 3 <= D; d += 3) join_moments<3>(moments.p, x, d, B, D);
  for (; d < D; ++d) join_moments<1>(moments.p, x, d, B, D);
}

template <class T>
void standardise(Part part, T* y, const T* x, const double* moments, i64 B, i64 D, i64 centre,
                 double bound) {
  i64 i = part.begin(B) * D;
  const i64 end = part.end(B) * D;
#ifndef LAT_SPEC
  constexpr i64 w = kWidth<VecD>, most = 16;
  if (D <= most) {  // w rows at once, which are D vectors
    double mean[most * w], sd[most * w];
    for (i64 d = 0; d < D; ++d) {
      const Scale scale(moments, d, D, centre != 0);
      for (i64 k = d; k < D * w; k += D) mean[k] = scale.mean, sd[k] = scale.sd;
    }
    for (; i + D * w <= end; i += D * w)
      for (i64 k = 0; k < D * w; k += w)
        put_lanes(y + i + k, standardised(take_lanes<VecD>(x + i + k), load<VecD>(mean + k),
                                          load<VecD>(sd + k), bound));
  }
#endif
  for (i64 d = 0; d < D; ++d) {
    const Scale scale(moments, d, D, centre != 0);
    for (i64 k = i + d; k < end; k += D)
      y[k] = T(standardised(double(x[k]), scale.mean, scale.sd, bound));
  }
}

// ---- rows -----------------------------------------------------------------------------------------------------------

template <class... A>
kernels::LAT_ISA::Row<A...> row_of(void (*)(Part, A...));

template <auto f>
void run(const Arg* a, Part part) {
  decltype(row_of(f))::template call<f>(a, part);
}

// Parts for `a[index]` items, `grain` of which take about 10 us; 0 shares nothing.
template <i64 index, i64 grain>
Plan plan(const Arg* a) {
#ifndef LAT_SPEC
  if (grain > 0) return share(a[index].i, grain);
#endif
  static_cast<void>(a);
  return {};
}

template <auto f, auto g, i64 index, i64 grain>
constexpr Kernel row(const char* name) {
  return {name,
          decltype(row_of(f))::roles,
          {&run<f>, &run<g>},
          {&plan<index, grain>, &plan<index, grain>}};
}

template <class E>
void see(const double* state, double* observation) {
  double s[Vectorised<E>::S], o[Vectorised<E>::D];
  for (i64 k = 0; k < Vectorised<E>::S; ++k) s[k] = state[k];
  E::observe(s, o);
  for (i64 d = 0; d < Vectorised<E>::D; ++d) observation[d] = o[d];
}

template <class E>
void advance(double* state, const double* action, double* reward, double* terminated) {
  double s[Vectorised<E>::S], a[Vectorised<E>::A];
  for (i64 k = 0; k < Vectorised<E>::S; ++k) s[k] = state[k];
  for (i64 k = 0; k < Vectorised<E>::A; ++k) a[k] = action[k];
  const Outcome<double> out = E::step(s, a);
  for (i64 k = 0; k < Vectorised<E>::S; ++k) state[k] = s[k];
  *reward = out.reward;
  *terminated = out.terminated;
}

constexpr EnvironmentRow kEnvironments[] = {
#define ENVIRONMENT(name, E)                                                \
  {E::kInfo,                                                                \
   row<&reset<E, float>, &reset<E, double>, 1, 4096>(#name "_reset"),       \
   row<&observe<E, float>, &observe<E, double>, 2, 2048>(#name "_observe"), \
   row<&step<E, float>, &step<E, double>, 8, 512>(#name "_step"),           \
   &see<E>,                                                                 \
   &advance<E>},
#include "rl/envs/environments.def"
#undef ENVIRONMENT
};

constexpr Table kTable{
    kEnvironments,
    sizeof(kEnvironments) / sizeof(kEnvironments[0]),
    {row<&replay_put<float, float>, &replay_put<double, double>, 0, 0>("replay_put"),
     row<&replay_put<float, i32>, &replay_put<double, i32>, 0, 0>("replay_put_choice")},
    {row<&replay_sample<float, float>, &replay_sample<double, double>, 8, 256>("replay_sample"),
     row<&replay_sample<float, i32>, &replay_sample<double, i32>, 8, 256>("replay_sample_choice")},
    row<&join<float>, &join<double>, 0, 0>("join_moments"),
    row<&standardise<float>, &standardise<double>, 0, 0>("standardise")};

}  // namespace

const Table& rows() { return kTable; }

}  // namespace lat::rl::LAT_ISA
