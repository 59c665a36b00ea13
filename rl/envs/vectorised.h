#pragma once
// E copies of an environment side by side: time limit, auto-reset and statistics around its three functions.
//
// `memory` (S + kRows, n) holds all that changes, number k of copy i at k n + i: the state, then the rows of info.h. A start
// is a function of (seed, stream, copy, episode) alone, so that threads, lanes and devices change no bit:
//
//   Philox counter = (copy, block | 0xffff0000, episode, stream), key = seed      no Step's: its id ends at 0xfffe
//   uniform k of a start = ((words 2 (k mod 2), 2 (k mod 2) + 1 of block k / 2) >> 11) 2^-53
#include <type_traits>

#include "kernels/common/philox.h"
#include "kernels/common/planted.h"
#include "rl/envs/environment.h"
#include "rl/envs/lanes.h"

namespace lat::rl::LAT_ISA {

template <class E>
constexpr bool kOneByOne = requires {
  E::kOneByOne;
};

template <class E>
struct Vectorised {
  static constexpr i64 S = E::kInfo.states, D = E::kInfo.observed;
  static constexpr i64 A = E::kInfo.discrete ? 1 : E::kInfo.actions;
  static constexpr i64 kUniforms = E::kInfo.uniforms, U = kUniforms > 0 ? kUniforms : 1;
  static constexpr bool kDiscrete = E::kInfo.discrete;
  static constexpr double kChoices = double(E::kInfo.actions);
  // A choice is an i32, numbers are of the working real type.
  template <class T>
  using Action = std::conditional_t<kDiscrete, i32, T>;

  static LAT_INLINE void start(double (&s)[S], i64 copy, double episode, i64 seed, i64 stream) {
    if (planted(Bug::start_ignores_episode)) episode = 0;
    double u[U] = {};
    for (i64 block = 0; 2 * block < kUniforms; ++block) {
      const Philox x = philox(
          {{u32(copy), u32(block) | 0xffff0000u, u32(i64(episode)), u32(stream)}}, u64(seed));
      for (i64 k = 0; k < 2 && 2 * block + k < kUniforms; ++k)
        u[2 * block + k] = double((u64(x.word[2 * k]) << 32 | x.word[2 * k + 1]) >> 11) * 0x1p-53;
    }
    E::reset(s, u);
  }

  static LAT_INLINE bool shows(i64 seen, i64 d) { return d > 62 || (seen >> d & 1) != 0; }

  template <class V>
  static LAT_INLINE double lane(V x, i64 l) {
    if constexpr (kWidth<V> == 1)
      return x;
    else
      return x[l];
  }

  // The observations of the copies i, i + 1, ... as rows of `to`, and of `also` where there is one.
  template <class V, class T>
  static LAT_INLINE void write(T* to, T* also, i64 i, const V (&o)[D], i64 seen) {
    i64 cols = D;
    if (seen != -1) {
      cols = 0;
      for (i64 d = 0; d < D; ++d) cols += shows(seen, d);
    }
    i64 c = 0;
    for (i64 d = 0; d < D; ++d) {
      if (seen != -1 && !shows(seen, d)) continue;
      const auto y = lanes_as<T>(o[d]);
      for (i64 l = 0; l < kWidth<V>; ++l) {
        T x;
        if constexpr (kWidth<V> == 1)
          x = y;
        else
          x = y[l];
        to[(i + l) * cols + c] = x;
        if (also) also[(i + l) * cols + c] = x;
      }
      ++c;
    }
  }

  // The actions of the copies i, i + 1, ...; what is no action counts as 0, and `invalid` says so.
  template <class V, class T>
  static LAT_INLINE void actions(V (&a)[A], V& invalid, const Action<T>* from, i64 i) {
    const V one = splat<V>(1), zero{};
    invalid = zero;
    for (i64 k = 0; k < A; ++k) {
      V x{};
      if constexpr (A == 1)
        x = take_lanes<V>(from + i);
      else if constexpr (kWidth<V> == 1)
        x = double(from[i * A + k]);
      else
        for (i64 l = 0; l < kWidth<V>; ++l) x[l] = double(from[(i + l) * A + k]);
      const auto good = kDiscrete ? both(x >= zero, x < splat<V>(kChoices))
                                  : both(m::abs(x) < splat<V>(kNoBound), x == x);
      invalid = good ? invalid : one;
      a[k] = good ? x : zero;
    }
  }

