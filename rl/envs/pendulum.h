#pragma once
// A pendulum to be swung up and held there by a motor that is too weak to lift it at once. It never ends by itself.
//                                   as Gymnasium's Pendulum-v1
#include "rl/envs/environment.h"

namespace lat::rl::LAT_ISA {

struct Pendulum {
  static constexpr double kPi = 3.141592653589793;
  static constexpr Info kInfo{.name = "pendulum",
                              .source = "Gymnasium Pendulum-v1",
                              .states = 2,  // angle from above, not wrapped; velocity
                              .observed = 3,
                              .actions = 1,
                              .discrete = false,
                              .uniforms = 2,
                              .limit = 200,
                              .threshold = -170,
                              .observed_low = {-1, -1, -8},
                              .observed_high = {1, 1, 8},
                              .action_low = -2,
                              .action_high = 2,
                              .velocities = 0b100};
  static constexpr double kGravity = 10, kMass = 1, kLength = 1, kStep = 0.05;

  static LAT_INLINE void reset(double (&s)[2], const double (&u)[2]) {
    s[0] = between(u[0], -kPi, kPi);
    s[1] = between(u[1], -1, 1);
  }

  // x modulo 2 pi; exact, as the difference of neighbours is.
  template <class V>
  static LAT_INLINE V remainder(V x) {
    const V turn = splat<V>(2 * kPi), big = splat<V>(0x1.8p52);
    const V turns = (x / turn + big) - big;
    const V r = fma(-turns, turn, x);
    return r < V{} ? r + turn : r;
  }

  template <class V>
  static LAT_INLINE Outcome<V> step(V (&s)[2], const V (&action)[1]) {
    auto& [theta, omega] = s;
    const V u = clip(action[0], -2, 2);
    const V angle = remainder(theta + kPi) - kPi;
    const V cost = angle * angle + 0.1 * (omega * omega) + 0.001 * (u * u);
    omega = omega +
            (3 * kGravity / (2 * kLength) * m::sin(theta) + 3.0 / (kMass * kLength * kLength) * u) *
                kStep;
    omega = clip(omega, -8, 8);
    theta = theta + omega * kStep;
    return {-cost, V{}};
  }

  template <class V>
  static LAT_INLINE void observe(const V (&s)[2], V (&o)[3]) {
    const auto at = m::sin_cos(s[0]);
    o[0] = at.cos;
    o[1] = at.sin;
    o[2] = s[1];
  }
};

}  // namespace lat::rl::LAT_ISA
