#pragma once
// Running moments, kept in double precision on the context's device, and what is divided by them. Updates are recorded
// calls, skipped when the step at hand is not finite.
#include "engine/ops/ops.h"

namespace lat::rl {

// Observations: (x - mean) / sd, within +-10.
class Normaliser {
 public:
  // For rows of D numbers.
  Normaliser(Context& ctx, i64 D, std::string name = "normaliser");

  // Joins the rows x (B,D) to the moments.          Chan, Golub & LeVeque 1983, equations 2.1
  void update(const Tensor& x);
  // (x - mean) / sqrt(variance + 1e-8), within +-10; x itself before the first update. x (B,D) -> (B,D), no gradient.
  Tensor apply(const Tensor& x) const;
  // x / sqrt(variance + 1e-8), within +-10.
  Tensor scale(const Tensor& x) const;

  i64 size() const { return D_; }
  std::vector<double> mean() const;  // waits for the device
  std::vector<double> variance() const;

  // What a checkpoint saves: f(name, tensor).
  template <class F>
  void each_state(F&& f) const {
    f(name_ + ".moments", moments_.tensor());
  }

 private:
  Tensor standardised(const Tensor& x, bool centre) const;
  std::vector<double> row(i64 k) const;

  Context& ctx_;
  i64 D_;
  std::string name_;
  Buffer moments_;  // (3,D) f64: count, mean, sum of squared deviations
};

// Rewards, divided by the deviation of the discounted return R = gamma R + r that runs along each of E environments and
// begins anew with an episode.          Engstrom et al. 2020, "Implementation matters in deep RL", section 3
class RewardScaler {
 public:
  RewardScaler(Context& ctx, i64 copies, double gamma);

  // reward, terminated, truncated (E) -> the scaled reward (E); joins the returns to the moments where `learn`.
  Tensor apply(const Tensor& reward, const Tensor& terminated, const Tensor& truncated,
               bool learn = true);

  template <class F>
  void each_state(F&& f) const {
    moments_.each_state(f);
    f("reward.return", return_.tensor());
  }

 private:
  double gamma_;
  Normaliser moments_;
  Buffer return_;  // (E)
};

}  // namespace lat::rl
