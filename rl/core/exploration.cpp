#include "rl/core/exploration.h"

#include <algorithm>
#include <cmath>

namespace lat::rl {

double Linear::at(i64 step) const {
  const double done = std::clamp(
      static_cast<double>(step) / static_cast<double>(std::max<i64>(steps, 1)), 0.0, 1.0);
  return first + done * (last - first);
}

OrnsteinUhlenbeck::OrnsteinUhlenbeck(Context& ctx, i64 copies, i64 size, Settings settings)
    : settings_(settings), noise_(ctx, {copies, size}) {}

Tensor OrnsteinUhlenbeck::next(Rng rng) {
  const auto [theta, sigma, dt] = settings_;
  const Tensor eps = normal(rng, noise_.tensor().shape());                              // (E,A)
  const Tensor x = noise_.tensor() * (1 - theta * dt) + eps * (sigma * std::sqrt(dt));  // (E,A)
  assign(noise_, x);
  return x;
}

void OrnsteinUhlenbeck::restart(const Stepped& next) {
  const Tensor goes_on = 1.0 - next.terminated - next.truncated;  // (E)
  assign(noise_, noise_.tensor() * reshape(goes_on, {-1, 1}));
}

}  // namespace lat::rl