  template <class V, class T>
  static LAT_INLINE void observe(V, i64 i, T* obs, const double* memory, i64 n, i64 seen) {
    V s[S], o[D];
    for (i64 k = 0; k < S; ++k) s[k] = load<V>(memory + k * n + i);
    E::observe(s, o);
    write<V, T>(obs, nullptr, i, o, seen);
  }

  static LAT_INLINE void reset(i64 i, double* memory, i64 n, i64 seed, i64 stream) {
    double* const rows = memory + S * n + i;
    const double episode = rows[kEpisode * n] + 1;
    double s[S];
    start(s, i, episode, seed, stream);
    for (i64 k = 0; k < S; ++k) memory[k * n + i] = s[k];
    rows[kSteps * n] = 0;
    rows[kEpisode * n] = episode;
    rows[kReturn * n] = 0;
  }

  // The first half of a step of the copies i, i + 1, ..., as many as V has lanes: their states move on. Where `keep` is
  // false, nothing of the memory changes.
  template <class V, class T>
  static LAT_INLINE void move(V, i64 i, T* reward, T* terminated, T* truncated, double* memory,
                              bool keep, const Action<T>* action, const Rules& rules) {
    const i64 n = rules.n;
    const V one = splat<V>(1), zero{};
    V s[S], a[A], invalid;
    for (i64 k = 0; k < S; ++k) s[k] = load<V>(memory + k * n + i);
    double* const rows = memory + S * n + i;

    actions<V, T>(a, invalid, action, i);
    const Outcome<V> out = E::step(s, a);
    const V steps = load<V>(rows + kSteps * n) + one;
    const V gained = load<V>(rows + kReturn * n) + out.reward;
    const double limit = double(rules.limit) + (planted(Bug::limit_one_late) ? 1 : 0);
    const V over = steps >= splat<V>(limit) ? one : zero;
    const V cut = out.terminated > zero ? zero : over;
    put_lanes(reward + i, out.reward);
    put_lanes(terminated + i,
              planted(Bug::truncation_terminates) ? out.terminated + cut : out.terminated);
    put_lanes(truncated + i, cut);
    if (!keep) return;
    for (i64 k = 0; k < S; ++k) store<V>(memory + k * n + i, s[k]);
    store<V>(rows + kSteps * n, steps);
    store<V>(rows + kReturn * n, gained);
    double* const first_invalid = rows + kInvalid * n;
    for (i64 l = 0; l < kWidth<V>; ++l)
      if (lane(invalid, l) != 0 && first_invalid[l] == 0) first_invalid[l] = lane(steps, l);
  }

  // The second half: what they see then, and the next episode of those that have ended.
  template <class V, class T>
  static LAT_INLINE void see(V, i64 i, T* obs, T* final_obs, const T* terminated,
                             const T* truncated, double* memory, bool keep, const Rules& rules) {
    V s[S], o[D];
    for (i64 k = 0; k < S; ++k) s[k] = load<V>(memory + k * rules.n + i);
    E::observe(s, o);
    write(final_obs, obs, i, o, rules.seen);
    for (i64 l = i; l < i + kWidth<V>; ++l)
      if (terminated[l] + truncated[l] != 0)
        next_episode(l, obs, planted(Bug::final_observation_lost) ? final_obs : nullptr, memory,
                     keep, rules);
  }

 private:
  // Counts the episode of copy i that has ended, and begins the next.
  template <class T>
  static LAT_INLINE void next_episode(i64 i, T* obs, T* also, double* memory, bool keep,
                                      const Rules& rules) {
    const i64 n = rules.n;
    double* const row = memory + S * n + i;
    const double episode = row[kEpisode * n], gained = row[kReturn * n];
    double s[S], o[D];
    start(s, i, episode + 1, rules.seed, rules.stream);
    E::observe(s, o);
    write<double, T>(obs, also, i, o, rules.seen);
    if (!keep) return;
    if (rules.counted == 0 || episode <= double(rules.counted)) {
      row[kEpisodes * n] += planted(Bug::episode_counted_twice) ? 2 : 1;
      row[kReturns * n] += gained;
      row[kSquares * n] += gained * gained;
      row[kLengths * n] += row[kSteps * n];
    }
    for (i64 k = 0; k < S; ++k) memory[k * n + i] = s[k];
    row[kSteps * n] = 0;
    row[kEpisode * n] = episode + 1;
    row[kReturn * n] = 0;
  }
};

}  // namespace lat::rl::LAT_ISA
