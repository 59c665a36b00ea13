// Running moments against the definition in double precision; rewards scaled by the deviation of their running return.
#include "rl/core/normaliser.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "engine/lat.h"
#include "rl/core/exploration.h"
#include "tests/engine/data_files.h"
#include "tests/harness/devices.h"

namespace lat::rl {
namespace {

using lat::test::check_refused;

// (n,D), far from 0 in the first column.
std::vector<double> rows_of(i64 n, i64 D, unsigned seed) {
  std::mt19937 bits(seed);
  std::normal_distribution<double> normal;
  std::vector<double> out;
  for (i64 i = 0; i < n * D; ++i) {
    const double x = i % D == 0 ? 1000 + 0.1 * normal(bits) : 3 * normal(bits);
    out.push_back(static_cast<double>(static_cast<float>(x)));
  }
  return out;
}

}  // namespace

TEST_CASE("batches joined one by one have the moments of all rows") {
  for (const i64 D : {1, 2, 3, 9, 20}) {
    CAPTURE(D);
    Context ctx;
    Normaliser normaliser(ctx, D);
    const auto cols = static_cast<size_t>(D);
    std::vector<double> all;
    for (unsigned k = 0; k < 40; ++k) {
      const i64 B = 1 + k % 5;
      const std::vector<double> x = rows_of(B, D, k);
      all.insert(all.end(), x.begin(), x.end());
      const Scratch scratch(ctx);
      normaliser.update(from_host(ctx, {B, D}, x));
    }
    const size_t n = all.size() / cols;
    const std::vector<double> seen = rows_of(13, D, 99);  // whole vectors and what is left
    const std::vector<double> y = to_host(normaliser.apply(from_host(ctx, {13, D}, seen)));
    for (size_t d = 0; d < cols; ++d) {
      double mean = 0, variance = 0;
      for (size_t i = 0; i < n; ++i) mean += all[cols * i + d] / static_cast<double>(n);
      for (size_t i = 0; i < n; ++i)
        variance +=
            (all[cols * i + d] - mean) * (all[cols * i + d] - mean) / static_cast<double>(n);
      CHECK(normaliser.mean()[d] == doctest::Approx(mean).epsilon(1e-13));
      CHECK(normaliser.variance()[d] == doctest::Approx(variance).epsilon(1e-9));
      for (size_t i = d; i < y.size(); i += cols)
        CHECK(y[i] == doctest::Approx((seen[i] - mean) / std::sqrt(variance + 1e-8)).epsilon(1e-6));
    }
  }
}

TEST_CASE("before any update x stays, and outliers end at 10") {
  Context ctx;
  Normaliser normaliser(ctx, 2);
  CHECK(to_host(normaliser.apply(from_host(ctx, {1, 2}, {3, 40}))) == std::vector<double>{3, 40});
  normaliser.update(from_host(ctx, {2, 2}, {0, 0, 2, 2}));
  CHECK(to_host(normaliser.apply(from_host(ctx, {1, 2}, {1e6, -1e6}))) ==
        std::vector<double>{10, -10});
  check_refused(
      [&] {
        normaliser.update(from_host(ctx, {2, 3}, {0, 0, 0, 0, 0, 0}));
      },
      Code::shape, {"2 numbers", "(2,3)"});
}

TEST_CASE("the same moments on every device, and none of a step that is not finite") {
  for (const i64 D : {2, 3, 20}) {
    CAPTURE(D);
    const auto moments = [D](Context::Options options) {
      Context ctx(options);
      Normaliser normaliser(ctx, D);
      Step step(ctx, "step", [&](Tensor x) {
        normaliser.update(x);
        return normaliser.apply(x);
      });
      std::vector<double> out;
      for (unsigned k = 0; k < 6; ++k) {
        const Scratch scratch(ctx);
        for (const double v : to_host(step(from_host(ctx, {50, D}, rows_of(50, D, k)))))
          out.push_back(v);
      }
      for (const double v : normaliser.mean()) out.push_back(v);
      for (const double v : normaliser.variance()) out.push_back(v);
      return out;
    };
    const std::vector<double> truth = moments({.isa = kernels::Isa::spec});
    CHECK(moments({.threads = 2}) == truth);
    CHECK(moments({.eager = true}) == truth);
    for (const std::string& device : lat::test::devices())
      CHECK(moments({.device = device}) == truth);
  }

  Context ctx;
  Normaliser normaliser(ctx, 1);
  set_values(ctx.ok(), std::vector<double>{0});
  normaliser.update(from_host(ctx, {1, 1}, {7}));
  CHECK(normaliser.mean()[0] == 0);
}

TEST_CASE("rewards are divided by the deviation of the running return") {
  Context ctx;
  constexpr double kGamma = 0.9;
  RewardScaler scaler(ctx, 2, kGamma);
  std::vector<double> returns, running{0, 0};
  for (int t = 0; t < 50; ++t) {
    const Scratch scratch(ctx);
    const std::vector<double> r{std::sin(t), 2.0 + t % 3};
    const bool cut = t % 7 == 6, fell = t % 11 == 10;
    const Tensor terminated = from_host(ctx, {2}, {fell ? 1.0 : 0.0, 0}),
                 truncated = from_host(ctx, {2}, {0, cut ? 1.0 : 0.0});
    const std::vector<double> scaled =
        to_host(scaler.apply(from_host(ctx, {2}, r), terminated, truncated));
    for (size_t i = 0; i < 2; ++i) returns.push_back(running[i] = kGamma * running[i] + r[i]);
    double mean = 0, variance = 0;
    const double n = static_cast<double>(returns.size());
    for (const double x : returns) mean += x / n;
    for (const double x : returns) variance += (x - mean) * (x - mean) / n;
    for (size_t i = 0; i < 2; ++i)
      CHECK(scaled[i] == doctest::Approx(r[i] / std::sqrt(variance + 1e-8)).epsilon(1e-4));
    if (fell) running[0] = 0;
    if (cut) running[1] = 0;
  }
}

TEST_CASE("a linear schedule") {
  const Linear epsilon{.first = 1, .last = 0.1, .steps = 100};
  CHECK(epsilon.at(0) == 1);
  CHECK(epsilon.at(50) == doctest::Approx(0.55));
  CHECK(epsilon.at(100) == doctest::Approx(0.1));
  CHECK(epsilon.at(100000) == doctest::Approx(0.1));
}

TEST_CASE(
    "Ornstein-Uhlenbeck noise: stationary deviation and correlation, and 0 where an episode "
    "begins") {
  Context ctx({.seed = 2});
  constexpr i64 kCopies = 4000;
  const OrnsteinUhlenbeck::Settings settings{.theta = 0.15, .sigma = 0.2, .dt = 1};
  OrnsteinUhlenbeck noise(ctx, kCopies, 1, settings);
  Step step(ctx, "noise", [&] { return noise.next(Rng(ctx)); });
  std::vector<double> before, now;
  for (int t = 0; t < 60; ++t) {
    before = now;
    now = to_host(step());
  }
  double variance = 0, together = 0;
  for (size_t i = 0; i < now.size(); ++i) {
    variance += now[i] * now[i] / kCopies;
    together += now[i] * before[i] / kCopies;
  }
  // x' = (1 - theta) x + sigma e: variance sigma^2 / (1 - (1 - theta)^2), correlation 1 - theta.
  const double keep = 1 - settings.theta;
  const double expected = settings.sigma * settings.sigma / (1 - keep * keep);
  CHECK(variance == doctest::Approx(expected).epsilon(0.08));
  CHECK(together / variance == doctest::Approx(keep).epsilon(0.03));

  Stepped next{.obs = {}, .final_obs = {}, .reward = {}, .terminated = {}, .truncated = {}};
  std::vector<double> ends(kCopies, 0);
  ends[1] = 1;
  next.terminated = from_host(ctx, {kCopies}, ends);
  ends = std::vector<double>(kCopies, 0);
  ends[2] = 1;
  next.truncated = from_host(ctx, {kCopies}, ends);
  noise.restart(next);
  std::vector<double> kept;
  noise.each_state([&](const std::string&, const Tensor& t) { kept = to_host(t); });
  CHECK(kept[0] == now[0]);
  CHECK(kept[1] == 0);
  CHECK(kept[2] == 0);
}

}  // namespace lat::rl
