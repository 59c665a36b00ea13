#pragma once
// The sine and cosine of an angle in double precision, of a double or of a vector of doubles: from + - *, fma and integer
// operations alone, as math.h's functions of floats, and so with the same bits everywhere.
//
// Worst errors over 10^7 angles within 2^20, in ulp, the spacing of doubles at the exact result: kept so near to 1/2 that
// trajectories of chaotic systems computed elsewhere are repeated.
//
//   sin  0.505        cos  0.505
//
// Beyond 2^20 accuracy falls off; inf and NaN give NaN, and -0 gives 0.
#include "kernels/common/math.h"
#include "kernels/common/rounded.h"

namespace lat::kernels::LAT_ISA::m {

// c0 + x (c1 + x (c2 + ...))
template <class V>
LAT_INLINE V polynomial_d(V, double c) {
  return splat<V>(c);
}
template <class V, class... C>
LAT_INLINE V polynomial_d(V x, double c0, C... c) {
  return fma(polynomial_d(x, c...), x, splat<V>(c0));
}

// An unevaluated sum, |lo| far below |hi|.
template <class V>
struct Sum {
  V hi, lo;
};

// a b
template <class V>
LAT_INLINE Sum<V> product(Sum<V> a, Sum<V> b) {
  const V hi = rounded_product(a.hi, b.hi);
  return {hi, fma(a.hi, b.hi, -hi) + fma(a.hi, b.lo, a.lo * b.hi)};
}
// a + b, |a| >= |b|
template <class V>
LAT_INLINE Sum<V> sum_of(V a, V b) {
  const V hi = a + b;
  return {hi, (a - hi) + b};
}

template <class V>
LAT_INLINE SinCos<V> sin_cos(V x) {
  // x = n pi/2 + r, |r| <= pi/4; the first difference is exact. Adding 1.5 * 2^52 rounds to an integer and leaves it in
  // the low bits.
  const V magic = splat<V>(0x1.8p52);
  const V shifted = fma(x, splat<V>(0x1.45f306dc9c883p-1), magic);
  const V n = shifted - magic;
  const V whole = fma(n, splat<V>(-0x1.921fb54442d18p0), x);
  const V rest = splat<V>(-0x1.1a62633145c07p-54);
  const V r = fma(n, rest, whole);
  const V tail = fma(n, rest, whole - r);
  const V s = r * r;
  const Sum<V> square{s, fma(r, r, -s)};

  // sin r = r + r^3 (-1/6 + r^2 (1/120 - ...))
  const V p = polynomial_d(s, 0x1.1111111111111p-7, -0x1.a01a01a01a01ap-13, 0x1.71de3a556c734p-19,
                           -0x1.ae64567f544e4p-26, 0x1.6124613a86d09p-33, -0x1.ae7f3e733b81fp-41,
                           0x1.952c77030ad4ap-49);
  Sum<V> w = sum_of(splat<V>(-0x1.5555555555555p-3), rounded_product(s, p));
  w.lo = w.lo + splat<V>(-0x1.5555555555555p-57);
  const Sum<V> cube = product(product(square, {r, V{}}), w);
  const Sum<V> sine = sum_of(r, cube.hi);

  // cos r = 1 - r^2 / 2 + r^4 (1/24 - r^2 (1/720 - ...))
  const V q = polynomial_d(s, -0x1.6c16c16c16c17p-10, 0x1.a01a01a01a01ap-16, -0x1.27e4fb7789f5cp-22,
                           0x1.1eed8eff8d898p-29, -0x1.93974a8c07c9dp-37, 0x1.ae7f3e733b81fp-45,
                           -0x1.6827863b97d97p-53);
  Sum<V> v = sum_of(splat<V>(0x1.5555555555555p-5), rounded_product(s, q));
  v.lo = v.lo + splat<V>(0x1.5555555555555p-59);
  const Sum<V> fourth = product(product(square, square), v);
  const V half = splat<V>(0.5);
  const Sum<V> near = sum_of(splat<V>(1), -half * s);
  const Sum<V> cosine = sum_of(near.hi, fourth.hi);

  // Of r + tail, to first order in the tail.
  const V sin = sine.hi + (sine.lo + fma(tail, cosine.hi, cube.lo));
  const V rest_of_cos = fma(-tail, sine.hi, fma(-half, square.lo, fourth.lo));
  const V cos = cosine.hi + (cosine.lo + (near.lo + rest_of_cos));

  const Bare<V> quadrant = bits<Bare<V>>(shifted);
  const auto odd = (quadrant & 1u) != 0u;
  const V a = odd ? cos : sin, b = odd ? sin : cos;
  return {bits<V>(bits<Bare<V>>(a) ^ ((quadrant & 2u) << 62)),
          bits<V>(bits<Bare<V>>(b) ^ (((quadrant + 1u) & 2u) << 62))};
}

template <class V>
LAT_INLINE V sin(V x) {
  return sin_cos(x).sin;
}
template <class V>
LAT_INLINE V cos(V x) {
  return sin_cos(x).cos;
}

}  // namespace lat::kernels::LAT_ISA::m
