#include "rl/core/rollout.h"

#include <algorithm>

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
  last = next.obs;
}

void Rollout::join() {
  s = stack(s_);
  a = stack(a_);
  r = stack(r_);
  s_next = stack(s_next_);
  terminated = stack(terminated_);
  truncated = stack(truncated_);
}

Tensor Rollout::next_values(const Tensor& v, i64 limit,
                            const std::function<Tensor(const Tensor&)>& value) const {
  const auto [T, E, D] = s_next.dims<3>();
  const Tensor went_on = concat({slice(v, 1, T), reshape(value(last), {1, E})}, 0);  // (T,E)
  std::vector<Tensor> all;
  for (i64 t = 0; t < T; t += limit) {
    const i64 end = std::min(T, t + limit);
    const Tensor cut = slice(truncated, t, end);  // (n,E)
    // A sum with one term that is not 0.
    const Tensor left =
        sum(reshape(cut, {end - t, E, 1}) * slice(s_next, t, end), {0, 0});  // (E,D)
    all.push_back(cut * value(left) + (1 - cut) * slice(went_on, t, end));
  }
  return concat(all, 0);
}

}  // namespace lat::rl
