#pragma once
// The activations that products and convolutions apply to a finished sum.
#include "kernels/common/math.h"

namespace lat::kernels::LAT_ISA {

// act: 0 none, 1 relu, 2 tanh, 3 sigmoid.
template <class V>
LAT_INLINE V activate(V x, i64 act) {
  switch (act) {
    case 1:
      return m::relu(x);
    case 2:
      return m::tanh(x);
    case 3:
      return m::sigmoid(x);
    default:
      return x;
  }
}

}  // namespace lat::kernels::LAT_ISA
