#pragma once
// exp, log, tanh, ... of a float or of a vector of floats, from + - * / fma and integer operations
// alone, so that every instruction set, the specification and CUDA give the same bits. One
// templated source serves scalars and vectors. The double overloads serve correctness checks only:
// they call libm, lane by lane.
//
// Polynomials: fpminimax of sollya 8.0. Worst errors against libm in double, in ulp, the spacing of
// floats at the exact result; every float of the range was tried, elsewhere one of 97:
//
//   exp       1.009   [-105, 89]              log       0.883   [2^-6, 64]
//   expm1     1.522   [-19, 89]               log1p     1.123   [-1, 64]
//   tanh      1.464   [-10.5, 10.5]           softplus  1.872   [-30, 30]
//   sigmoid   2.402   [-105, 30]              sqrt      0.500   (one of 97)
//   sin_cos_turn      1.347, 6.9e-8 absolute  (one integer of 1021)
//
// The tests "exhaustive: ..." of tests/kernels/math_test.cpp try all 2^32.
//
// inf, NaN and -0 map where IEEE 754 puts them; results may be subnormal. The payload of a NaN is
// not promised.
#include "kernels/common/vec.h"

namespace lat::kernels::LAT_ISA::m {

// ---- pieces -------------------------------------------------------------------------------------

// The integers of the lanes of V.
template <class V>
struct IntOf;
template <>
struct IntOf<float> {
  using type = i32;
  using bare = u32;
};
template <>
struct IntOf<double> {
  using bare = u64;
};
#if LAT_VECTOR_BYTES > 0
template <>
struct IntOf<VecF> {
  using type = VecI;
  using bare = VecU;
};
template <>
struct IntOf<VecD> {
  using bare = u64 __attribute__((vector_size(LAT_VECTOR_BYTES)));
};
#endif
template <class V>
using Int = typename IntOf<V>::type;  // signed: compares, arithmetic shifts
template <class V>
using Bare = typename IntOf<V>::bare;  // unsigned: wraps

template <class V>
constexpr bool kIsDouble = sizeof(Elem<V>) == sizeof(double);

template <class V, class F>
LAT_INLINE V each_lane(V x, F&& f) {
  if constexpr (kWidth<V> == 1) {
    return f(x);
  } else {
    V y{};
    for (i64 l = 0; l < kWidth<V>; ++l) y[l] = f(x[l]);
    return y;
  }
}

template <class V>
LAT_INLINE V to_real(Int<V> i) {
#if LAT_VECTOR_BYTES > 0
  if constexpr (kWidth < V >> 1) return __builtin_convertvector(i, V);
#endif
  if constexpr (kWidth<V> == 1) return V(i);
}

// c0 + x (c1 + x (c2 + ...)) of floats or vectors c
template <class V, class C0, class... C>
LAT_INLINE V polynomial(V x, C0 c0, C... c) {
  V first;
  if constexpr (kWidth<C0> == 1)
    first = splat<V>(c0);
  else
    first = c0;
  if constexpr (sizeof...(C) == 0)
    return first;
  else
    return fma(polynomial(x, c...), x, first);
}

template <class V>
LAT_INLINE V abs(V x) {
  return bits<V>(bits<Bare<V>>(x) & (~Bare<V>{} >> 1));
}

// `magnitude`, which has no sign, with that of `sign`.
template <class V>
LAT_INLINE V with_sign(V magnitude, V sign) {
  return bits<V>(bits<Bare<V>>(magnitude) | (bits<Bare<V>>(sign) & ~(~Bare<V>{} >> 1)));
}

template <class V>
LAT_INLINE V relu(V x) {
  return max(x, V{});
}

// Correctly rounded by IEEE 754 on every target.
template <class V>
LAT_INLINE V sqrt(V x) {
#if LAT_VECTOR_BYTES > 0 && defined(__x86_64__)
  if constexpr (sizeof(V) == 4) return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)));
#if LAT_VECTOR_BYTES == 64
  if constexpr (sizeof(V) == 64 && !kIsDouble<V>)
    return bits<V>(_mm512_maskz_sqrt_ps(__mmask16(-1), bits<__m512>(x)));
