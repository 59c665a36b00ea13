// Neural processes: what the mean and the mask must not change, terms in closed form, the two encoders of z, and that they
// learn.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <random>

#include "models/curve_training.h"

using namespace lat;
using models::CurveModel;
using models::CurveTraining;
using models::Points;

namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<CurveModel> process(const Settings& settings) {
  auto m = models::make_model<CurveModel>("neural_process");
  for (const auto& [key, value] : settings) REQUIRE(m->set("model." + key, value));
  return m;
}

// The four kinds: mean or attention, without and with z.
const std::vector<Settings> kKinds{
    {{"width", "16"}},
    {{"width", "16"}, {"latent", "3"}},
    {{"width", "16"}, {"heads", "2"}},
    {{"width", "16"}, {"heads", "2"}, {"latent", "3"}},
};

std::vector<double> uniforms(i64 n, unsigned seed) {
  std::mt19937 g(seed);
  std::vector<double> out(static_cast<size_t>(n));
  for (double& x : out) x = static_cast<double>(g() >> 8) * 0x1p-22 - 2;
  return out;
}

// B curves of N points, all present, and M asked for.
Points points(Context& ctx, i64 B, i64 N, i64 M, unsigned seed = 1) {
  const auto tensor = [&](const Shape& s) { return from_host(ctx, s, uniforms(s.size(), seed++)); };
  return {tensor({B, N, 1}), tensor({B, N, 1}), fill(ctx, {B, N}, 1), tensor({B, M, 1}),
          tensor({B, M, 1})};
}

Points in_order(Points p, const std::vector<i64>& order) {
  const auto reordered = [&](const Tensor& x) {
    std::vector<Tensor> parts;
    for (const i64 n : order) parts.push_back(narrow(x, 1, n, n + 1));
    return concat(parts, 1);
  };
  p.x = reordered(p.x), p.y = reordered(p.y), p.present = reordered(p.present);
  return p;
}

// Mean and log-variance, one after the other, with the same draw of z every time.
class Predictor {
 public:
  Predictor(Context& ctx, CurveModel& m)
      : step_(ctx, "predict", {[&](Tensor x, Tensor y, Tensor present, Tensor at) {
                return m.predict({x, y, present, at, {}}, Rng(ctx));
              }}) {}
  std::vector<double> operator()(const Points& p) {
    step_.seek(0);
    const models::Prediction q = step_(p.x, p.y, p.present, p.target_x);
    std::vector<double> out = to_host(q.mean);
    const std::vector<double> logvar = to_host(q.logvar);
    out.insert(out.end(), logvar.begin(), logvar.end());
    return out;
  }

 private:
  Step<models::Body<models::Prediction, Tensor, Tensor, Tensor, Tensor>> step_;
};

double farthest(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::fabs(a[i] - b[i]));
  return most;
}

void set(models::Model& m, const std::string& name, const std::vector<double>& values) {
  const auto& all = m.params().entries();
  for (size_t i = 0; i < all.size(); ++i)
    if (all[i].name == name) return set_values(m.params().memory(static_cast<int32_t>(i)), values);
  FAIL("no parameters are called " << name);
}

double mean_of(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

}  // namespace

TEST_CASE("neural process: the order of the given points does not matter") {
  for (const Settings& kind : kKinds) {
    CAPTURE(kind.size());
    Context ctx;
    const NoGrad off(ctx);
    auto m = process(kind);
    m->build(ctx, {});
    Predictor predict(ctx, *m);
    const Points p = points(ctx, 3, 5, 4);
    const std::vector<double> whole = predict(p);
    const bool mean = &kind < &kKinds[2];
    std::vector<i64> order(5);
    std::iota(order.begin(), order.end(), 0);
    for (int k = 0; k < 20; ++k) {
      std::next_permutation(order.begin(), order.end());
      std::rotate(order.begin(), order.begin() + 2, order.end());
      const double far = farthest(predict(in_order(p, order)), whole);
      REQUIRE(far <= (mean ? 0 : 1e-6));
    }
    // Another curve's points, or other values, do matter.
    Points other = p;
    other.y = 10 * p.y;
    CHECK(farthest(predict(other), whole) > 1e-3);
    // The mean does not change when everything is seen twice.
    if (mean) CHECK(predict(in_order(p, {0, 1, 2, 3, 4, 4, 3, 2, 1, 0})) == whole);
  }
}

