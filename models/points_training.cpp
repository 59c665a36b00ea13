#include "models/points_training.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lat::models {

namespace {

// log( mean of e^x ), of numbers that come one by one.
class LogMean {
 public:
  void add(double x) {
    if (x > most_) sum_ = sum_ * std::exp(most_ - x), most_ = x;
    sum_ += std::exp(x - most_);
    ++count_;
  }
  double value() const { return most_ + std::log(sum_ / count_); }

 private:
  double most_ = -1e300, sum_ = 0, count_ = 0;
};

}  // namespace

curves::Marginals mixture(const std::vector<curves::Marginals>& all) {
  curves::Marginals out = all.at(0);
  const double share = 1 / static_cast<double>(all.size());
  for (size_t i = 0; i < out.mean.size(); ++i) {
    double mean = 0, square = 0;
    for (const curves::Marginals& m : all) {
      mean += share * m.mean[i];
      square += share * (m.variance[i] + m.mean[i] * m.mean[i]);
    }
    out.mean[i] = mean, out.variance[i] = square - mean * mean;
  }
  return out;
}

struct PointsTraining::Steps {
  Steps(Context& ctx, CurveModel& m, Slots test)
      : slots(std::move(test)),
        bound(ctx, "bound", bound_of(ctx, [&] { return m.loss(slots.points(), Rng(ctx)); })),
        predict(ctx, "predict", {[&] {
                  const NoGrad off(ctx);
                  return m.predict(slots.points(), Rng(ctx));
                }}),
        ask(ctx, "ask", {[&](Tensor x, Tensor y, Tensor present, Tensor at) {
              const NoGrad off(ctx);
              return m.predict({x, y, present, at, {}}, Rng(ctx));
            }}) {}

  Slots slots;
  BoundStep bound;
  Step<Body<Prediction>> predict;
  Step<Body<Prediction, Tensor, Tensor, Tensor, Tensor>> ask;
};

PointsTraining::PointsTraining(const Context::Options& context, std::unique_ptr<CurveModel> model,
                               const CurveExample& example, const TrainConfig& config)
    : DrawnTraining(context, std::move(model), config), example_(example) {
  LAT_CHECK(example.places >= 1 && example.least >= 1 && example.least <= example.contexts &&
                example.targets >= 1,
            Code::usage, "points", "from ", example.least, " to ", example.contexts,
            " points are given and ", example.targets, " asked for: expected 1 <= least <= most");
  batch_ = slots(config.batch);
  functions().build(ctx(), example);
  ready();
  steps_ = std::make_unique<Steps>(ctx(), functions(), slots(config.test_batch));
}

PointsTraining::~PointsTraining() = default;

PointsTraining::Slots PointsTraining::slots(i64 B) {
  const i64 N = example_.contexts, M = example_.targets, D = example_.places;
  const auto buffer = [&](const Shape& shape) { return Buffer(ctx(), shape); };
  return {B,
          buffer({B, N, D}),
          buffer({B, N, 1}),
          buffer({B, N}),
          buffer({B, M, D}),
          buffer({B, M, 1})};
}

void PointsTraining::draw(Slots& to, bool test, i64 first, i64 given) {
  const i64 N = example_.contexts, all = N + example_.targets, D = example_.places;
  std::vector<float> x, y, present, target_x, target_y;
  std::vector<float> xs(static_cast<size_t>(all * D)), ys(static_cast<size_t>(all));
  for (i64 b = 0; b < to.batch; ++b) {
    draw_points(test, first + b, all, xs.data(), ys.data());
    x.insert(x.end(), xs.begin(), xs.begin() + N * D);
    y.insert(y.end(), ys.begin(), ys.begin() + N);
    target_x.insert(target_x.end(), xs.begin() + N * D, xs.end());
    target_y.insert(target_y.end(), ys.begin() + N, ys.end());
    const i64 known = given < 0 ? example_.least + (first + b) % (N + 1 - example_.least) : given;
    for (i64 n = 0; n < N; ++n) present.push_back(n < known ? 1.0f : 0.0f);
  }
  write(to.x, x);
  write(to.y, y);
  write(to.present, present);
  write(to.target_x, target_x);
  write(to.target_y, target_y);
}

void PointsTraining::feed(i64 step) { draw(batch_, false, step * batch_.batch, -1); }

