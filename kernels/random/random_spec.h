#pragma once
// Random numbers one element at a time; random.h fixes which bits belong to which element.
#include "kernels/random/draws.h"

namespace lat::kernels::spec {

struct Draw {
  Philox bits;
  i64 word;  // of the four, the element's own
};

inline Draw draw(u64 element, u64 tick, i64 seed, i64 stream) {
  const u64 counter = 16 * (element / 64) + element % 16;
  return {words_of(counter, tick, seed, stream), i64(element % 64 / 16)};
}

inline float uniform_of(const Draw& d) { return uniform_of<float>(d.bits.word[d.word]); }

inline float normal_of(const Draw& d) {
  const i64 pair = d.word & ~i64(1);
  const Normals<float> z = normals_of<float>(d.bits.word[pair], d.bits.word[pair + 1]);
  return d.word == pair ? z.first : z.second;
}

template <class T>
void advance(InOut<u64> clock) {
  clock.p[0] += 1;
}

template <class T>
void normal(T* y, const u64* clock, i64 n, i64 cols, i64 seed, i64 stream) {
  const u64 first = clock[1] * u64(cols);
  for (i64 i = 0; i < n; ++i) y[i] = T(normal_of(draw(first + u64(i), clock[0], seed, stream)));
}

template <class T>
void uniform(T* y, const u64* clock, i64 n, i64 cols, i64 seed, i64 stream) {
  const u64 first = clock[1] * u64(cols);
  for (i64 i = 0; i < n; ++i) y[i] = T(uniform_of(draw(first + u64(i), clock[0], seed, stream)));
}

template <class T>
void bernoulli(T* y, const T* prob, const u64* clock, i64 n, i64 cols, i64 seed, i64 stream) {
  const u64 first = clock[1] * u64(cols);
  for (i64 i = 0; i < n; ++i)
    y[i] = bernoulli_of(T(uniform_of(draw(first + u64(i), clock[0], seed, stream))), prob[i]);
}

template <class T>
void reparameterise(T* z, T* eps, const T* mu, const T* logvar, const u64* clock, i64 n, i64 cols,
                    i64 seed, i64 stream) {
  normal(eps, clock, n, cols, seed, stream);
  for (i64 i = 0; i < n; ++i) z[i] = reparameterised(mu[i], logvar[i], eps[i]);
}

template <class T>
void reparameterise_d1(T* dlogvar, const T* dz, const T* eps, const T* logvar, i64 n) {
  for (i64 i = 0; i < n; ++i) dlogvar[i] = reparameterised_d1(dz[i], logvar[i], eps[i]);
}

}  // namespace lat::kernels::spec
