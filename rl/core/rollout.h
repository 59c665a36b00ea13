#pragma once
// What a round of acting leaves: tensors of one recorded step, none of which outlives it.
#include <vector>

#include "engine/lat.h"
#include "rl/core/environments.h"

namespace lat::rl {

// (T,E,...) -> (TE,...)
Tensor merged(const Tensor& x);

// T steps of E copies. add() them in order, then join().
struct Rollout {
  void add(const Tensor& obs, const Tensor& action, const Stepped& next, double reward_scale = 1);
  void join();

  Tensor s, a, r, s_next, terminated,
      truncated;  // (T,E,D), (T,E) i32 or (T,E,A), (T,E), (T,E,D), ...

 private:
  std::vector<Tensor> s_, a_, r_, s_next_, terminated_, truncated_;
};

}  // namespace lat::rl
