#pragma once
// One vector of the instruction set at hand, as a GCC vector type: + - * / and comparisons are the compiler's,
// `mask ? a : b` selects. The functions below also exist for a single float or double, so that one templated source
// serves lanes, remainders, the specification and CUDA, which has no others, with the same bits.
//
// Rule: a product that feeds an add is always a written fma(a, b, c), never a * b + c.
#include <string.h>

#include <type_traits>

#include "kernels/common/soft_fma.h"
#include "kernels/common/types.h"

#if defined(__CUDACC__)
#elif defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__CUDACC__)
#define LAT_VECTOR_BYTES 0
#elif defined(__AVX512F__) && defined(__AVX512VL__)
#define LAT_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define LAT_VECTOR_BYTES 32
#else
#define LAT_VECTOR_BYTES 16
#endif

namespace lat::kernels::LAT_ISA {

template <class V>
struct ElemOf {
  using type = V;
};

#if LAT_VECTOR_BYTES > 0
typedef float VecF __attribute__((vector_size(LAT_VECTOR_BYTES)));
typedef double VecD __attribute__((vector_size(LAT_VECTOR_BYTES)));
typedef i32 VecI __attribute__((vector_size(LAT_VECTOR_BYTES)));
typedef u32 VecU __attribute__((vector_size(LAT_VECTOR_BYTES)));
typedef i64 VecL __attribute__((vector_size(LAT_VECTOR_BYTES)));

// Vec<T>: the vector of T. Elem<V>: its element. kWidth<V>: lanes (1 for a scalar).
template <class T>
struct VecOf;
template <>
struct VecOf<float> {
  using type = VecF;
};
template <>
struct VecOf<double> {
  using type = VecD;
};
template <>
struct VecOf<i32> {
  using type = VecI;
};
template <>
struct VecOf<u32> {
  using type = VecU;
};
template <class T>
using Vec = typename VecOf<T>::type;

template <>
struct ElemOf<VecF> {
  using type = float;
};
template <>
struct ElemOf<VecD> {
  using type = double;
};
template <>
struct ElemOf<VecI> {
  using type = i32;
};
template <>
struct ElemOf<VecU> {
  using type = u32;
};
#endif

template <class V>
using Elem = typename ElemOf<V>::type;

template <class V>
constexpr i64 kWidth = i64(sizeof(V) / sizeof(Elem<V>));

// The same bits read as another type of the same size.
template <class To, class From>
LAT_INLINE To bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof(To));
  return to;
}

template <class V>
LAT_INLINE V splat(Elem<V> s) {
  if constexpr (kWidth<V> == 1)
    return s;
  else
    return s - V{};  // keeps -0, and compiles to a broadcast
}

template <class V>
LAT_INLINE V load(const Elem<V>* p) {
  V v;
  memcpy(&v, p, sizeof(V));
  return v;
}

template <class V>
LAT_INLINE void store(Elem<V>* p, V v) {
  memcpy(p, &v, sizeof(V));
}

// The first n lanes (0 <= n <= width); the others read as zero, and nothing beyond is touched.
template <class V>
LAT_INLINE V load_part(const Elem<V>* p, i64 n) {
#if LAT_VECTOR_BYTES == 64
  if constexpr (sizeof(Elem<V>) == 4 && kWidth < V >> 1)
    return bits<V>(_mm512_maskz_loadu_epi32(__mmask16((1u << n) - 1u), p));
  if constexpr (sizeof(Elem<V>) == 8 && kWidth < V >> 1)
    return bits<V>(_mm512_maskz_loadu_epi64(__mmask8((1u << n) - 1u), p));
#endif
  V v{};
#if LAT_VECTOR_BYTES == 16
  // Lane by lane: a copy of a variable length is a call, before which every register is saved.
  if constexpr (kWidth < V >> 1) {
#pragma GCC unroll 4
    for (i64 l = 0; l < kWidth<V>; ++l)
      if (l < n) v[l] = p[l];
    return v;
  }
#endif
  memcpy(&v, p, size_t(n) * sizeof(Elem<V>));
  return v;
}

template <class V>
LAT_INLINE void store_part(Elem<V>* p, V v, i64 n) {
#if LAT_VECTOR_BYTES == 64
  if constexpr (sizeof(Elem<V>) == 4 && kWidth < V >> 1) {
    _mm512_mask_storeu_epi32(p, __mmask16((1u << n) - 1u), bits<__m512i>(v));
    return;
  }
  if constexpr (sizeof(Elem<V>) == 8 && kWidth < V >> 1) {
    _mm512_mask_storeu_epi64(p, __mmask8((1u << n) - 1u), bits<__m512i>(v));
    return;
  }
#elif LAT_VECTOR_BYTES == 16
  if constexpr (kWidth < V >> 1) {
#pragma GCC unroll 4
    for (i64 l = 0; l < kWidth<V>; ++l)
      if (l < n) p[l] = v[l];
    return;
  }
#endif
  memcpy(p, &v, size_t(n) * sizeof(Elem<V>));
}

