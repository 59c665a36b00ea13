#pragma once
// Walking over elements: whole vectors, then one vector of which only the first lanes exist. Every
// element is computed by the same expression, so it does not matter how a call was cut.
#include <utility>

#include "kernels/common/vec.h"

namespace lat::kernels::LAT_ISA {

struct Range {
  i64 begin, end;
};

// The items of a part, cut at multiples of `unit` so that vectors stay whole.
LAT_INLINE Range cut(Part part, i64 n, i64 unit = 64) {
  const i64 units = ceil_div(n, unit);
  return {min_of(n, part.begin(units) * unit), min_of(n, part.end(units) * unit)};
}

// 0, 1, 2, ... in the lanes of V, whose elements are E.
template <class V, class E = Elem<V>>
LAT_INLINE V lane_numbers() {
  return []<size_t... I>(std::index_sequence<I...>) LAT_FLAT { return V{E(I)...}; }
  (std::make_index_sequence<sizeof(V) / sizeof(E)>{});
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
#if LAT_VECTOR_BYTES == 32
  // AVX2's masked moves: load_part's copy of a variable length costs as much as the rest of a short
  // row.
  LAT_INLINE __m256i exists() const {
    const i32 count = i32(n * i64(sizeof(T) / 4));
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  LAT_INLINE Vec<T> load(const T* p) const {
    return bits<Vec<T>>(_mm256_maskload_epi32(reinterpret_cast<const int*>(p), exists()));
  }
  LAT_INLINE void store(T* p, Vec<T> v) const {
    _mm256_maskstore_epi32(reinterpret_cast<int*>(p), exists(), bits<__m256i>(v));
  }
#else
  LAT_INLINE Vec<T> load(const T* p) const { return load_part<Vec<T>>(p, n); }
  LAT_INLINE void store(T* p, Vec<T> v) const { store_part(p, v, n); }
#endif
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
