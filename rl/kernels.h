#pragma once
// The kernels of rl beside those of environments: replay memory and running moments. Bound by memory.
#include <type_traits>

#include "kernels/common/math.h"
#include "kernels/common/philox.h"
#include "kernels/common/planted.h"
#include "rl/envs/lanes.h"

namespace lat::rl::LAT_ISA {

using namespace kernels;
using namespace kernels::LAT_ISA;

// A transition is a row of W = 2 D + A + 2 numbers: what was seen, action, reward, what was seen then, terminated.
struct Transition {
  i64 D, A;
  LAT_INLINE i64 reward() const { return D + A; }
  LAT_INLINE i64 next() const { return D + A + 1; }
  LAT_INLINE i64 terminated() const { return 2 * D + A + 1; }
  LAT_INLINE i64 width() const { return 2 * D + A + 2; }
};

// Row i of E joins the ring in row (stored + i) mod capacity.
template <class T, class Action>
LAT_INLINE void put_transition(T* ring, double stored, const T* obs, const Action* action,
                               const T* reward, const T* next, const T* terminated, i64 i,
                               Transition at, i64 capacity) {
  T* const row = ring + (i64(stored) + i) % capacity * at.width();
  for (i64 d = 0; d < at.D; ++d) row[d] = obs[i * at.D + d];
  for (i64 a = 0; a < at.A; ++a) row[at.D + a] = T(action[i * at.A + a]);
  row[at.reward()] = reward[i];
  const T* const follows = planted(Bug::replay_next_is_now) ? obs : next;
  for (i64 d = 0; d < at.D; ++d) row[at.next() + d] = follows[i * at.D + d];
  row[at.terminated()] = planted(Bug::replay_end_forgotten) ? T(0) : terminated[i];
}

// Row b of a batch is row floor(w count / 2^32) of the ring, uniform over what it holds; w is word 0 of the counter
// (b, step id << 16, draw, tick) with the layout of kernels/random/random.h.
template <class T, class Action>
LAT_INLINE void take_transition(T* obs, Action* action, T* reward, T* next, T* terminated,
                                const T* ring, double stored, const u64* clock, i64 b,
                                Transition at, i64 capacity, i64 seed, i64 stream) {
  const i64 count = stored < double(capacity) ? i64(stored) : capacity;
  const Philox x =
      philox({{u32(b), u32(u64(stream) >> 32) << 16, u32(stream), u32(clock[0])}}, u64(seed));
  const T* const row = ring + i64(u64(x.word[0]) * u64(count) >> 32) * at.width();
  for (i64 d = 0; d < at.D; ++d) obs[b * at.D + d] = row[d];
  for (i64 a = 0; a < at.A; ++a) action[b * at.A + a] = Action(row[at.D + a]);
  reward[b] = row[at.reward()];
  for (i64 d = 0; d < at.D; ++d) next[b * at.D + d] = row[at.next() + d];
  terminated[b] = row[at.terminated()];
}

// Columns d ... d + n - 1 of `moments` (3,D): count, mean, sum of squared deviations; joined with the rows x (B,D).
//                                               Chan, Golub & LeVeque 1983, equations 2.1
template <i64 n, class T>
LAT_INLINE void join_moments(double* moments, const T* x, i64 d, i64 B, i64 D) {
  double sum[n] = {}, m[n], squares[n] = {};
  for (i64 b = 0; b < B; ++b)
    for (i64 c = 0; c < n; ++c) sum[c] += double(x[b * D + d + c]);
  for (i64 c = 0; c < n; ++c) m[c] = sum[c] / double(B);
  for (i64 b = 0; b < B; ++b)
    for (i64 c = 0; c < n; ++c) {
      const double off = double(x[b * D + d + c]) - m[c];
      squares[c] = fma(off, off, squares[c]);
    }
  for (i64 c = 0; c < n; ++c) {
    double* const at = moments + d + c;
    const double before = at[0], now = before + double(B), delta = m[c] - at[D];
    at[0] = now;
    at[D] = fma(delta, double(B) / now, at[D]);
    const double shift = planted(Bug::moments_without_shift) ? 0 : delta * delta;
    at[2 * D] = fma(shift, before * double(B) / now, at[2 * D] + squares[c]);
  }
}

// Of column d: what is taken off, nothing unless `centre`, and the deviation, 0 before any moments.
struct Scale {
  double mean, sd;

  LAT_INLINE Scale(const double* moments, i64 d, i64 D, bool centre)
      : mean(centre ? moments[D + d] : 0.0),
        sd(moments[d] == 0 ? 0.0 : m::sqrt(moments[2 * D + d] / moments[d] + 1e-8)) {}
};

// (x - mean) / sd within +-bound; x itself before any moments.
template <class V>
LAT_INLINE V standardised(V x, V mean, V sd, double bound) {
  const V y = min(max((x - mean) / sd, splat<V>(-bound)), splat<V>(bound));
  return sd == V{} ? x : y;
}

}  // namespace lat::rl::LAT_ISA
