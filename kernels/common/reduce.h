#pragma once
// Sums and maxima of a row in the fixed order of reduce_spec.h: 64 lanes, folded by halves, a chunk
// at a time.
#include "kernels/common/join.h"
#include "kernels/common/map.h"

namespace lat::kernels::LAT_ISA {

// Lane l of the result is lane (l + step) mod width of v.
template <i64 step, class V>
LAT_INLINE V rotate(V v) {
  return [&]<size_t... I>(std::index_sequence<I...>) LAT_FLAT {
    return __builtin_shufflevector(v, v, int((I + step) % sizeof...(I))...);
  }
  (std::make_index_sequence<size_t(kWidth<V>)>{});
}

template <class Op, i64 half, class V>
LAT_INLINE Elem<V> fold_vector(V v) {
  if constexpr (half == 0)
    return v[0];
  else
    return fold_vector<Op, half / 2>(Op::join(v, rotate<half>(v)));
}

template <class Op, i64 n, class V>
LAT_INLINE Elem<V> fold_lanes(V* lane) {
  if constexpr (n == 1) {
    return fold_vector<Op, kWidth<V> / 2>(lane[0]);
  } else {
#pragma GCC unroll 8
    for (i64 k = 0; k < n / 2; ++k) lane[k] = Op::join(lane[k], lane[k + n / 2]);
    return fold_lanes<Op, n / 2>(lane);
  }
}

// Joins term(in, c), the terms c, c + 1, ... of a row. `unroll` keeps the lanes in registers: for
// short terms. The lanes that a row does not fill hold Op's start, which joins without a trace: a
// lane of a sum is never -0.
template <class Op, bool unroll, class T, class Term>
LAT_INLINE T row_join(i64 cols, Term&& term) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>, n = kLanes / w;
  const V start = Op::template start<V>();
  const auto tail = [&](i64 c, i64 left) LAT_FLAT {  // the last, partial vector of a row
    const V v = term(Few<T>{left}, c);
    return lane_numbers<V>() < splat<V>(T(left)) ? v : start;
  };
  if (cols < w) return fold_vector<Op, w / 2>(Op::join(start, tail(0, cols)));
  T total = Op::template start<T>();
  for (i64 chunk = 0; chunk < cols; chunk += kRowChunk) {
    const i64 end = min_of(cols, chunk + kRowChunk);
    V lane[n];
#pragma GCC unroll 16
    for (i64 k = 0; k < n; ++k) lane[k] = start;
    i64 c = chunk;
    if constexpr (unroll) {
      for (; c + kLanes <= end; c += kLanes)
#pragma GCC unroll 16
        for (i64 k = 0; k < n; ++k) lane[k] = Op::join(lane[k], term(Whole<T>{}, c + k * w));
    } else {
      for (; c + kLanes <= end; c += kLanes)
        for (i64 k = 0; k < n; ++k) lane[k] = Op::join(lane[k], term(Whole<T>{}, c + k * w));
    }
    if (c < end) {
      V rest[n];
#pragma GCC unroll 16
      for (i64 k = 0; k < n; ++k) rest[k] = start;
      i64 k = 0;
      for (; c + w <= end; c += w, ++k) rest[k] = term(Whole<T>{}, c);
      if (c < end) rest[k] = tail(c, end - c);
#pragma GCC unroll 16
      for (i64 l = 0; l < n; ++l) lane[l] = Op::join(lane[l], rest[l]);
    }
    const T joined = fold_lanes<Op, n>(lane);
    total = chunk == 0 ? joined : Op::join(total, joined);
  }
  return total;
}

template <class T, class Term>
LAT_INLINE T row_total(i64 cols, Term&& term) {
  return row_join<Sum, false, T>(cols, term);
}

template <class T>
LAT_INLINE T row_total(const T* x, i64 cols) {
  return row_join<Sum, true, T>(cols, [&](auto in, i64 c) LAT_FLAT { return in.load(x + c); });
}

template <class T>
LAT_INLINE T row_most(const T* x, i64 cols) {
  return row_join<Largest, true, T>(cols, [&](auto in, i64 c) LAT_FLAT { return in.load(x + c); });
}

}  // namespace lat::kernels::LAT_ISA
