#pragma once
// The car in the valley with a throttle: to arrive is worth 100, and driving costs.
//                                   Moore 1990, chapter 4.3; as Gymnasium's MountainCarContinuous-v0, whose state is
//                                   kept in floats and here in doubles
#include "rl/envs/mountain_car.h"

namespace lat::rl::LAT_ISA {

struct MountainCarContinuous {
  static constexpr Info kInfo{.name = "mountain_car_continuous",
                              .source = "Moore 1990; Gymnasium MountainCarContinuous-v0",
                              .states = 2,  // position, velocity
                              .observed = 2,
                              .actions = 1,
                              .discrete = false,
                              .uniforms = 1,
                              .limit = 999,
                              .threshold = 90,
                              .observed_low = {-1.2, -0.07},
                              .observed_high = {0.6, 0.07},
                              .action_low = -1,
                              .action_high = 1,
                              .velocities = 0b10};

  static LAT_INLINE void reset(double (&s)[2], const double (&u)[1]) { MountainCar::reset(s, u); }

  // The cost is that of the action as it was asked for.
  template <class V>
  static LAT_INLINE Outcome<V> step(V (&s)[2], const V (&action)[1]) {
    const V a = action[0];
    roll(s[0], s[1], clip(a, -1, 1) * 0.0015);
    const auto there = both(s[0] >= splat<V>(0.45), s[1] >= V{});
    const V arrived = there ? splat<V>(100) : V{};
    return {arrived - (a * a) * 0.1, there ? splat<V>(1) : V{}};
  }

  template <class V>
  static LAT_INLINE void observe(const V (&s)[2], V (&o)[2]) {
    for (i64 k = 0; k < 2; ++k) o[k] = s[k];
  }
};

}  // namespace lat::rl::LAT_ISA
