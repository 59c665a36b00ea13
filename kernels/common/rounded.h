#pragma once
// Products that are terms of a sum whose order is fixed.
#include "kernels/common/vec.h"

namespace lat::kernels::LAT_ISA {

// a b, rounded by itself and never -0: an fma with +0, which no compiler contracts into the sum.
template <class V>
LAT_INLINE V rounded_product(V a, V b) {
#if defined(__FMA__) || defined(__aarch64__) || defined(__CUDA_ARCH__)
  return fma(a, b, V{});
#else
  return a * b + V{};
#endif
}

}  // namespace lat::kernels::LAT_ISA