std::vector<Term> PointsTraining::learn(Adam& adam) {
  return functions().train_step(batch_.points(), Rng(ctx()), adam);
}

i64 PointsTraining::tested(i64 limit) const {
  const i64 B = config().test_batch;
  return ((limit > 0 ? limit : kTest) + B - 1) / B * B;
}

Evaluation PointsTraining::bound(i64 n) {
  return means(steps_->bound, n,
               [&](i64 first) { draw(steps_->slots, true, first, example_.contexts); });
}

PointFigures PointsTraining::judge_points(i64 given, i64 count, i64 samples) {
  settle();
  LAT_CHECK(given >= 1 && given <= example_.contexts, Code::usage, "judge", given,
            " points are given; this model takes 1 to ", example_.contexts);
  LAT_CHECK(samples >= 1, Code::usage, "judge", samples, " draws; expected at least 1");
  if (!draws()) samples = 1;
  const i64 B = config().test_batch;
  const size_t M = static_cast<size_t>(example_.targets);
  const double share = 1 / static_cast<double>(M);
  PointFigures out;
  steps_->predict.seek(0);
  for (i64 first = 0; first < count; first += B) {
    draw(steps_->slots, true, first, given);
    const std::vector<double> y = to_host(steps_->slots.target_y);
    std::vector<LogMean> points(y.size()), together(static_cast<size_t>(B));
    std::vector<double> means(y.size());
    for (i64 s = 0; s < samples; ++s) {
      const Prediction p = steps_->predict();
      const std::vector<double> mean = to_host(p.mean), logvar = to_host(p.logvar);
      for (size_t b = 0; b < together.size(); ++b) {
        double nats = 0;
        for (size_t i = b * M; i < (b + 1) * M; ++i) {
          const double d = y[i] - mean[i];
          const double one =
              -0.5 * (std::log(2 * std::numbers::pi) + logvar[i] + d * d * std::exp(-logvar[i]));
          points[i].add(one);
          nats += one;
          means[i] += mean[i] / static_cast<double>(samples);
        }
        together[b].add(nats);
      }
    }
    for (size_t b = 0; b < static_cast<size_t>(std::min(B, count - first)); ++b) {
      double nats = 0, squares = 0;
      for (size_t i = b * M; i < (b + 1) * M; ++i) {
        nats += points[i].value();
        squares += (y[i] - means[i]) * (y[i] - means[i]);
      }
      out.nll.push_back(-share * nats);
      out.joint.push_back(-share * together[b].value());
      out.squares.push_back(share * squares);
    }
  }
  return out;
}

PointsTraining::Seen PointsTraining::points(i64 number, i64 n) const {
  Seen out{std::vector<float>(static_cast<size_t>(n * example_.places)),
           std::vector<float>(static_cast<size_t>(n))};
  draw_points(true, number, n, out.x.data(), out.y.data());
  return out;
}

std::vector<curves::Marginals> PointsTraining::predictions(const Seen& seen,
                                                           const std::vector<float>& at,
                                                           i64 samples, u64 seed) {
  const Scratch scratch(ctx());
  const i64 D = example_.places, n = static_cast<i64>(seen.y.size()),
            M = static_cast<i64>(at.size()) / D;
  LAT_CHECK(n >= 1 && static_cast<i64>(seen.x.size()) == n * D && M >= 1, Code::usage,
            "predictions", seen.x.size(), " x and ", seen.y.size(), " y are given and ", M,
            " places asked for");
  const auto tensor = [&](const Shape& shape, const std::vector<float>& values) {
    return from_host(ctx(), shape, std::vector<double>(values.begin(), values.end()));
  };
  const Tensor x = tensor({1, n, D}, seen.x), y = tensor({1, n, 1}, seen.y),
               places = tensor({1, M, D}, at),
               present = tensor({1, n}, std::vector<float>(seen.y.size(), 1));
  steps_->ask.seek(seed);
  std::vector<curves::Marginals> out;
  for (i64 s = 0; s < samples; ++s) {
    const Prediction p = steps_->ask(x, y, present, places);
    curves::Marginals m{to_host(p.mean), {}};
    for (const double logvar : to_host(p.logvar)) m.variance.push_back(std::exp(logvar));
    out.push_back(std::move(m));
  }
  return out;
}

}  // namespace lat::models
