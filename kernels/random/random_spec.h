#pragma once
// Random numbers one element at a time; random.h fixes which bits belong to which element.
#include "kernels/common/math.h"
#include "kernels/common/philox.h"

namespace lat::kernels::spec {

struct Draw {
  Philox bits;
  i64 word;  // of the four, the element's own
};

inline Draw draw(u64 element, u64 tick, i64 seed, i64 stream) {
  const u64 counter = 16 * (element / 64) + element % 16;
  const u32 step = u32(u64(stream) >> 32);
  const Philox place = {
      {u32(counter), u32(counter >> 32 & 0xffffu) | step << 16, u32(stream), u32(tick)}};
  return {philox(place, u64(seed)), i64(element % 64 / 16)};
}

inline float uniform_of(const Draw& d) {
  return float(i32(d.bits.word[d.word] >> 8 | 1u)) * 0x1p-24f;
}

inline float normal_of(const Draw& d) {
  const i64 pair = d.word & ~i64(1);
  const float u = float(i32((d.bits.word[pair] >> 8) + 1u)) * 0x1p-24f;
  const float radius = m::sqrt(-2.0f * m::log(u));
  const m::SinCos<float> angle = m::sin_cos_turn<float>(d.bits.word[pair + 1]);
  return radius * (d.word == pair ? angle.cos : angle.sin);
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
  for (i64 i = 0; i < n; ++i) {
    const T u = T(uniform_of(draw(first + u64(i), clock[0], seed, stream)));
    y[i] = u < prob[i] ? T(1) : T(0);
  }
}

template <class T>
void reparameterise(T* z, T* eps, const T* mu, const T* logvar, const u64* clock, i64 n, i64 cols,
                    i64 seed, i64 stream) {
  normal(eps, clock, n, cols, seed, stream);
  for (i64 i = 0; i < n; ++i) z[i] = fma(m::exp(logvar[i] * T(0.5)), eps[i], mu[i]);
}

template <class T>
void reparameterise_d1(T* dlogvar, const T* dz, const T* eps, const T* logvar, i64 n) {
  for (i64 i = 0; i < n; ++i) dlogvar[i] = dz[i] * T(0.5) * eps[i] * m::exp(logvar[i] * T(0.5));
}

}  // namespace lat::kernels::spec
