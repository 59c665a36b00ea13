#include "models/curve_training.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lat::models {

namespace {

constexpr i64 kFew = 5;  // points given, beside all of them

double mean_of(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

}  // namespace

CurveTraining::CurveTraining(const Context::Options& context, std::unique_ptr<CurveModel> model,
                             const curves::Curves& world, const CurveExample& example,
                             const TrainConfig& config)
    : PointsTraining(context, std::move(model), example, config), world_(world) {
  LAT_CHECK(example.places == 1, Code::usage, "curves", "a curve has one coordinate, not ",
            example.places);
  world_.seed = context.seed;
}

void CurveTraining::draw_points(bool test, i64 number, i64 n, float* x, float* y) const {
  curves::Curves world = world_;
  world.test = test;
  world.points(number, n, x, y);
}

Evaluation CurveTraining::evaluate(i64 limit) {
  const i64 n = tested(limit);
  Evaluation e = bound(n);
  for (const i64 given : {std::min(kFew, example().contexts), example().contexts}) {
    const CurveFigures f = judge(given, n);
    e.more.emplace_back(cat("nll_", given), mean_of(f.nll));
    e.more.emplace_back(cat("joint_", given), mean_of(f.joint));
    e.more.emplace_back(cat("exact_", given), mean_of(f.exact));
    e.more.emplace_back(cat("exact_joint_", given), mean_of(f.exact_joint));
  }
  e.more.emplace_back("surer", surer(std::min(kFew, example().contexts), std::min<i64>(n, 128)));
  return e;
}

CurveFigures CurveTraining::judge(i64 contexts, i64 curves, i64 samples) {
  CurveFigures out{judge_points(contexts, curves, samples), {}, {}};
  const i64 N = example().contexts, M = example().targets;
  const double share = 1 / static_cast<double>(M);
  const curves::Process& process = world_.process;
  for (i64 curve = 0; curve < curves; ++curve) {
    Seen known = points(curve, contexts);
    const Seen all = points(curve, N + M);
    const std::span at(all.x.begin() + N, all.x.end()), values(all.y.begin() + N, all.y.end());
    double sum = 0;
    for (const double nats : curves::posterior(process, known.x, known.y, at).log_prob(values))
      sum += nats;
    out.exact.push_back(-share * sum);
    const double before = curves::log_prob(process, known.x, known.y);
    known.x.insert(known.x.end(), at.begin(), at.end());
    known.y.insert(known.y.end(), values.begin(), values.end());
    out.exact_joint.push_back(share * (before - curves::log_prob(process, known.x, known.y)));
  }
  return out;
}

double CurveTraining::surer(i64 contexts, i64 curves) {
  settle();
  constexpr i64 kPlaces = 41, kDraws = 16;
  double right = 0, pairs = 0;
  for (i64 curve = 0; curve < curves; ++curve) {
    const Seen seen = points(curve, contexts);
    std::vector<float> at = seen.x;
    for (i64 i = 0; i < kPlaces; ++i)
      at.push_back(static_cast<float>(world_.from + (world_.to - world_.from) *
                                                        static_cast<double>(i) / (kPlaces - 1)));
    const std::vector<double> variance =
        mixture(predictions(seen, at, draws() ? kDraws : 1, static_cast<u64>(curve) * kDraws))
            .variance;
    for (size_t i = seen.x.size(); i < at.size(); ++i) {
      float nearest = 1e30f;
      for (const float x : seen.x) nearest = std::min(nearest, std::fabs(x - at[i]));
      if (nearest < 2 * world_.process.length) continue;
      for (size_t n = 0; n < seen.x.size(); ++n) {
        right += variance[n] < variance[i] ? 1 : 0;
        ++pairs;
      }
    }
  }
  return right / std::max(pairs, 1.0);
}

}  // namespace lat::models
