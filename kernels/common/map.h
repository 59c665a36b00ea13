#pragma once
// Walking over elements: whole vectors, then one vector of which only the first lanes exist. Every element is computed
// by the same expression, so it does not matter how a call was cut.
#include <utility>

#include "kernels/common/vec.h"

// For lambdas that hold the inside of a loop.
#define LAT_FLAT __attribute__((always_inline))

namespace lat::kernels::LAT_ISA {

struct Range {
  i64 begin, end;
};

// The items of a part, cut at multiples of `unit` so that vectors stay whole.
LAT_INLINE Range cut(Part part, i64 n, i64 unit = 64) {
  const i64 units = ceil_div(n, unit);
  return {min_of(n, part.begin(units) * unit), min_of(n, part.end(units) * unit)};
}

// s in every lane, for data: it keeps the sign of -0, which splat (0 + s) drops.
template <class V>
LAT_INLINE V broadcast(Elem<V> s) {
  if constexpr (kWidth<V> == 1)
    return s;
  else
    return s - V{};
}

// 0, 1, 2, ... in the lanes of V, whose elements are E.
template <class V, class E = Elem<V>>
LAT_INLINE V lane_numbers() {
  return []<size_t... I>(std::index_sequence<I...>) LAT_FLAT {
    return V{E(I)...};
  }(std::make_index_sequence<sizeof(V) / sizeof(E)>{});
}

// All lanes exist.
template <class T>
struct Whole {
  static constexpr i64 n = kWidth<Vec<T>>;
  LAT_INLINE Vec<T> load(const T* p) const { return LAT_ISA::load<Vec<T>>(p); }
  LAT_INLINE void store(T* p, Vec<T> v) const { LAT_ISA::store(p, v); }
};

// The first n lanes exist.
template <class T>
struct Few {
  i64 n;
  LAT_INLINE Vec<T> load(const T* p) const { return load_part<Vec<T>>(p, n); }
  LAT_INLINE void store(T* p, Vec<T> v) const { store_part(p, v, n); }
};

// body(in, i): the elements i, i + 1, ... read by in.load and written by in.store.
template <class T, class Body>
LAT_INLINE void map(Range r, Body&& body) {
  constexpr i64 w = kWidth<Vec<T>>;
  i64 i = r.begin;
  for (; i + w <= r.end; i += w) body(Whole<T>{}, i);
  if (i < r.end) body(Few<T>{r.end - i}, i);
}

}  // namespace lat::kernels::LAT_ISA