TEST_CASE("neural process: absent points change nothing, and targets do not see each other") {
  for (const Settings& kind : kKinds) {
    CAPTURE(kind.size());
    Context ctx;
    const NoGrad off(ctx);
    auto m = process(kind);
    m->build(ctx, {});
    Predictor predict(ctx, *m);
    Points p = points(ctx, 2, 6, 4);
    p.present = from_host(ctx, {2, 6}, {1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0});
    const std::vector<double> whole = predict(p);
    CHECK(predict(in_order(p, {0, 1, 2, 3})) == whole);
    Points wild = p;
    wild.x = p.x + (1 - reshape(p.present, {2, 6, 1})) * 30;
    wild.y = p.y - (1 - reshape(p.present, {2, 6, 1})) * 30;
    CHECK(predict(wild) == whole);
    // p(y*|x*) of each place alone
    Points one = p;
    one.target_x = narrow(p.target_x, 1, 1, 2);
    const std::vector<double> alone = predict(one);
    for (size_t b = 0; b < 2; ++b) CHECK(alone[b] == whole[4 * b + 1]);
  }
}

TEST_CASE("neural process: terms are nats per target point") {
  Context ctx;
  constexpr i64 kLatent = 2, kTargets = 7;
  auto m = process({{"width", "4"}, {"depth", "1"}, {"latent", "2"}});
  m->build(ctx, {});
  // g: mean 0.25, sigma 0.1 + 0.9 softplus(-1), whatever it is asked.
  set(*m, "decoder.1.weight", std::vector<double>(4 * 2));
  set(*m, "decoder.1.bias", {0.25, -1});
  // q(z|S) = N(3 + m, (0.1 + 0.9 sigmoid(-m))^2), m the mean of y, of the first of two latents: y > -3 passes every ReLU.
  set(*m, "latent.0.weight", {0, 0, 0, 0, 1, 0, 0, 0});  // (2,4): y to the first unit
  set(*m, "latent.0.bias", {3, 0, 0, 0});
  std::vector<double> first(16);
  first[0] = 1;
  set(*m, "latent.1.weight", first);
  set(*m, "latent.1.bias", std::vector<double>(4));
  set(*m, "posterior.0.weight", first);
  set(*m, "posterior.0.bias", std::vector<double>(4));
  first[kLatent] = -1;
  set(*m, "posterior.1.weight", first);  // (4,2 Z)
  set(*m, "posterior.1.bias", {0, 0, 3, 0});
  Points p = points(ctx, 3, 5, kTargets);
  p.present = from_host(ctx, {3, 5}, {1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1});
  const auto terms = m->loss(p, Rng(ctx));
  REQUIRE(terms.size() == 2);
  const std::vector<double> recon = to_host(terms[0].value), kl = to_host(terms[1].value);
  const std::vector<double> y = to_host(p.y), asked = to_host(p.target_y),
                            present = to_host(p.present);
  const double sigma = 0.1 + 0.9 * std::log1p(std::exp(-1.0));
  for (size_t b = 0; b < 3; ++b) {
    double nats = 0, given = 0, n = 0, all = 0;
    for (size_t i = 0; i < 5; ++i)
      given += present[5 * b + i] * y[5 * b + i], n += present[5 * b + i];
    for (size_t i = 0; i < kTargets; ++i) {
      const double z = (asked[kTargets * b + i] - 0.25) / sigma;
      nats += 0.5 * std::log(2 * std::numbers::pi) + std::log(sigma) + 0.5 * z * z;
      all += asked[kTargets * b + i];
    }
    all = (all + given) / (n + kTargets);
    given /= n;
    CHECK(recon[b] == doctest::Approx(nats / kTargets).epsilon(1e-5));
    const double q = 0.1 + 0.9 / (1 + std::exp(all)), prior = 0.1 + 0.9 / (1 + std::exp(given));
    const double far = (q * q + (all - given) * (all - given)) / (2 * prior * prior);
    CHECK(kl[b] == doctest::Approx((std::log(prior / q) + far - 0.5) / kTargets).epsilon(1e-3));
  }
}

