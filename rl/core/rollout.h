#pragma once
// What a round of acting leaves: tensors of one recorded step, none of which outlives it.
#include <functional>
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

  // V of the states that the steps led to, (T,E), where `value` is V, (B,D) -> (B), and v its numbers at s. A step
  // leads to the next row of s, or the episode was truncated, which happens to a copy at most once in the `limit` steps
  // of an episode: so few states are looked at, not T. Where an episode terminated, the number means nothing.
  Tensor next_values(const Tensor& v, i64 limit,
                     const std::function<Tensor(const Tensor&)>& value) const;

  Tensor s, a, r, s_next, terminated,
      truncated;  // (T,E,D), (T,E) i32 or (T,E,A), (T,E), (T,E,D), ...
  Tensor last;    // (E,D) what is seen after the last step

 private:
  std::vector<Tensor> s_, a_, r_, s_next_, terminated_, truncated_;
};

}  // namespace lat::rl
