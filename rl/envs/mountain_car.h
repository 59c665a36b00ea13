#pragma once
// A car in a valley, too weak to drive out of it at once: it has to swing.
//                                   Moore 1990, chapter 4.3; as Gymnasium's MountainCar-v0
#include "rl/envs/environment.h"

namespace lat::rl::LAT_ISA {

// What both forms of the car share: the valley is sin 3p, the left wall stops the car.
template <class V>
LAT_INLINE void roll(V& position, V& velocity, V push) {
  velocity = clip(velocity + (push + m::cos(3.0 * position) * -0.0025), -0.07, 0.07);
  position = clip(position + velocity, -1.2, 0.6);
  const auto stopped = both(position == splat<V>(-1.2), velocity < V{});
  velocity = stopped ? V{} : velocity;
}

struct MountainCar {
  static constexpr Info kInfo{.name = "mountain_car",
                              .source = "Moore 1990; Gymnasium MountainCar-v0",
                              .states = 2,  // position, velocity
                              .observed = 2,
                              .actions = 3,
                              .discrete = true,
                              .uniforms = 1,
                              .limit = 200,
                              .threshold = -110,
                              .observed_low = {-1.2, -0.07},
                              .observed_high = {0.6, 0.07},
                              .velocities = 0b10};

  static LAT_INLINE void reset(double (&s)[2], const double (&u)[1]) {
    s[0] = between(u[0], -0.6, -0.4);
    s[1] = 0;
  }

  template <class V>
  static LAT_INLINE Outcome<V> step(V (&s)[2], const V (&action)[1]) {
    roll(s[0], s[1], (action[0] - 1.0) * 0.001);
    const auto there = both(s[0] >= splat<V>(0.5), s[1] >= V{});
    return {splat<V>(-1), there ? splat<V>(1) : V{}};
  }

  template <class V>
  static LAT_INLINE void observe(const V (&s)[2], V (&o)[2]) {
    for (i64 k = 0; k < 2; ++k) o[k] = s[k];
  }
};

}  // namespace lat::rl::LAT_ISA