#elif LAT_VECTOR_BYTES == 32
  if constexpr (sizeof(V) == 32 && !kIsDouble<V>) return bits<V>(_mm256_sqrt_ps(bits<__m256>(x)));
#else
  if constexpr (sizeof(V) == 16 && !kIsDouble<V>) return bits<V>(_mm_sqrt_ps(bits<__m128>(x)));
#endif
#elif LAT_VECTOR_BYTES > 0 && defined(__aarch64__)
  if constexpr (sizeof(V) == 16 && !kIsDouble<V>) return bits<V>(vsqrtq_f32(bits<float32x4_t>(x)));
#endif
  if constexpr (kIsDouble<V>)
    return each_lane(x, [](double s) { return __builtin_sqrt(s); });
  else
    return each_lane(x, [](float s) { return __builtin_sqrtf(s); });
}

// ---- exponentials -------------------------------------------------------------------------------

// x = n log 2 + r, |r| <= 1/2 log 2, n an integer. Adding 1.5 * 2^23 rounds to an integer and
// leaves it in the low bits.
template <class V>
struct Reduced {
  V r, real_n;
  Int<V> n;
};
template <class V>
LAT_INLINE Reduced<V> reduce_exp(V x) {
  const V magic = splat<V>(0x1.8p23f);
  const V shifted = fma(x, splat<V>(0x1.715476p0f), magic);
  const V n = shifted - magic;
  V r = fma(n, splat<V>(-0x1.62e43p-1f), x);
  r = fma(n, splat<V>(0x1.05c61p-29f), r);
  return {r, n, bits<Int<V>>(bits<Bare<V>>(shifted) - bits<Bare<V>>(magic))};
}

// 2^n for -126 <= n <= 127.
template <class V>
LAT_INLINE V power_of_two(Int<V> n) {
  return bits<V>((bits<Bare<V>>(n) + 127u) << 23);
}

// y 2^n, rounded once even where the result is subnormal: the first product is exact.
template <class V>
LAT_INLINE V scale(V y, const Reduced<V>& by) {
#if LAT_VECTOR_BYTES == 64
  if constexpr (kWidth < V >> 1)
    return bits<V>(_mm512_maskz_scalef_ps(__mmask16(-1), bits<__m512>(y), bits<__m512>(by.real_n)));
#endif
  const Int<V> half = by.n >> 1;
  return y * power_of_two<V>(half) * power_of_two<V>(by.n - half);
}

// (exp(r) - 1 - r) / r^2 for |r| <= 1/2 log 2.
struct ExpTerms {
  static constexpr float c0 = 0x1.fffffap-2f, c1 = 0x1.555492p-3f, c2 = 0x1.555a28p-5f,
                         c3 = 0x1.12398ep-7f, c4 = 0x1.694ac4p-10f;
};

// exp(x) for -104 <= x <= 89 (or NaN).
template <class V>
LAT_INLINE V exp_bounded(V x) {
  using C = ExpTerms;
  const Reduced<V> e = reduce_exp(x);
  const V q = polynomial(e.r, C::c0, C::c1, C::c2, C::c3, C::c4);
  return scale(fma(e.r * e.r, q, e.r) + splat<V>(1), e);
}

template <class V>
LAT_INLINE V exp(V x) {
  if constexpr (kIsDouble<V>) {
    return each_lane(x, [](double s) { return __builtin_exp(s); });
  } else {
    // Beyond these bounds the result is 0 or inf. A NaN passes both.
    return exp_bounded(min(max(x, splat<V>(-104)), splat<V>(89)));
  }
}

// exp(x) - 1 without cancellation near 0.
template <class V>
LAT_INLINE V expm1(V x) {
  if constexpr (kIsDouble<V>) {
    return each_lane(x, [](double s) { return __builtin_expm1(s); });
  } else {
    const V half = splat<V>(0.5f);
    const Reduced<V> e = reduce_exp(min(max(x, splat<V>(-18)), splat<V>(89)));
    const V q = polynomial(e.r, 0x1.fffffep-2f, 0x1.5554bp-3f, 0x1.555716p-5f, 0x1.1227a2p-7f,
                           0x1.6b737cp-10f);
    const V p = fma(e.r * e.r, q, e.r);    // exp(r) - 1
    const V s = power_of_two<V>(e.n - 1);  // 2^(n-1): 2^128 would overflow
    const V scaled = fma(p, s, s - half);  // 1/2 (2^n (p + 1) - 1)
    const V y = e.n == 0 ? p : scaled + scaled;
    return x == V{} ? x : y;  // keeps -0
  }
}

