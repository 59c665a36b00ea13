#pragma once
// What rooms.cpp and rooms_trace.cpp share: arithmetic, two measures, the frame of a camera.
#include <cmath>
#include <cstdint>
#include <numbers>

#include "engine/core/error.h"
#include "engine/data/rooms.h"

#define LAT_ISA rooms  // the name space of the arithmetic below
#include "kernels/common/math.h"

namespace lat::rooms {

// ---- arithmetic: a number, or four side by side -------------------------------------------------

typedef float F4 __attribute__((vector_size(16)));
typedef int32_t I4 __attribute__((vector_size(16)));
typedef int64_t L2 __attribute__((vector_size(16)));

// a b, rounded: the empty statement hides from the compiler that a product feeds a sum, so that it
// never makes one fused operation of the two, whatever it is told about contraction.
template <class T>
inline T product(T a, T b) {
  T p = a * b;
#if defined(__x86_64__)
  asm("" : "+x"(p));
#elif defined(__aarch64__)
  asm("" : "+w"(p));
#else
  asm("" : "+m"(p));
#endif
  return p;
}
inline F4 product(float a, F4 b) { return product(a - F4{}, b); }

inline F4 root(F4 x) {
#if defined(__x86_64__)
  return F4(_mm_sqrt_ps(__m128(x)));
#else
  for (int l = 0; l < 4; ++l) x[l] = kernels::LAT_ISA::m::sqrt(x[l]);
  return x;
#endif
}

inline bool any(I4 mask) {
  const L2 halves = L2(mask);
  return (halves[0] | halves[1]) != 0;
}

// By compare and select: a NaN in `a` is dropped for `b`.
template <class T>
inline T lesser(T a, T b) {
  return a < b ? a : b;
}
template <class T>
inline T greater(T a, T b) {
  return a > b ? a : b;
}

inline F4 magnitude(F4 x) { return F4(I4(x) & 0x7fffffff); }  // of -0 too

struct Points {
  F4 x, y, z;
};
inline Points operator+(const Points& a, const Points& b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
inline Points operator-(const Points& a, const Points& b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
inline Points operator*(F4 s, const Points& a) {
  return {product(s, a.x), product(s, a.y), product(s, a.z)};
}
inline Vec operator-(const Vec& a, const Vec& b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
template <class A, class B>  // Vec or Points
inline auto dot(const A& a, const B& b) {
  return (product(a.x, b.x) + product(a.y, b.y)) + product(a.z, b.z);
}
inline Points splat(const Vec& p) { return {p.x - F4{}, p.y - F4{}, p.z - F4{}}; }
inline Points splat(const Rgb& c) { return {c.r - F4{}, c.g - F4{}, c.b - F4{}}; }
inline Points select(I4 mask, const Points& a, const Points& b) {
  return {mask ? a.x : b.x, mask ? a.y : b.y, mask ? a.z : b.z};
}

using SinCos = kernels::LAT_ISA::m::SinCos<float>;
inline SinCos sin_cos(float angle) {
  LAT_CHECK(std::abs(angle) <= 1e6f, Code::usage, "rooms", "an angle is ", angle,
            ": expected radians of at most 10^6");
  const double turns = static_cast<double>(angle) * (0x1p31 * std::numbers::inv_pi);
  return kernels::LAT_ISA::m::sin_cos_turn<float>(
      static_cast<uint32_t>(static_cast<int64_t>(turns)));
}

// ---- shapes, in the ball of radius 1 around (0, 0, 0) -------------------------------------------

inline constexpr float kCube = 0.577350269f;  // half a cube's edge: 1 / sqrt(3)
inline constexpr float kIn = 0.794654472f;    // the radius of the ball in an icosahedron

// ---- from a camera ------------------------------------------------------------------------------

struct Frame {
  Vec origin, right, up, forward;

  explicit Frame(const Camera& c) : origin{c.x, c.y, c.z} {
    const SinCos yaw = sin_cos(c.yaw), pitch = sin_cos(c.pitch);
    right = {yaw.sin, -yaw.cos, 0};
    up = {-pitch.sin * yaw.cos, -pitch.sin * yaw.sin, pitch.cos};
    forward = {pitch.cos * yaw.cos, pitch.cos * yaw.sin, pitch.sin};
  }
};

}  // namespace lat::rooms