// h = y + 3 and keys x + 3 in the first of four units: what a target at a sees is the mean of h with the weights
// softmax((a + 3)(x + 3) / sqrt(4)).
TEST_CASE("neural process: attention against its closed form") {
  Context ctx;
  auto m = process({{"width", "4"}, {"depth", "1"}, {"heads", "1"}});
  m->build(ctx, {});
  std::vector<double> first(16);
  first[0] = 1;
  set(*m, "encoder.0.weight", {0, 0, 0, 0, 1, 0, 0, 0});
  set(*m, "encoder.0.bias", {3, 0, 0, 0});
  set(*m, "attention.key.0.weight", {1, 0, 0, 0});
  set(*m, "attention.key.0.bias", {3, 0, 0, 0});
  for (const char* layer : {"encoder.1", "attention.key.1", "attention.query", "attention.match",
                            "attention.value", "attention.out"}) {
    set(*m, cat(layer, ".weight"), first);
    set(*m, cat(layer, ".bias"), std::vector<double>(4));
  }
  std::vector<double> in(5 * 4), out(4 * 2);  // (x, r) -> hidden -> (mu, s)
  in[4] = 1, out[0] = 1;
  set(*m, "decoder.0.weight", in);
  set(*m, "decoder.0.bias", std::vector<double>(4));
  set(*m, "decoder.1.weight", out);
  set(*m, "decoder.1.bias", {0, 0});
  const Points p = points(ctx, 2, 5, 3);
  const std::vector<double> mean = Predictor(ctx, *m)(p), x = to_host(p.x), y = to_host(p.y),
                            at = to_host(p.target_x);
  for (size_t b = 0; b < 2; ++b)
    for (size_t j = 0; j < 3; ++j) {
      double sum = 0, seen = 0;
      for (size_t i = 0; i < 5; ++i) {
        const double w = std::exp((at[3 * b + j] + 3) * (x[5 * b + i] + 3) / 2);
        sum += w, seen += w * (y[5 * b + i] + 3);
      }
      CHECK(mean[3 * b + j] == doctest::Approx(seen / sum).epsilon(1e-5));
    }
}

TEST_CASE("neural process: the KL is zero where the targets add nothing") {
  for (const Settings& kind : {kKinds[1], kKinds[3]}) {
    Context ctx;
    auto m = process(kind);
    m->build(ctx, {});
    Points p = points(ctx, 4, 6, 6);
    CHECK(mean_of(to_host(m->loss(p, Rng(ctx))[1].value)) > 1e-5);
    p.target_x = p.x, p.target_y = p.y;
    for (const double nats : to_host(m->loss(p, Rng(ctx))[1].value)) CHECK(std::fabs(nats) < 1e-7);
  }
}

TEST_CASE("neural process: attention learns in a few hundred steps") {
  CurveTraining t({.seed = 1}, process({{"width", "32"}, {"heads", "4"}}), {}, {},
                  {.batch = 16, .lr = 3e-3, .lr_last = 0.1, .test_batch = 64});
  for (i64 step = 0; step < 500; ++step) t.step(500);
  const models::Evaluation e = t.evaluate(128);
  const models::CurveFigures f = t.judge(10, 128);
  const double nll = mean_of(f.nll), exact = mean_of(f.exact);
  MESSAGE("nll at 10 points ", nll, ", the process itself ", exact);
  CHECK(nll < 0.95);  // N(0, 1): 1.42
  CHECK(exact == doctest::Approx(-0.69).epsilon(0.1));
  CHECK(nll > exact);
  // Without draws the bound is exact, and a curve's points are independent.
  CHECK(e.kl == 0);
  CHECK(e.recon == doctest::Approx(nll).epsilon(1e-5));
  CHECK(mean_of(f.joint) == doctest::Approx(nll).epsilon(1e-9));
  for (size_t i = 0; i < f.exact.size(); ++i) REQUIRE(f.exact_joint[i] < f.exact[i]);
}

