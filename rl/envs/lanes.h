#pragma once
// Doubles that are stored as T: V is a double or a vector of doubles.
#include "kernels/common/vec.h"

namespace lat::rl::LAT_ISA {

using namespace kernels::LAT_ISA;

template <class T, class V>
LAT_INLINE auto lanes_as(V x) {
#if LAT_VECTOR_BYTES > 0
  if constexpr (kWidth < V >> 1) {
    typedef T Lanes __attribute__((vector_size(sizeof(T) * size_t(kWidth<V>))));
    return __builtin_convertvector(x, Lanes);
  }
#endif
  if constexpr (kWidth<V> == 1) return T(x);
}

template <class V, class T>
LAT_INLINE V take_lanes(const T* from) {
#if LAT_VECTOR_BYTES > 0
  if constexpr (kWidth < V >> 1) {
    typedef T Lanes __attribute__((vector_size(sizeof(T) * size_t(kWidth<V>))));
    Lanes x;
    memcpy(&x, from, sizeof(x));
    return __builtin_convertvector(x, V);
  }
#endif
  if constexpr (kWidth<V> == 1) return double(*from);
}

template <class V, class T>
LAT_INLINE void put_lanes(T* to, V x) {
  const auto y = lanes_as<T>(x);
  memcpy(to, &y, sizeof(y));
}

}  // namespace lat::rl::LAT_ISA
