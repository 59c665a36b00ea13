// A few vectors of neighbouring columns walk through time together, each column keeping its own
// chain: a chain alone would wait for every fma.
#include "kernels/scan/scan.h"

#include "kernels/common/map.h"
#include "kernels/scan/steps.h"

namespace lat::kernels::LAT_ISA {
namespace {

// body(in, i, vectors): so many vectors of columns from i on.
template <class T, class Body>
LAT_INLINE void for_columns(Range r, Body&& body) {
  constexpr i64 w = kWidth<Vec<T>>, wide = 4;
  i64 i = r.begin;
  for (; i + wide * w <= r.end; i += wide * w)
    body(Whole<T>{}, i, std::integral_constant<i64, wide>{});
  for (; i + w <= r.end; i += w) body(Whole<T>{}, i, std::integral_constant<i64, 1>{});
  if (i < r.end) body(Few<T>{r.end - i}, i, std::integral_constant<i64, 1>{});
}

}  // namespace

template <class T>
void scan(Part part, T* y, const T* a, const T* b, const T* start, i64 steps, i64 cols,
          i64 reverse) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>;
  const Steps at(steps, cols, reverse);
  for_columns<T>(cut(part, cols), [&](auto in, i64 c, auto vectors) LAT_FLAT {
    constexpr i64 n = decltype(vectors)::value;
    V carry[n];
#pragma GCC unroll 4
    for (i64 v = 0; v < n; ++v) carry[v] = start ? in.load(start + c + v * w) : V{};
    for (i64 k = 0; k < steps; ++k) {
      const i64 i = at(k) + c;
#pragma GCC unroll 4
      for (i64 v = 0; v < n; ++v) {
        carry[v] = fma(in.load(a + i + v * w), carry[v], in.load(b + i + v * w));
        in.store(y + i + v * w, carry[v]);
      }
    }
  });
}

template <class T>
void scan_d1(Part part, T* da, T* db, T* dstart, const T* dy, const T* a, const T* y,
             const T* start, i64 steps, i64 cols, i64 reverse) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>;
  const Steps at(steps, cols, reverse);
  for_columns<T>(cut(part, cols), [&](auto in, i64 c, auto vectors) LAT_FLAT {
    constexpr i64 n = decltype(vectors)::value;
    V d[n];
#pragma GCC unroll 4
    for (i64 v = 0; v < n; ++v) d[v] = V{};
    for (i64 k = steps - 1; k >= 0; --k) {
      const i64 i = at(k) + c;
#pragma GCC unroll 4
      for (i64 v = 0; v < n; ++v) {
        const V dyi = in.load(dy + i + v * w);
        d[v] = k == steps - 1 ? dyi : fma(in.load(a + at(k + 1) + c + v * w), d[v], dyi);
        in.store(db + i + v * w, d[v]);
        if (!da) continue;
        const T* const before = k > 0 ? y + at(k - 1) : start;
        in.store(da + i + v * w, d[v] * (before ? in.load(before + c + v * w) : V{}));
      }
    }
    if (!dstart) return;
#pragma GCC unroll 4
    for (i64 v = 0; v < n; ++v)
      in.store(dstart + c + v * w, steps > 0 ? in.load(a + at(0) + c + v * w) * d[v] : V{});
  });
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/scan/scan.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
