#include "rl/core/evaluation.h"

#include <algorithm>
#include <cmath>

#include "engine/train/fields.h"

namespace lat::rl {

namespace {

EnvironmentOptions counted_once(EnvironmentOptions options) {
  options.stream = Stream::evaluation;
  options.counted = 1;
  return options;
}

}  // namespace

Evaluation::Evaluation(Context& ctx, const std::string& environment, i64 episodes, u64 seed,
                       Policy policy, std::function<void()> begin, EnvironmentOptions options)
    : environments_(make_environments(ctx, environment, episodes, seed, counted_once(options))),
      begin_(std::move(begin)),
      move_(ctx, "evaluate " + environment, [this, policy = std::move(policy)] {
        const NoGrad off(environments_.ctx());
        environments_.step(policy(environments_.observe()));
      }) {}

Episodes Evaluation::run() {
  environments_.restart();
  if (begin_) begin_();
  constexpr i64 kBetweenLooks = 25;
  Episodes episodes;
  for (i64 t = 0; t < environments_.limit(); ++t) {
    move_();
    if ((t + 1) % kBetweenLooks != 0 && t + 1 < environments_.limit()) continue;
    episodes = environments_.finished();
    if (episodes.count == environments_.copies()) break;
  }
  return episodes;
}

double interquartile_mean(std::span<const double> values) {
  if (values.empty()) return 0;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const size_t cut = sorted.size() / 4;
  double sum = 0;
  for (size_t i = cut; i < sorted.size() - cut; ++i) sum += sorted[i];
  return sum / static_cast<double>(sorted.size() - 2 * cut);
}

Interval bootstrap(std::span<const double> values,
                   const std::function<double(std::span<const double>)>& statistic,
                   double confidence, i64 resamples, u64 seed) {
  LAT_CHECK(!values.empty() && resamples >= 1 && confidence > 0 && confidence < 1, Code::usage,
            "bootstrap", values.size(), " values, ", resamples, " resamples, confidence ",
            confidence, "; expected at least one of each, and a confidence between 0 and 1");
  std::vector<double> drawn(values.size()), statistics;
  u64 state = seed;
  for (i64 r = 0; r < resamples; ++r) {
    for (double& d : drawn) {
      state += 0x9e3779b97f4a7c15u;  // splitmix64: Steele, Lea & Flood 2014
      u64 x = state;
      x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
      x = (x ^ x >> 27) * 0x94d049bb133111ebu;
      d = values[static_cast<size_t>((x ^ x >> 31) % values.size())];
    }
    statistics.push_back(statistic(drawn));
  }
  std::sort(statistics.begin(), statistics.end());
  const auto quantile = [&](double q) {  // linear between order statistics
    const double at = q * static_cast<double>(resamples - 1);
    const size_t i = static_cast<size_t>(at);
    const size_t j = std::min(i + 1, statistics.size() - 1);
    return statistics[i] + (at - std::floor(at)) * (statistics[j] - statistics[i]);
  };
  return {quantile((1 - confidence) / 2), quantile((1 + confidence) / 2)};
}

std::vector<Curve::Point> Curve::points(double confidence) const {
  for (size_t k = 0; k < returns.size(); ++k)
    LAT_CHECK(returns[k].size() == steps.size(), Code::usage, "curve", "seed ", k, " has ",
              returns[k].size(), " values at ", steps.size(), " steps");
  std::vector<Point> out;
  for (size_t t = 0; t < steps.size() && !returns.empty(); ++t) {
    std::vector<double> column;
    for (const std::vector<double>& seed : returns) column.push_back(seed[t]);
    out.push_back(
        {steps[t], interquartile_mean(column), bootstrap(column, interquartile_mean, confidence)});
  }
  return out;
}

std::string Curve::csv() const {
  std::string out = "steps";
  for (size_t k = 0; k < returns.size(); ++k) out += cat(",seed_", k);
  out += ",iqm,low,high\n";
  const std::vector<Point> all = points();
  for (size_t t = 0; t < all.size(); ++t) {
    out += std::to_string(steps[t]);
    for (const std::vector<double>& seed : returns) out += "," + number_text(seed[t]);
    for (const double v : {all[t].iqm, all[t].interval.low, all[t].interval.high})
      out += "," + number_text(v);
    out += "\n";
  }
  return out;
}

}  // namespace lat::rl
