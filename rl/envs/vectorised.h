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
#include "rl/envs/environment.h"

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
    double u[U] = {};
    for (i64 block = 0; 2 * block < kUniforms; ++block) {
      const Philox x = philox(
          {{u32(copy), u32(block) | 0xffff0000u, u32(i64(episode)), u32(stream)}}, u64(seed));
      for (i64 k = 0; k < 2 && 2 * block + k < kUniforms; ++k)
        u[2 * block + k] = double((u64(x.word[2 * k]) << 32 | x.word[2 * k + 1]) >> 11) * 0x1p-53;
    }
    E::reset(s, u);
  }

  static LAT_INLINE i64 columns(i64 seen) {
    i64 n = 0;
    for (i64 d = 0; d < D; ++d) n += shows(seen, d);
    return n;
  }
  static LAT_INLINE bool shows(i64 seen, i64 d) { return d > 62 || (seen >> d & 1) != 0; }

  // The observations of the copies i, i + 1, ... as rows of `to`.
  template <class V, class T>
  static LAT_INLINE void write(T* to, i64 i, const V (&o)[D], i64 seen) {
    const i64 cols = columns(seen);
    for (i64 l = 0; l < kWidth<V>; ++l) {
      T* const row = to + (i + l) * cols;
      i64 c = 0;
      for (i64 d = 0; d < D; ++d)
        if (shows(seen, d)) row[c++] = T(lane(o[d], l));
    }
  }

  template <class V>
  static LAT_INLINE double lane(V x, i64 l) {
    if constexpr (kWidth<V> == 1)
      return x;
    else
      return x[l];
  }

  template <class V, class T>
  static LAT_INLINE void put(T* to, V x) {
    for (i64 l = 0; l < kWidth<V>; ++l) to[l] = T(lane(x, l));
  }

  // The actions of the copies i, i + 1, ...; what is no action counts as 0, and `invalid` says so.
  template <class V, class T>
  static LAT_INLINE void actions(V (&a)[A], V& invalid, const Action<T>* from, i64 i) {
    const V one = splat<V>(1), zero{};
    invalid = zero;
    for (i64 k = 0; k < A; ++k) {
      V x{};
      if constexpr (kWidth<V> == 1)
        x = double(from[i * A + k]);
      else
        for (i64 l = 0; l < kWidth<V>; ++l) x[l] = double(from[(i + l) * A + k]);
      if constexpr (kDiscrete)
        a[k] = (x >= zero) & (x < splat<V>(kChoices)) ? x : splat<V>(-1);
      else
        a[k] = m::abs(x) < splat<V>(kNoBound) ? x : splat<V>(kNoBound);
      const auto wrong = kDiscrete ? a[k] < zero : a[k] == splat<V>(kNoBound);
      invalid = wrong ? one : invalid;
      a[k] = wrong ? zero : a[k];
    }
  }

  template <class V, class T>
  static LAT_INLINE void observe(V, i64 i, T* obs, const double* memory, i64 n, i64 seen) {
    V s[S], o[D];
    for (i64 k = 0; k < S; ++k) s[k] = load<V>(memory + k * n + i);
    E::observe(s, o);
    write(obs, i, o, seen);
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

  // One step of the copies i, i + 1, ..., as many as V has lanes. Where `keep` is false, nothing of the memory changes.
  template <class V, class T>
  static LAT_INLINE void step(V, i64 i, T* obs, T* final_obs, T* reward, T* terminated,
                              T* truncated, double* memory, bool keep, const Action<T>* action,
                              const Rules& rules) {
    const i64 n = rules.n;
    const V one = splat<V>(1), zero{};
    V s[S], a[A], o[D], invalid;
    for (i64 k = 0; k < S; ++k) s[k] = load<V>(memory + k * n + i);
    double* const rows = memory + S * n + i;
    const auto row = [rows, n](i64 k) { return load<V>(rows + k * n); };

    actions<V, T>(a, invalid, action, i);
    const Outcome<V> out = E::step(s, a);
    const V steps = row(kSteps) + one;
    const V over = steps >= splat<V>(double(rules.limit)) ? one : zero;
    const V cut = out.terminated > zero ? zero : over;
    const V ended = out.terminated + cut;
    E::observe(s, o);
    write(final_obs, i, o, rules.seen);
    write(obs, i, o, rules.seen);
    put(reward + i, out.reward);
    put(terminated + i, out.terminated);
    put(truncated + i, cut);

    const V episode = row(kEpisode);
    const V gained = row(kReturn) + out.reward;
    if (keep) {
      const V last = splat<V>(rules.counted > 0 ? double(rules.counted) : 0x1p53);
      const V counts = episode > last ? zero : ended;
      const auto running = ended == zero;
      const auto set = [rows, n](i64 k, V x) { store<V>(rows + k * n, x); };
      for (i64 k = 0; k < S; ++k) store<V>(memory + k * n + i, s[k]);
      set(kSteps, running ? steps : zero);
      set(kEpisode, episode + ended);
      set(kReturn, running ? gained : zero);
      set(kEpisodes, row(kEpisodes) + counts);
      set(kReturns, row(kReturns) + (counts > zero ? gained : zero));
      set(kSquares, row(kSquares) + (counts > zero ? gained * gained : zero));
      set(kLengths, row(kLengths) + (counts > zero ? steps : zero));
      const V before = row(kInvalid);
      set(kInvalid, (before == zero) & (invalid > zero) ? steps : before);
    }
    for (i64 l = 0; l < kWidth<V>; ++l) {
      if (lane(ended, l) == 0) continue;
      double fresh[S], seen[D];
      start(fresh, i + l, lane(episode, l) + 1, rules.seed, rules.stream);
      for (i64 k = 0; keep && k < S; ++k) memory[k * n + i + l] = fresh[k];
      E::observe(fresh, seen);
      write(obs, i + l, seen, rules.seen);
    }
  }
};

}  // namespace lat::rl::LAT_ISA
