// Distributions that agents act by, and matrices that start orthogonal.
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "engine/lat.h"

namespace lat {

namespace {

using Values = std::vector<double>;

}  // namespace

TEST_CASE("the density of a squashed normal integrates to 1") {
  Context ctx({.real = DType::f64});
  constexpr i64 kPlaces = 20000;
  for (const auto& [mu, log_std] : {std::pair{0.0, 0.0}, {0.7, -0.5}, {-1.5, 0.4}, {0.2, -2.0}}) {
    Values u;  // a = tanh u at the middles of even steps of a
    for (i64 i = 0; i < kPlaces; ++i)
      u.push_back(std::atanh(-1 + (2 * static_cast<double>(i) + 1) / kPlaces));
    const Scratch scratch(ctx);
    const Tensor m = fill(ctx, {kPlaces, 1}, mu), lv = fill(ctx, {kPlaces, 1}, 2 * log_std);
    const Values log_p = to_host(TanhNormal{m, lv}.log_prob(from_host(ctx, {kPlaces, 1}, u)));
    double integral = 0;
    for (const double l : log_p) integral += std::exp(l) * 2 / kPlaces;
    CHECK(integral == doctest::Approx(1).epsilon(1e-4));
  }
}

TEST_CASE(
    "the squashed normal's log density is exact far out, where 1 - tanh^2 has lost its digits") {
  Context ctx;
  for (const double u : {-80.0, -10.0, -3.0, 0.0, 3.0, 10.0, 80.0}) {
    const Scratch scratch(ctx);
    const Tensor zero = fill(ctx, {1, 1}, 0);
    const double got = item(TanhNormal{zero, zero}.log_prob(from_host(ctx, {1, 1}, {u})));
    const long double e = std::exp(-2 * std::fabs(static_cast<long double>(u)));
    const long double slope = std::log(4 * e) - 2 * std::log1p(e);  // log(1 - tanh^2 u)
    const double want =
        static_cast<double>(-static_cast<long double>(u) * u / 2 -
                            std::log(2 * std::numbers::pi_v<long double>) / 2 - slope);
    CHECK(std::isfinite(got));
    CHECK(got == doctest::Approx(want).epsilon(2e-6));
  }
}

TEST_CASE("a categorical is drawn as often as its probabilities say") {
  Context ctx({.seed = 3});
  constexpr i64 kDraws = 100000;
  const Values p{0.5, 0.25, 0.2, 0.05, 0};
  Values logits;
  for (const double x : p) logits.push_back(std::log(x) + 1.5);
  const Scratch scratch(ctx);
  const Tensor all = expand(from_host(ctx, {1, 5}, logits), {kDraws, 5});
  Values count(5);
  for (const double k : to_host(Categorical{all}.sample(Rng(ctx)))) ++count[static_cast<size_t>(k)];
  double chi2 = 0;
  for (size_t k = 0; k < 4; ++k) chi2 += std::pow(count[k] - kDraws * p[k], 2) / (kDraws * p[k]);
  CHECK(chi2 < 16.27);  // three degrees of freedom: p = 0.001
  CHECK(count[4] == 0);
}

TEST_CASE("the gradient of E[log pi] by draws equals that by differences") {
  Context ctx({.real = DType::f64});
  const auto value = [&](double mu, double lv, bool which, double* slope) {
    const Scratch scratch(ctx);
    ctx.write(ctx.draws.clock, std::array<u64, 2>{7, 0}.data());  // the same draws each time
    const Tensor m = watch(fill(ctx, {4096, 2}, mu)), l = watch(fill(ctx, {4096, 2}, lv));
    const TanhNormal pi{m, l};
    ctx.draws.next = 0;
    const Tensor y = mean(pi.log_prob(pi.rsample(Rng(ctx))));
    if (slope) *slope = item(sum(grad(y, which ? m : l)));
    return item(y);
  };
  constexpr double h = 1e-5;
  double dmu = 0, dlv = 0;
  value(0.3, -0.4, true, &dmu);
  value(0.3, -0.4, false, &dlv);
  CHECK(dmu ==
        doctest::Approx(
            (value(0.3 + h, -0.4, true, nullptr) - value(0.3 - h, -0.4, true, nullptr)) / (2 * h))
            .epsilon(1e-6));
  CHECK(dlv ==
        doctest::Approx(
            (value(0.3, -0.4 + h, true, nullptr) - value(0.3, -0.4 - h, true, nullptr)) / (2 * h))
            .epsilon(1e-6));
}

TEST_CASE("a matrix that starts orthogonal is, and the same whatever else is declared behind it") {
  const auto make = [](Context& ctx, Params& params, i64 in, i64 out) {
    const Slot w = params.add("w", {in, out}, {Init::orthogonal, 1.5});
    params.materialise(ctx);
    return to_host(params.memory(w.index));
  };
  for (const auto& [in, out] : {std::pair<i64, i64>{64, 64}, {5, 32}, {32, 3}, {7, 1}}) {
    Context ctx({.real = DType::f64});
    Params params;
    const Values w = make(ctx, params, in, out);
    const bool tall = in >= out;
    const i64 n = tall ? out : in, d = tall ? in : out;
    for (i64 a = 0; a < n; ++a)
      for (i64 b = 0; b <= a; ++b) {
        double dot = 0;
        for (i64 k = 0; k < d; ++k)
          dot += tall ? w[size_t(k * out + a)] * w[size_t(k * out + b)]
                      : w[size_t(a * out + k)] * w[size_t(b * out + k)];
        CHECK(dot == doctest::Approx(a == b ? 2.25 : 0).epsilon(1e-12));
      }
  }
  Context a, b;
  Params one, two;
  const Values w = make(a, one, 9, 4);
  CHECK(w == make(b, two, 9, 4));
  Params vector;
  vector.add("b", {4}, {Init::orthogonal, 1});
  Context c;
  CHECK_THROWS_WITH_AS(vector.materialise(c), doctest::Contains("is for a matrix"), Error);
}

TEST_CASE("the slope of huber is the error, clipped") {
  Context ctx({.real = DType::f64});
  const Values x{-5, -1.5, -1, -0.25, 0, 0.5, 1, 3};
  const Tensor t = watch(from_host(ctx, {8}, x));
  const Values y = to_host(huber(t)), d = to_host(grad(sum(huber(t)), t));
  for (size_t i = 0; i < x.size(); ++i) {
    const double a = std::fabs(x[i]);
    CHECK(y[i] == (a <= 1 ? x[i] * x[i] / 2 : a - 0.5));
    CHECK(d[i] == std::min(1.0, std::max(-1.0, x[i])));
  }
}

}  // namespace lat
