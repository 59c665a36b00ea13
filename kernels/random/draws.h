#pragma once
// What random bits become, for a scalar or a vector: the specification, the fast kernels and CUDA
// share these lines. random.h says which bits are whose.
#include "kernels/common/math.h"
#include "kernels/common/philox.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kDrawBlock = 64, kDrawCounters = 16;  // elements, and counters, of a block

// The words of a counter number; its high 16 bits are not read.
LAT_INLINE Philox words_of(u64 counter, u64 tick, i64 seed, i64 stream) {
  const u32 step = u32(u64(stream) >> 32);
  const Philox place = {
      {u32(counter), u32(counter >> 32 & 0xffffu) | step << 16, u32(stream), u32(tick)}};
  return philox(place, u64(seed));
}

template <class V>
LAT_INLINE V uniform_of(m::Bare<V> word) {
  return m::to_real<V>(bits<m::Int<V>>(word >> 8 | 1u)) * splat<V>(0x1p-24f);
}

// The normals of the words 0 and 1, or 2 and 3.
template <class V>
struct Normals {
  V first, second;
};
template <class V>
LAT_INLINE Normals<V> normals_of(m::Bare<V> word, m::Bare<V> next) {
  const V u = m::to_real<V>(bits<m::Int<V>>((word >> 8) + 1u)) * splat<V>(0x1p-24f);
  const V radius = m::sqrt(splat<V>(-2) * m::log_normal(u));
  const m::SinCos<V> angle = m::sin_cos_turn<V>(next);
  return {radius * angle.cos, radius * angle.sin};
}

template <class V>
LAT_INLINE V bernoulli_of(V u, V prob) {
  return u < prob ? splat<V>(1) : V{};
}

template <class V>
LAT_INLINE V sigma_of(V logvar) {
  return m::exp(logvar * splat<V>(Elem<V>(0.5)));
}

template <class V>
LAT_INLINE V reparameterised(V mu, V logvar, V eps) {
  return fma(sigma_of(logvar), eps, mu);
}

template <class V>
LAT_INLINE V reparameterised_d1(V dz, V logvar, V eps) {
  return dz * splat<V>(Elem<V>(0.5)) * eps * sigma_of(logvar);
}

}  // namespace lat::kernels::LAT_ISA
