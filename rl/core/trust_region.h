#pragma once
// Conjugate gradients as recorded tensors.
#include <functional>

#include "engine/ops/ops.h"

namespace lat::rl {

struct Direction {
  Tensor x;    // (P), F x = g about
  Tensor xFx;  // ()
};

// x after so many iterations from 0, for a symmetric positive F given by its product with a vector. An iteration whose
// residual is 0 changes nothing.                                   Hestenes & Stiefel 1952; Shewchuk 1994, B2
inline Direction trust_region_direction(const std::function<Tensor(const Tensor&)>& F,
                                        const Tensor& g, i64 iterations) {
  constexpr double kTiny = 1e-30;
  Tensor x = zeros_like(g), r = g, p = g;  // (P)
  Tensor rr = sum(square(r));              // ()
  for (i64 k = 0; k < iterations; ++k) {
    const Tensor Fp = stop_gradient(F(p));
    const Tensor alpha = rr / (sum(p * Fp) + kTiny);
    x = x + alpha * p;
    r = r - alpha * Fp;
    const Tensor next = sum(square(r));
    p = r + next / (rr + kTiny) * p;
    rr = next;
  }
  return {x, sum(x * stop_gradient(F(x)))};
}

}  // namespace lat::rl
