#pragma once
// How well a policy does, and how sure that is.
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/tape/step.h"
#include "rl/core/environments.h"

namespace lat::rl {

// A number of episodes of one environment, each in a copy of its own, from starts that training never sees
// (Stream::evaluation): every run plays the same ones.
class Evaluation {
 public:
  // What the policy does: obs (E,D) -> actions. `begin` is called before the first step of a run, to forget what the
  // policy remembers; it may be empty.
  using Policy = std::function<Tensor(Tensor obs)>;
  Evaluation(Context& ctx, const std::string& environment, i64 episodes, u64 seed, Policy policy,
             std::function<void()> begin = {}, EnvironmentOptions options = {});

  // Plays all episodes to their ends.
  Episodes run();
  const Environments& environments() const { return environments_; }

 private:
  Environments environments_;
  std::function<void()> begin_;
  Step<std::function<void()>> move_;
};

// The mean of the middle half of the values: a quarter, rounded down, is left out at either end.
//                              Agarwal et al. 2021, "Deep RL at the edge of the statistical precipice", section 4.3
double interquartile_mean(std::span<const double> values);

struct Interval {
  double low = 0, high = 0;
};
// The percentile bootstrap of a statistic, at this confidence: the same for the same seed.       Efron 1979
Interval bootstrap(std::span<const double> values,
                   const std::function<double(std::span<const double>)>& statistic,
                   double confidence = 0.95, i64 resamples = 2000, u64 seed = 0);

// Returns along training, of several seeds at the same steps.
struct Curve {
  std::vector<i64> steps;                    // T
  std::vector<std::vector<double>> returns;  // a row of T for each seed

  struct Point {
    i64 steps = 0;
    double iqm = 0;
    Interval interval;
  };
  // The interquartile mean over seeds, and its interval. Code::usage when a seed has not as many values as there are
  // steps.
  std::vector<Point> points(double confidence = 0.95) const;
  // steps, then a column for each seed, then iqm, low, high.
  std::string csv() const;
};

}  // namespace lat::rl
