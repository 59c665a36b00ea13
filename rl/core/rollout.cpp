#include "rl/core/rollout.h"

namespace lat::rl {

Tensor merged(const Tensor& x) {
  Shape s = x.shape();
  s.dim[1] *= s.dim[0];
  return reshape(x, Shape(std::span<const int32_t>(s.dim + 1, static_cast<size_t>(s.rank - 1))));
}

void Rollout::add(const Tensor& obs, const Tensor& action, const Stepped& next,
                  double reward_scale) {
  s_.push_back(obs);
  a_.push_back(action);
  r_.push_back(reward_scale == 1 ? next.reward : next.reward * reward_scale);
  s_next_.push_back(next.final_obs);
  terminated_.push_back(next.terminated);
  truncated_.push_back(next.truncated);
}

void Rollout::join() {
  s = stack(s_);
  a = stack(a_);
  r = stack(r_);
  s_next = stack(s_next_);
  terminated = stack(terminated_);
  truncated = stack(truncated_);
}

}  // namespace lat::rl
