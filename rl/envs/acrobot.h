#pragma once
// Two links that hang from a point, with a motor between them: the end must swing above a line.
//                                   Sutton 1996, "Generalization in reinforcement learning"; Sutton & Barto 1998,
//                                   example 11.3, whose equations these are; as Gymnasium's Acrobot-v1
#include "rl/envs/environment.h"

namespace lat::rl::LAT_ISA {

struct Acrobot {
  static constexpr double kPi = 3.141592653589793;
  static constexpr Info kInfo{
      .name = "acrobot",
      .source = "Sutton 1996; Gymnasium Acrobot-v1",
      .states = 4,  // angle of the first link from below, of the second from the first; velocities
      .observed = 6,
      .actions = 3,
      .discrete = true,
      .uniforms = 4,
      .limit = 500,
      .threshold = -100,
      .observed_low = {-1, -1, -1, -1, -4 * kPi, -9 * kPi},
      .observed_high = {1, 1, 1, 1, 4 * kPi, 9 * kPi},
      .velocities = 0b110000};
  static constexpr double kStep = 0.2;
  // Links of length 1, mass 1 and inertia 1, their centres in the middle.
  static constexpr double kLink = 1, kMass = 1, kCentre = 0.5, kInertia = 1, kGravity = 9.8;

  // The starts are floats, as the original's.
  static LAT_INLINE void reset(double (&s)[4], const double (&u)[4]) {
    for (i64 k = 0; k < 4; ++k) s[k] = double(float(between(u[k], -0.1, 0.1)));
  }

  template <class V>
  static LAT_INLINE void derivative(V (&d)[4], const V (&s)[4], V torque) {
    const auto& [theta1, theta2, omega1, omega2] = s;
    constexpr double mlc = kMass * kLink * kCentre, mcc = kMass * kCentre * kCentre;
    const auto [sin2, cos2] = m::sin_cos(theta2);
    const V d1 = mcc + kMass * (kLink * kLink + kCentre * kCentre + 2 * kLink * kCentre * cos2) +
                 kInertia + kInertia;
    const V d2 = kMass * (kCentre * kCentre + kLink * kCentre * cos2) + kInertia;
    const V phi2 = kMass * kCentre * kGravity * m::cos(theta1 + theta2 - kPi / 2);
    const V phi1 = -mlc * (omega2 * omega2) * sin2 - 2 * mlc * omega2 * omega1 * sin2 +
                   (kMass * kCentre + kMass * kLink) * kGravity * m::cos(theta1 - kPi / 2) + phi2;
    d[0] = omega1;
    d[1] = omega2;
    d[3] = (torque + d2 / d1 * phi1 - mlc * (omega1 * omega1) * sin2 - phi2) /
           (mcc + kInertia - d2 * d2 / d1);
    d[2] = -(d2 * d[3] + phi1) / d1;
  }

  // Into [-pi, pi], a turn at a time: no velocity allows three in a step.
  template <class V>
  static LAT_INLINE V wrapped(V angle) {
    for (i64 turn = 0; turn < 3; ++turn) {
      angle = angle > splat<V>(kPi) ? angle - 2 * kPi : angle;
      angle = angle < splat<V>(-kPi) ? angle + 2 * kPi : angle;
    }
    return angle;
  }

  // One step of the classic Runge-Kutta method.
  template <class V>
  static LAT_INLINE Outcome<V> step(V (&s)[4], const V (&action)[1]) {
    const V torque = action[0] - 1.0;
    V k1[4], k2[4], k3[4], k4[4], at[4];
    derivative(k1, s, torque);
    for (i64 k = 0; k < 4; ++k) at[k] = s[k] + kStep / 2 * k1[k];
    derivative(k2, at, torque);
    for (i64 k = 0; k < 4; ++k) at[k] = s[k] + kStep / 2 * k2[k];
    derivative(k3, at, torque);
    for (i64 k = 0; k < 4; ++k) at[k] = s[k] + kStep * k3[k];
    derivative(k4, at, torque);
    for (i64 k = 0; k < 4; ++k)
      s[k] = s[k] + kStep / 6 * (k1[k] + 2.0 * k2[k] + 2.0 * k3[k] + k4[k]);
    s[0] = wrapped(s[0]);
    s[1] = wrapped(s[1]);
    s[2] = clip(s[2], -4 * kPi, 4 * kPi);
    s[3] = clip(s[3], -9 * kPi, 9 * kPi);
    const V one = splat<V>(1);
    const V up = -m::cos(s[0]) - m::cos(s[1] + s[0]) > one ? one : V{};
    return {up - one, up};
  }

  template <class V>
  static LAT_INLINE void observe(const V (&s)[4], V (&o)[6]) {
    const auto first = m::sin_cos(s[0]), second = m::sin_cos(s[1]);
    o[0] = first.cos;
    o[1] = first.sin;
    o[2] = second.cos;
    o[3] = second.sin;
    o[4] = s[2];
    o[5] = s[3];
  }
};

}  // namespace lat::rl::LAT_ISA