// g gives mu = z of the first of two latents at every place, and sigma = s; q(z|C) = N(0, 0.55^2). Then
// p(y*|C) = N(0, s^2 + 0.55^2), and of all places together the covariance is s^2 I + 0.55^2 1 1^T.
TEST_CASE("neural process: the mean over draws of z against its closed form") {
  constexpr i64 kCurves = 64, kTargets = 3;
  CurveTraining t({.seed = 2}, process({{"width", "4"}, {"depth", "1"}, {"latent", "2"}}), {},
                  {.targets = kTargets}, {.batch = 2, .test_batch = 32});
  models::Model& m = t.model();
  std::vector<double> in(7 * 4), out(4 * 2);  // (x, r, z) -> hidden -> (mu, s)
  in[5 * 4] = 1;
  out[0] = 1;
  set(m, "decoder.0.weight", in);
  set(m, "decoder.0.bias", {20, 0, 0, 0});  // passes the ReLU
  set(m, "decoder.1.weight", out);
  set(m, "decoder.1.bias", {-20, -1});
  set(m, "posterior.1.weight", std::vector<double>(4 * 4));
  set(m, "posterior.1.bias", std::vector<double>(4));
  const double s2 = std::pow(0.1 + 0.9 * std::log1p(std::exp(-1.0)), 2), z2 = 0.55 * 0.55;
  const models::CurveFigures f = t.judge(3, kCurves, 4000);
  const double log_2pi = std::log(2 * std::numbers::pi);
  double nll = 0, joint = 0;
  for (i64 curve = 0; curve < kCurves; ++curve) {
    const CurveTraining::Seen all = t.points(curve, 10 + kTargets);
    double sum = 0, square = 0;
    for (size_t i = 10; i < all.y.size(); ++i) sum += all.y[i], square += all.y[i] * all.y[i];
    nll += 0.5 * (kTargets * (log_2pi + std::log(s2 + z2)) + square / (s2 + z2));
    joint += 0.5 * (kTargets * (log_2pi + std::log(s2)) + std::log1p(kTargets * z2 / s2) +
                    (square - z2 * sum * sum / (s2 + kTargets * z2)) / s2);
  }
  CHECK(mean_of(f.nll) == doctest::Approx(nll / (kCurves * kTargets)).epsilon(0.01));
  CHECK(mean_of(f.joint) == doctest::Approx(joint / (kCurves * kTargets)).epsilon(0.02));
  CHECK(std::fabs(nll - joint) > 0.05 * nll);
  // A draw makes one function: the same everywhere; it is a draw by seed, and another each time.
  const CurveTraining::Seen seen = t.points(0, 3);
  const auto a = t.predictions(seen, {-1, 0, 1}, 2, 7), b = t.predictions(seen, {-1, 0, 1}, 2, 7);
  CHECK(a[0].mean[0] == a[0].mean[2]);
  CHECK(a[0].mean == b[0].mean);
  CHECK(a[1].mean == b[1].mean);
  CHECK(a[0].mean != a[1].mean);

  // A sigma that grows with x is smaller at a given point where that lies left of the far place.
  CHECK(t.surer(5, kCurves) == 0);  // the same everywhere so far
  in[1] = 1, out[3] = 1;
  set(m, "decoder.0.weight", in);
  set(m, "decoder.0.bias", {20, 3, 0, 0});
  set(m, "decoder.1.weight", out);
  double left = 0, pairs = 0;
  for (i64 curve = 0; curve < kCurves; ++curve) {
    const std::vector<float> x = t.points(curve, 5).x;
    for (int i = 0; i <= 40; ++i) {
      const double place = -2 + 0.1 * i;
      if (std::any_of(x.begin(), x.end(), [&](float c) { return std::fabs(c - place) < 0.8; }))
        continue;
      for (const float c : x) left += c < place ? 1 : 0, ++pairs;
    }
  }
  CHECK(t.surer(5, kCurves) == doctest::Approx(left / pairs).epsilon(1e-12));
}

TEST_CASE("neural process: what cannot be is refused by name") {
  const auto text = [](auto&& f) {
    try {
      f();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(text([] {
          Context ctx;
          process({{"width", "10"}, {"heads", "4"}})->build(ctx, {});
        }).find("4 heads do not share a width of 10") != std::string::npos);
  CHECK(text([] {
          CurveTraining({}, process({}), {}, {.least = 4, .contexts = 3}, {});
        }).find("from 4 to 3 points") != std::string::npos);
  CurveTraining t({}, process(kKinds[0]), {}, {.contexts = 5}, {.batch = 2, .test_batch = 2});
  CHECK(text([&] { t.judge(6, 2); }).find("takes 1 to 5") != std::string::npos);
  CHECK(text([&] { t.predictions({}, {0}, 1, 0); }).find("0 x and 0 y") != std::string::npos);
}