// ---- logarithms ---------------------------------------------------------------------------------

// log(2^e (1 + f + rest)) for -1/3 <= f < 1/3, a whole number e, and a rest below the last bit of
// f.
template <class V>
LAT_INLINE V log_parts(V e, V f, V rest) {
  const V q = polynomial(f, 0x1.555506p-2f, -0x1.fffefp-3f, 0x1.99d05ep-3f, -0x1.559de4p-3f,
                         0x1.1ed424p-3f, -0x1.f30e36p-4f, 0x1.1e73ap-3f, -0x1.080c9ep-3f);
  const V t = fma(q, f, splat<V>(-0.5f));
  const V small = fma(f * f, t, fma(e, splat<V>(-0x1.05c61p-29f), rest));
  return fma(e, splat<V>(0x1.62e43p-1f), f + small);
}

// The e of u = 2^e m, 2/3 <= m < 4/3, u normal and positive.
template <class V>
LAT_INLINE Int<V> exponent(V u) {
  return bits<Int<V>>(bits<Bare<V>>(u) - 0x3f2aaaabu) >> 23;
}

// log(x) for a normal, positive, finite x.
template <class V>
LAT_INLINE V log_normal(V x) {
  const Int<V> e = exponent(x);
  const V f = bits<V>(bits<Bare<V>>(x) - (bits<Bare<V>>(e) << 23)) - splat<V>(1);
  return log_parts(to_real<V>(e), f, V{});
}

template <class V>
LAT_INLINE V log(V x) {
  if constexpr (kIsDouble<V>) {
    return each_lane(x, [](double s) { return __builtin_log(s); });
  } else {
    const V zero{}, infinity = splat<V>(__builtin_inff());
    const auto subnormal = x < splat<V>(0x1p-126f);
    const V u = subnormal ? x * splat<V>(0x1p23f) : x;
    const Int<V> e = exponent(u);
    const V f = bits<V>(bits<Bare<V>>(u) - (bits<Bare<V>>(e) << 23)) - splat<V>(1);
    const V shift = subnormal ? splat<V>(-23) : zero;
    V y = log_parts(to_real<V>(e) + shift, f, zero);
    y = x < infinity ? y : x;
    const V outside = x == zero ? -infinity : splat<V>(__builtin_nanf(""));
    return x > zero ? y : outside;
  }
}

// log(1 + x) for 0 <= x <= 1 (or NaN): e is 0 or 1, and f = (1 + x) 2^-e - 1 is rounded once.
template <class V>
LAT_INLINE V log1p_unit(V x) {
  const Int<V> e = exponent(x + splat<V>(1));
  const V s = power_of_two<V>(-e);
  return log_parts(to_real<V>(e), fma(x, s, s - splat<V>(1)), V{});
}

// log(1 + x) without cancellation near 0.
template <class V>
LAT_INLINE V log1p(V x) {
  if constexpr (kIsDouble<V>) {
    return each_lane(x, [](double s) { return __builtin_log1p(s); });
  } else {
    const V one = splat<V>(1), quarter = splat<V>(0.25f), infinity = splat<V>(__builtin_inff());
    const Int<V> e = exponent(x + one);
    const V x4 = x * quarter;
    const V s4 = power_of_two<V>(2 - e);  // 4 * 2^-e: 2^-128 would be subnormal
    const V s = fma(s4, quarter, -one);
    const V f = fma(x4, s4, s);  // (1 + x) 2^-e - 1
    V y = log_parts(to_real<V>(e), f, fma(x4, s4, s - f));
    y = x < infinity ? y : x;
    const V outside = x == -one ? -infinity : splat<V>(__builtin_nanf(""));
    y = x > -one ? y : outside;
    return abs(x) < splat<V>(0x1p-25f) ? x : y;  // keeps -0 and subnormals
  }
}

