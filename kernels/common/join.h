#pragma once
// What a row is joined by: + or the larger, for scalars and vectors.
#include "kernels/common/vec.h"

namespace lat::kernels::LAT_ISA {

// The larger; a NaN wins, and of two zeros the first.
template <class V>
LAT_INLINE V larger(V a, V b) {
  const V other = b == b ? a : b;
  return a < b ? b : other;
}

struct Sum {
  template <class V>
  static LAT_INLINE V start() {
    return V{};
  }
  template <class V>
  static LAT_INLINE V join(V a, V b) {
    return a + b;
  }
};
struct Largest {
  template <class V>
  static LAT_INLINE V start() {
    return splat<V>(-Elem<V>(__builtin_inff()));
  }
  template <class V>
  static LAT_INLINE V join(V a, V b) {
    return larger(a, b);
  }
};

}  // namespace lat::kernels::LAT_ISA
