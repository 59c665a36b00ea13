#include "models/curve_training.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace lat::models {

namespace {

constexpr i64 kTestCurves = 512;
constexpr i64 kFew = 5;  // points given, beside all of them

// nats of each curve: (B)
struct Bound {
  Tensor recon, kl;
  template <class F>
  void each_tensor(F&& f) {
    f(recon);
    if (kl) f(kl);
  }
};

// Writes floats as the context's reals.
void write(Context& ctx, const Tensor& to, const std::vector<float>& from) {
  if (to.dtype == DType::f32) return ctx.write(to, from.data());
  ctx.write(to,
            [&](void* place) { std::copy(from.begin(), from.end(), static_cast<double*>(place)); });
}

double mean_of(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

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

struct CurveTraining::Steps {
  Steps(Context& ctx, CurveModel& m, Slots test)
      : slots(std::move(test)),
        bound(ctx, "bound", {[&] {
                const NoGrad off(ctx);
                Bound out;
                for (const Term& t : m.loss(slots.points(), Rng(ctx)))
                  (t.name == "kl" ? out.kl : out.recon) = t.value;
                return out;
              }}),
        predict(ctx, "predict", {[&] {
                  const NoGrad off(ctx);
                  return m.predict(slots.points(), Rng(ctx));
                }}),
        ask(ctx, "ask", {[&](Tensor x, Tensor y, Tensor present, Tensor at) {
              const NoGrad off(ctx);
              return m.predict({x, y, present, at, {}}, Rng(ctx));
            }}) {}

  Slots slots;
  Step<Body<Bound>> bound;
  Step<Body<Prediction>> predict;
  Step<Body<Prediction, Tensor, Tensor, Tensor, Tensor>> ask;
};

CurveTraining::CurveTraining(const Context::Options& context, std::unique_ptr<CurveModel> model,
                             const curves::Curves& world, const CurveExample& example,
                             const TrainConfig& config)
    : Training(context, std::move(model), config), world_(world), test_(world), example_(example) {
  LAT_CHECK(example.places == 1 && example.least >= 1 && example.least <= example.contexts &&
                example.targets >= 1,
            Code::usage, "curves", "from ", example.least, " to ", example.contexts,
            " points are given and ", example.targets, " asked for: expected 1 <= least <= most");
  world_.seed = test_.seed = context.seed;
  world_.test = false;
  test_.test = true;
  batch_ = slots(config.batch);
  curves().build(ctx(), example);
  ready();
  steps_ = std::make_unique<Steps>(ctx(), curves(), slots(config.test_batch));
}

CurveTraining::~CurveTraining() = default;

CurveTraining::Slots CurveTraining::slots(i64 B) {
  const i64 N = example_.contexts, M = example_.targets, D = example_.places;
  const auto buffer = [&](const Shape& shape) { return Buffer(ctx(), shape); };
  return {B,
          buffer({B, N, D}),
          buffer({B, N, 1}),
          buffer({B, N}),
          buffer({B, M, D}),
          buffer({B, M, 1})};
}

void CurveTraining::draw(Slots& to, const curves::Curves& world, i64 first, i64 contexts) {
  const i64 N = example_.contexts, all = N + example_.targets;
  std::vector<float> x, y, present, target_x, target_y;
  std::vector<float> xs(static_cast<size_t>(all)), ys(xs.size());
  for (i64 b = 0; b < to.batch; ++b) {
    world.points(first + b, all, xs.data(), ys.data());
    x.insert(x.end(), xs.begin(), xs.begin() + N);
    y.insert(y.end(), ys.begin(), ys.begin() + N);
    target_x.insert(target_x.end(), xs.begin() + N, xs.end());
    target_y.insert(target_y.end(), ys.begin() + N, ys.end());
    const i64 known =
        contexts < 0 ? example_.least + (first + b) % (N + 1 - example_.least) : contexts;
    for (i64 n = 0; n < N; ++n) present.push_back(n < known ? 1.0f : 0.0f);
  }
  write(ctx(), to.x, x);
  write(ctx(), to.y, y);
  write(ctx(), to.present, present);
  write(ctx(), to.target_x, target_x);
  write(ctx(), to.target_y, target_y);
}

void CurveTraining::feed(i64 step) { draw(batch_, world_, step * batch_.batch, -1); }

std::vector<Term> CurveTraining::learn(Adam& adam) {
  return curves().train_step(batch_.points(), Rng(ctx()), adam);
}

Evaluation CurveTraining::evaluate(i64 limit) {
  settle();
  const i64 B = config().test_batch, n = ((limit > 0 ? limit : kTestCurves) + B - 1) / B * B;
  Evaluation e;
  steps_->bound.seek(0);  // the same noise every time
  for (i64 first = 0; first < n; first += B) {
    draw(steps_->slots, test_, first, example_.contexts);
    const Bound& bound = steps_->bound();
    for (const double nats : to_host(bound.recon)) e.recon += nats;
    if (!bound.kl) continue;
    for (const double nats : to_host(bound.kl)) e.kl += nats;
  }
  e.recon /= static_cast<double>(n), e.kl /= static_cast<double>(n);
  e.elbo = -(e.recon + e.kl);
  e.examples = n;
  for (const i64 given : {std::min(kFew, example_.contexts), example_.contexts}) {
    const CurveFigures f = judge(given, n);
    e.more.emplace_back(cat("nll_", given), mean_of(f.nll));
    e.more.emplace_back(cat("joint_", given), mean_of(f.joint));
    e.more.emplace_back(cat("exact_", given), mean_of(f.exact));
    e.more.emplace_back(cat("exact_joint_", given), mean_of(f.exact_joint));
  }
  e.more.emplace_back("surer", surer(std::min(kFew, example_.contexts), std::min<i64>(n, 128)));
  return e;
}

CurveFigures CurveTraining::judge(i64 contexts, i64 curves, i64 samples) {
  settle();
  LAT_CHECK(contexts >= 1 && contexts <= example_.contexts, Code::usage, "judge", contexts,
            " points are given; this model takes 1 to ", example_.contexts);
  LAT_CHECK(samples >= 1, Code::usage, "judge", samples, " draws; expected at least 1");
  if (!draws()) samples = 1;
  const i64 B = config().test_batch, N = example_.contexts, M = example_.targets;
  const double share = 1 / static_cast<double>(M);
  CurveFigures out;
  steps_->predict.seek(0);
  for (i64 first = 0; first < curves; first += B) {
    draw(steps_->slots, test_, first, contexts);
    const std::vector<double> y = to_host(steps_->slots.target_y);
    std::vector<LogMean> points(y.size()), together(static_cast<size_t>(B));
    for (i64 s = 0; s < samples; ++s) {
      const Prediction p = steps_->predict();
      const std::vector<double> mean = to_host(p.mean), logvar = to_host(p.logvar);
      for (size_t b = 0; b < together.size(); ++b) {
        double nats = 0;
        for (size_t i = b * static_cast<size_t>(M); i < (b + 1) * static_cast<size_t>(M); ++i) {
          const double d = y[i] - mean[i];
          const double one =
              -0.5 * (std::log(2 * std::numbers::pi) + logvar[i] + d * d * std::exp(-logvar[i]));
          points[i].add(one);
          nats += one;
        }
        together[b].add(nats);
      }
    }
    for (i64 b = 0; b < std::min(B, curves - first); ++b) {
      double sum = 0;
      for (i64 i = b * M; i < (b + 1) * M; ++i) sum += points[static_cast<size_t>(i)].value();
      out.nll.push_back(-share * sum);
      out.joint.push_back(-share * together[static_cast<size_t>(b)].value());
      Seen known = this->points(first + b, contexts);
      const Seen all = this->points(first + b, N + M);
      const std::span at(all.x.begin() + N, all.x.end()), values(all.y.begin() + N, all.y.end());
      sum = 0;
      for (const double nats :
           curves::posterior(test_.process, known.x, known.y, at).log_prob(values))
        sum += nats;
      out.exact.push_back(-share * sum);
      const double before = curves::log_prob(test_.process, known.x, known.y);
      known.x.insert(known.x.end(), at.begin(), at.end());
      known.y.insert(known.y.end(), values.begin(), values.end());
      out.exact_joint.push_back(share *
                                (before - curves::log_prob(test_.process, known.x, known.y)));
    }
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
      at.push_back(static_cast<float>(test_.from + (test_.to - test_.from) *
                                                       static_cast<double>(i) / (kPlaces - 1)));
    const std::vector<double> variance =
        mixture(predictions(seen, at, draws() ? kDraws : 1, static_cast<u64>(curve) * kDraws))
            .variance;
    for (size_t i = seen.x.size(); i < at.size(); ++i) {
      float nearest = 1e30f;
      for (const float x : seen.x) nearest = std::min(nearest, std::fabs(x - at[i]));
      if (nearest < 2 * test_.process.length) continue;
      for (size_t n = 0; n < seen.x.size(); ++n) {
        right += variance[n] < variance[i] ? 1 : 0;
        ++pairs;
      }
    }
  }
  return right / std::max(pairs, 1.0);
}

CurveTraining::Seen CurveTraining::points(i64 curve, i64 n) const {
  Seen out{std::vector<float>(static_cast<size_t>(n)), std::vector<float>(static_cast<size_t>(n))};
  test_.points(curve, n, out.x.data(), out.y.data());
  return out;
}

std::vector<curves::Marginals> CurveTraining::predictions(const Seen& seen,
                                                          const std::vector<float>& at, i64 samples,
                                                          u64 seed) {
  const Scratch scratch(ctx());
  const i64 n = static_cast<i64>(seen.x.size()), M = static_cast<i64>(at.size());
  LAT_CHECK(n >= 1 && seen.y.size() == seen.x.size() && M >= 1, Code::usage, "predictions", n,
            " x and ", seen.y.size(), " y are given and ", M, " places asked for");
  const auto tensor = [&](const Shape& shape, const std::vector<float>& values) {
    return from_host(ctx(), shape, std::vector<double>(values.begin(), values.end()));
  };
  const Tensor x = tensor({1, n, 1}, seen.x), y = tensor({1, n, 1}, seen.y),
               places = tensor({1, M, 1}, at),
               present = tensor({1, n}, std::vector<float>(seen.x.size(), 1));
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