// ---- activations --------------------------------------------------------------------------------

template <class V>
LAT_INLINE V tanh(V x) {
  if constexpr (kIsDouble<V>) {
    return each_lane(x, [](double s) { return __builtin_tanh(s); });
  } else {
    using C = ExpTerms;
    const V a = abs(x), one = splat<V>(1);
    const V b = min(a, splat<V>(10));  // tanh(10) rounds to 1
    const Reduced<V> e = reduce_exp(b + b);
    // Near 0 a + a^3 q(a^2), else from exp(r) - 1 = r + r^2 q(r): both are v + v t q(t).
    const auto near = a < splat<V>(0.55f);
    const auto either = [&](float n, float f) LAT_FLAT { return near ? splat<V>(n) : splat<V>(f); };
    const V t = near ? a * a : e.r, v = near ? a : e.r;
    const V q = polynomial(t, either(-0x1.55554ap-2f, C::c0), either(0x1.110dp-3f, C::c1),
                           either(-0x1.b92358p-5f, C::c2), either(0x1.5918a4p-6f, C::c3),
                           either(-0x1.9a79bap-8f, C::c4));
    const V w = fma(v * t, q, v);
    const V far = one - splat<V>(2) / fma(w + one, power_of_two<V>(e.n), one);
    return with_sign(near ? w : far, x);  // of -0 too
  }
}

// 1 / (1 + e^-x), from e^-|x| so that nothing overflows.
template <class V>
LAT_INLINE V sigmoid(V x) {
  if constexpr (kIsDouble<V>) {
    return each_lane(x, [](double s) {
      const double t = __builtin_exp(-__builtin_fabs(s));
      return (s < 0 ? t : 1) / (1 + t);
    });
  } else {
    const V one = splat<V>(1);
    const V t = exp_bounded(max(-abs(x), splat<V>(-104)));
    return (x < V{} ? t : one) / (one + t);
  }
}

// log(1 + e^-|x|): what softplus and the Bernoulli likelihood add to max(x, 0).
template <class V>
LAT_INLINE V softplus_tail(V x) {
  if constexpr (kIsDouble<V>) {
    return each_lane(x,
                     [](double s) { return __builtin_log1p(__builtin_exp(-__builtin_fabs(s))); });
  } else {
    return log1p_unit(exp_bounded(max(-abs(x), splat<V>(-104))));
  }
}

// log(1 + e^x)
template <class V>
LAT_INLINE V softplus(V x) {
  return max(x, V{}) + softplus_tail(x);
}

// ---- angles -------------------------------------------------------------------------------------

template <class V>
struct SinCos {
  V sin, cos;
};

// The sine and cosine of u / 2^32 of a turn (float or VecF): the quadrant is the integer's top
// bits, so no reduction can lose anything.
template <class V>
LAT_INLINE SinCos<V> sin_cos_turn(Bare<V> u) {
  const Bare<V> quadrant = (u + 0x20000000u) >> 30;
  // t turns, |t| <= 1/8; 2 pi in two parts, so that only t itself and the results are rounded.
  const V t = to_real<V>(bits<Int<V>>(u - (quadrant << 30))) * splat<V>(0x1p-32f);
  const V s = t * t;
  const V p = polynomial(s, -0x1.777a5cp-23f, -0x1.4abbbep5f, 0x1.465fc4p6f, -0x1.2dbd8cp6f);
  const V q = polynomial(s, -0x1.3bd3ccp4f, 0x1.03c1b6p6f, -0x1.55b684p6f, 0x1.d61e2cp5f);
  const V sine = fma(t, splat<V>(0x1.921fb6p2f), t * p);
  const V cosine = fma(s, q, splat<V>(1));
  const auto odd = (quadrant & 1u) != 0u;
  const V a = odd ? cosine : sine;
  const V b = odd ? sine : cosine;
  return {bits<V>(bits<Bare<V>>(a) ^ ((quadrant & 2u) << 30)),
          bits<V>(bits<Bare<V>>(b) ^ (((quadrant + 1u) & 2u) << 30))};
}

}  // namespace lat::kernels::LAT_ISA::m
