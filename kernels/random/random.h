#pragma once
// Random numbers by counter (Philox4x32-10): a number depends on its place, never on what was drawn
// before it, so any slice, part, replay or machine draws the same ones. Bound by arithmetic.
//
// Element e of a draw is row-major over the whole batch: e = clock[1] cols + i, where clock[1] is
// the global number of the first row. Elements stand in blocks of 64 = 16 counters x 4 words, word
// by word, so that vectors need no shuffle:
//
//   counter number b = 16 (e / 64) + e mod 16, 48 bits        word = (e mod 64) / 16
//   counter word 0 = low 32 bits of b
//   counter word 1 = bits 32..47 of b | step id << 16          step id = stream >> 32, 16 bits
//   counter word 2 = draw                                      draw    = low 32 bits of stream
//   counter word 3 = tick                                      tick    = low 32 bits of clock[0]
//   key            = seed
//
// Uniform: ((w >> 8) | 1) 2^-24, the odd multiples of 2^-24, inside (0, 1) and symmetric about 1/2.
// Normal (Box & Muller 1958), from words 0 and 1, and from words 2 and 3, of one counter:
//   r = sqrt(-2 log(((w0 >> 8) + 1) 2^-24)),  angle = 2 pi w1 / 2^32
//   word 0 -> r cos(angle),  word 1 -> r sin(angle)
// so |z| <= 5.77. Doubles are the float draws converted: both types see the same noise.
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kRandomGrain = 8192;  // elements that take about 10 us

// clock[0], the tick, += 1
template <class T>
void advance(Part part, InOut<u64> clock);
template <class T>
Plan advance_plan(InOut<u64>) {
  return {};
}

// y[i] ~ N(0, 1)
template <class T>
void normal(Part part, T* y, const u64* clock, i64 n, i64 cols, i64 seed, i64 stream);
template <class T>
Plan normal_plan(T*, const u64*, i64 n, i64, i64, i64) {
  return share(n, kRandomGrain);
}

// y[i] ~ U(0, 1), ends excluded
template <class T>
void uniform(Part part, T* y, const u64* clock, i64 n, i64 cols, i64 seed, i64 stream);
template <class T>
Plan uniform_plan(T*, const u64*, i64 n, i64, i64, i64) {
  return share(n, kRandomGrain);
}

// y[i] = u[i] < prob[i] ? 1 : 0
template <class T>
void bernoulli(Part part, T* y, const T* prob, const u64* clock, i64 n, i64 cols, i64 seed,
               i64 stream);
template <class T>
Plan bernoulli_plan(T*, const T*, const u64*, i64 n, i64, i64, i64) {
  return share(n, kRandomGrain);
}

// Kingma & Welling 2014, section 2.4:
//   z = mu + exp(logvar / 2) eps,  eps ~ N(0, 1), kept for the backward
template <class T>
void reparameterise(Part part, T* z, T* eps, const T* mu, const T* logvar, const u64* clock, i64 n,
                    i64 cols, i64 seed, i64 stream);
template <class T>
Plan reparameterise_plan(T*, T*, const T*, const T*, const u64*, i64 n, i64, i64, i64) {
  return share(n, kRandomGrain);
}

// dlogvar = ((1/2 dz) eps) exp(logvar / 2)
template <class T>
void reparameterise_d1(Part part, T* dlogvar, const T* dz, const T* eps, const T* logvar, i64 n);
template <class T>
Plan reparameterise_d1_plan(T*, const T*, const T*, const T*, i64 n) {
  return share_elements(n, 2 * kRandomGrain);
}

}  // namespace lat::kernels::LAT_ISA
