#pragma once
// What an environment is made of (rl/README.md begins with how one is added).
//
// An environment is a struct of constants and three functions. A state is S doubles, an action A numbers: the choice, or
// the numbers of a box. `step` and `observe` are written once for V, which is a double or a vector of doubles, a copy of
// the environment in each lane: `mask ? a : b` chooses by lane. They are compiled without contraction, so that what
// stands there is what is computed, everywhere.
#include "kernels/common/angles.h"
#include "rl/envs/info.h"

namespace lat::rl::LAT_ISA {

using namespace kernels::LAT_ISA;

// What a step gives; `terminated` is 1 or 0.
template <class V>
struct Outcome {
  V reward, terminated;
};

// Of masks, which are bools or integers by lane.
template <class M>
LAT_INLINE M either(M a, M b) {
  return M(a | b);
}
template <class M>
LAT_INLINE M both(M a, M b) {
  return M(a & b);
}

// x between low and high.
template <class V>
LAT_INLINE V clip(V x, double low, double high) {
  return min(max(x, splat<V>(low)), splat<V>(high));
}

// Uniform in [low, high), from u in [0, 1).
LAT_INLINE double between(double u, double low, double high) { return low + (high - low) * u; }

}  // namespace lat::rl::LAT_ISA