#if !defined(__FMA__) && !defined(__aarch64__)
// One copy each, for they are long.
inline __attribute__((noinline)) float fma_in_software(float a, float b, float c) {
  return soft_fma(a, b, c);
}
#if LAT_VECTOR_BYTES > 0
inline __attribute__((noinline)) VecF fma_in_software(VecF a, VecF b, VecF c) {
  VecF r{};
  for (i64 l = 0; l < kWidth<VecF>; ++l) r[l] = soft_fma(a[l], b[l], c[l]);
  return r;
}
#endif
#endif

// a * b + c, rounded once. LAT_FMA_OF_LIBM: glibc's, which is the processor's where that has one.
LAT_INLINE float fma(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__) || defined(__CUDA_ARCH__) || defined(LAT_FMA_OF_LIBM)
  return __builtin_fmaf(a, b, c);
#else
  return fma_in_software(a, b, c);
#endif
}
LAT_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
#if LAT_VECTOR_BYTES > 0
LAT_INLINE VecF fma(VecF a, VecF b, VecF c) {
#if LAT_VECTOR_BYTES == 64
  return bits<VecF>(_mm512_fmadd_ps(bits<__m512>(a), bits<__m512>(b), bits<__m512>(c)));
#elif defined(__FMA__)
  return bits<VecF>(_mm256_fmadd_ps(bits<__m256>(a), bits<__m256>(b), bits<__m256>(c)));
#elif defined(__aarch64__)
  return bits<VecF>(vfmaq_f32(bits<float32x4_t>(c), bits<float32x4_t>(a), bits<float32x4_t>(b)));
#else
  return fma_in_software(a, b, c);
#endif
}
LAT_INLINE VecD fma(VecD a, VecD b, VecD c) {
#if LAT_VECTOR_BYTES == 64
  return bits<VecD>(_mm512_fmadd_pd(bits<__m512d>(a), bits<__m512d>(b), bits<__m512d>(c)));
#elif defined(__FMA__)
  return bits<VecD>(_mm256_fmadd_pd(bits<__m256d>(a), bits<__m256d>(b), bits<__m256d>(c)));
#elif defined(__aarch64__)
  return bits<VecD>(vfmaq_f64(bits<float64x2_t>(c), bits<float64x2_t>(a), bits<float64x2_t>(b)));
#else
  VecD r{};
  for (i64 l = 0; l < kWidth<VecD>; ++l) r[l] = __builtin_fma(a[l], b[l], c[l]);
  return r;
#endif
}

#endif

// Compare and select, so that a NaN in `a` stays and the order of zeros is the same everywhere: what x86's one instruction
// does with its operands turned.
template <class V>
LAT_INLINE V max(V a, V b) {
#if LAT_VECTOR_BYTES == 64
  if constexpr (std::is_same_v<V, VecF>)
    return bits<V>(_mm512_maskz_max_ps(__mmask16(-1), bits<__m512>(b), bits<__m512>(a)));
#elif LAT_VECTOR_BYTES == 32
  if constexpr (std::is_same_v<V, VecF>)
    return bits<V>(_mm256_max_ps(bits<__m256>(b), bits<__m256>(a)));
#endif
  return a < b ? b : a;
}
template <class V>
LAT_INLINE V min(V a, V b) {
#if LAT_VECTOR_BYTES == 64
  if constexpr (std::is_same_v<V, VecF>)
    return bits<V>(_mm512_maskz_min_ps(__mmask16(-1), bits<__m512>(b), bits<__m512>(a)));
#elif LAT_VECTOR_BYTES == 32
  if constexpr (std::is_same_v<V, VecF>)
    return bits<V>(_mm256_min_ps(bits<__m256>(b), bits<__m256>(a)));
#endif
  return b < a ? b : a;
}

#if LAT_VECTOR_BYTES > 0
// Calls body(V{}, i, n): whole vectors first, then one call with V = T for each element that is left.
template <class T, class Body>
LAT_INLINE void for_lanes(i64 begin, i64 end, Body&& body) {
  i64 i = begin;
  for (; i + kWidth<Vec<T>> <= end; i += kWidth<Vec<T>>) body(Vec<T>{}, i);
  for (; i < end; ++i) body(T{}, i);
}
#endif

}  // namespace lat::kernels::LAT_ISA
