#pragma once
// What an agent makes of observations before its networks see them: nothing, or numbers of mean 0 and deviation 1.
#include <optional>

#include "rl/agent.h"
#include "rl/core/normaliser.h"

namespace lat::rl {

class Sight {
 public:
  Sight(Context& ctx, i64 size, bool normalise) {
    if (normalise) normaliser_.emplace(ctx, size);
  }
  // (...,D) -> (...,D)
  Tensor apply(const Tensor& obs) const {
    if (!normaliser_) return obs;
    return reshape(normaliser_->apply(reshape(obs, {-1, obs.cols()})), obs.shape());
  }
  // Takes what was seen, (...,D), into the statistics. An op of a Step's body.
  void update(const Tensor& obs) {
    if (normaliser_) normaliser_->update(reshape(obs, {-1, obs.cols()}));
  }
  void keep(Kept& all) const {
    if (normaliser_) all.add(*normaliser_);
  }

 private:
  std::optional<Normaliser> normaliser_;
};

}  // namespace lat::rl
