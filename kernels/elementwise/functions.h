#pragma once
// The lines of unary.def and binary.def as functions of a scalar or a vector: fn::tanh::f,
// fn::tanh::d1, ...
#include "kernels/common/math.h"
#include "kernels/common/planted.h"

namespace lat::kernels::LAT_ISA::fn {

#define LAT_CONSTANTS                                     \
  [[maybe_unused]] const V zero = splat<V>(0);            \
  [[maybe_unused]] const V half = splat<V>(Elem<V>(0.5)); \
  [[maybe_unused]] const V one = splat<V>(1);             \
  [[maybe_unused]] const V two = splat<V>(2);

#define UNARY(name, f_, d1_, d2_, from, to)                                                  \
  struct name {                                                                              \
    template <class V>                                                                       \
    static LAT_INLINE V f(V x, [[maybe_unused]] V p, [[maybe_unused]] V q) {                 \
      LAT_CONSTANTS                                                                          \
      return f_;                                                                             \
    }                                                                                        \
    template <class V>                                                                       \
    static LAT_INLINE V d1([[maybe_unused]] V x, [[maybe_unused]] V y, [[maybe_unused]] V p, \
                           [[maybe_unused]] V q) {                                           \
      LAT_CONSTANTS                                                                          \
      return d1_;                                                                            \
    }                                                                                        \
    template <class V>                                                                       \
    static LAT_INLINE V d2([[maybe_unused]] V x, [[maybe_unused]] V y, [[maybe_unused]] V p, \
                           [[maybe_unused]] V q) {                                           \
      LAT_CONSTANTS                                                                          \
      return d2_;                                                                            \
    }                                                                                        \
  };
#include "kernels/elementwise/unary.def"
#undef UNARY

#define BINARY(name, f_)              \
  struct name {                       \
    template <class V>                \
    static LAT_INLINE V f(V a, V b) { \
      LAT_CONSTANTS                   \
      return f_;                      \
    }                                 \
  };
#include "kernels/elementwise/binary.def"
#undef BINARY
#undef LAT_CONSTANTS

// act'(y) of the activations that are fused into products: 0 none, 1 relu, 2 tanh, 3 sigmoid.
template <class V>
LAT_INLINE V act_slope(V y, i64 act) {
  const V none = splat<V>(1);
  switch (act) {
    case 1:
      return relu::d1(y, y, none, none);
    case 2:
      if (planted(Bug::activation_slope)) return none;
      return tanh::d1(y, y, none, none);
    case 3:
      return sigmoid::d1(y, y, none, none);
    default:
      return none;
  }
}

}  // namespace lat::kernels::LAT_ISA::fn
