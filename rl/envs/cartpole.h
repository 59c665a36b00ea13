#pragma once
// A pole on a cart that is pushed left or right; it must neither fall nor leave the track.
//                                   Barto, Sutton & Anderson 1983; as Gymnasium's CartPole-v1
#include "rl/envs/environment.h"

namespace lat::rl::LAT_ISA {

struct CartPole {
  static constexpr Info kInfo{.name = "cartpole",
                              .source = "Barto, Sutton & Anderson 1983; Gymnasium CartPole-v1",
                              .states = 4,  // position, velocity of the cart; angle, its velocity
                              .observed = 4,
                              .actions = 2,
                              .discrete = true,
                              .uniforms = 4,
                              .limit = 500,
                              .threshold = 475,
                              .observed_low = {-4.8, -kNoBound, -0.41887903, -kNoBound},
                              .observed_high = {4.8, kNoBound, 0.41887903, kNoBound},
                              .velocities = 0b1010};
  static constexpr double kGravity = 9.8, kPole = 0.1, kMass = 1.1, kHalfLength = 0.5, kForce = 10,
                          kStep = 0.02, kTrack = 2.4, kFallen = 12 * 2 * 3.141592653589793 / 360;

  static LAT_INLINE void reset(double (&s)[4], const double (&u)[4]) {
    for (i64 k = 0; k < 4; ++k) s[k] = between(u[k], -0.05, 0.05);
  }

  template <class V>
  static LAT_INLINE Outcome<V> step(V (&s)[4], const V (&action)[1]) {
    auto& [x, v, theta, omega] = s;
    const V one = splat<V>(1);
    const V force = action[0] == one ? splat<V>(kForce) : splat<V>(-kForce);
    const auto [sin, cos] = m::sin_cos(theta);
    const V push = (force + kPole * kHalfLength * (omega * omega) * sin) / kMass;
    const V turn =
        (kGravity * sin - cos * push) / (kHalfLength * (4.0 / 3.0 - kPole * (cos * cos) / kMass));
    const V pull = push - kPole * kHalfLength * turn * cos / kMass;
    x = x + kStep * v;
    v = v + kStep * pull;
    theta = theta + kStep * omega;
    omega = omega + kStep * turn;
    const auto lost = either(m::abs(x) > splat<V>(kTrack), m::abs(theta) > splat<V>(kFallen));
    return {one, lost ? one : V{}};
  }

  template <class V>
  static LAT_INLINE void observe(const V (&s)[4], V (&o)[4]) {
    for (i64 k = 0; k < 4; ++k) o[k] = s[k];
  }
};

}  // namespace lat::rl::LAT_ISA
