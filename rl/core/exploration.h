#pragma once
// How far an agent strays from what it thinks best.
#include "engine/ops/ops.h"
#include "rl/core/environments.h"

namespace lat::rl {

// A value that goes from `first` to `last` within the first `steps` steps and stays: epsilon, noise, learning rates.
struct Linear {
  double first = 1, last = 0.05;
  i64 steps = 1;
  double at(i64 step) const;
};

// Noise that remembers, for exploration that goes somewhere: x += theta (0 - x) dt + sigma sqrt(dt) N(0,1), from 0 where
// an episode begins.             Uhlenbeck & Ornstein 1930; Lillicrap et al. 2016, section 7
class OrnsteinUhlenbeck {
 public:
  struct Settings {
    double theta = 0.15, sigma = 0.2, dt = 1;
  };
  OrnsteinUhlenbeck(Context& ctx, i64 copies, i64 size, Settings settings);

  // The next noise (E,A), recorded.
  Tensor next(Rng rng);
  // Where an episode ended it begins at 0 again: after the step, recorded.
  void restart(const Stepped& next);

  template <class F>
  void each_state(F&& f) const {
    f("noise", noise_.tensor());
  }

 private:
  Settings settings_;
  Buffer noise_;  // (E,A)
};

}  // namespace lat::rl
