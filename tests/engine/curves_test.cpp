// Curves from a Gaussian process: two points by hand, brute force in long double, the statistics of what is drawn.
#include "engine/data/curves.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <numbers>
#include <set>

#include "engine/core/error.h"
#include "engine/core/sha256.h"

namespace lat::test {
namespace {

using namespace curves;
using Real = long double;

Real kernel(const Process& p, Real a, Real b) {
  return p.scale * p.scale * std::exp(-(a - b) * (a - b) / (2 * Real(p.length) * p.length));
}

struct Brute {
  Real mean, variance, log_prob;
};

// Gauss-Jordan with pivots on K + noise^2, of which nothing is assumed.
Brute brute(const Process& p, std::span<const float> x, std::span<const float> y, float at) {
  const size_t n = x.size();
  std::vector<std::vector<Real>> a(n, std::vector<Real>(n + 2));
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j)
      a[i][j] = kernel(p, x[i], x[j]) + (i == j ? Real(p.noise) * p.noise : 0);
    a[i][n] = y[i];
    a[i][n + 1] = kernel(p, x[i], at);
  }
  Real log_det = 0;
  for (size_t c = 0; c < n; ++c) {
    size_t best = c;
    for (size_t r = c; r < n; ++r)
      if (std::fabs(a[r][c]) > std::fabs(a[best][c])) best = r;
    std::swap(a[c], a[best]);
    log_det += std::log(std::fabs(a[c][c]));
    for (size_t j = n + 2; j-- > c;) a[c][j] /= a[c][c];
    for (size_t r = 0; r < n; ++r) {
      if (r == c) continue;
      for (size_t j = n + 2; j-- > c;) a[r][j] -= a[r][c] * a[c][j];
    }
  }
  Brute out{0, Real(p.scale) * p.scale + Real(p.noise) * p.noise, 0};
  for (size_t i = 0; i < n; ++i) {
    out.mean += kernel(p, x[i], at) * a[i][n];
    out.variance -= kernel(p, x[i], at) * a[i][n + 1];
    out.log_prob -= y[i] * a[i][n] / 2;
  }
  out.log_prob -= log_det / 2 + Real(n) / 2 * std::log(2 * std::numbers::pi_v<Real>);
  return out;
}

struct Drawn {
  std::vector<float> x, y;
};
Drawn draw(const Curves& c, int64_t index, int64_t n) {
  Drawn d{std::vector<float>(static_cast<size_t>(n)), std::vector<float>(static_cast<size_t>(n))};
  c.points(index, n, d.x.data(), d.y.data());
  return d;
}

}  // namespace

TEST_CASE("curves: what one and two points tell, by hand") {
  const Process p{.length = 0.5, .scale = 2, .noise = 0.5};
  // Nothing is known: N(0, 4 + 1/4).
  const float places[] = {0.25f};
  Marginals m = posterior(p, {}, {}, places);
  CHECK(m.mean[0] == 0);
  CHECK(m.variance[0] == doctest::Approx(4.25).epsilon(1e-15));
  // One point at a distance of one half: k = 4 e^(-1/2).
  const float x[] = {0.75f, -0.25f}, y[] = {1.5f, -0.5f};
  const double k = 4 * std::exp(-0.5), far = 4 * std::exp(-2.0);
  m = posterior(p, std::span(x, 1), std::span(y, 1), places);
  CHECK(m.mean[0] == doctest::Approx(k * 1.5 / 4.25).epsilon(1e-14));
  CHECK(m.variance[0] == doctest::Approx(4.25 - k * k / 4.25).epsilon(1e-14));
  // Two, both at that distance: (K + 1/4)^-1 (1, 1) = (1, 1) / (4.25 + far).
  m = posterior(p, x, y, places);
  CHECK(m.mean[0] == doctest::Approx(k * (1.5 - 0.5) / (4.25 + far)).epsilon(1e-14));
  CHECK(m.variance[0] == doctest::Approx(4.25 - 2 * k * k / (4.25 + far)).epsilon(1e-14));
  const double det = 4.25 * 4.25 - far * far;
  const double square = (4.25 * (1.5 * 1.5 + 0.25) - 2 * far * 1.5 * -0.5) / det;
  CHECK(log_prob(p, x, y) ==
        doctest::Approx(-0.5 * (square + std::log(det)) - std::log(2 * std::numbers::pi))
            .epsilon(1e-14));
  CHECK(m.log_prob(std::span(y, 1))[0] ==
        doctest::Approx(-0.5 * std::log(2 * std::numbers::pi * m.variance[0]) -
                        std::pow(1.5 - m.mean[0], 2) / (2 * m.variance[0]))
            .epsilon(1e-14));
}

TEST_CASE("curves: the closed forms against brute force in long double") {
  for (const int64_t n : {1, 3, 10, 40}) {
    const Curves c{.seed = 5};
    const Drawn d = draw(c, n, n);
    const float places[] = {-2, -0.3f, 0.999f, d.x[0]};
    const Marginals m = posterior(c.process, d.x, d.y, places);
    for (size_t i = 0; i < 4; ++i) {
      const Brute b = brute(c.process, d.x, d.y, places[i]);
      CHECK(m.mean[i] == doctest::Approx(double(b.mean)).epsilon(1e-9));
      CHECK(m.variance[i] == doctest::Approx(double(b.variance)).epsilon(1e-9));
      CHECK(log_prob(c.process, d.x, d.y) == doctest::Approx(double(b.log_prob)).epsilon(1e-9));
    }
  }
}

TEST_CASE("curves: what is drawn has the process's density") {
  // -log p of n points has mean n/2 (1 + log 2 pi) + 1/2 E log det, and (y - mu)^2 / variance of a point given the others
  // mean 1 and mean square 3.
  const Curves c{.seed = 1};
  constexpr int64_t kCurves = 4000, kPoints = 8;
  double square = 0, fourth = 0, x_mean = 0, y_mean = 0, y_square = 0;
  for (int64_t i = 0; i < kCurves; ++i) {
    const Drawn d = draw(c, i, kPoints);
    const size_t n = d.x.size() - 1;
    const Marginals m = posterior(c.process, std::span(d.x).first(n), std::span(d.y).first(n),
                                  std::span(d.x).last(1));
    const double z2 = std::pow(d.y[n] - m.mean[0], 2) / m.variance[0];
    square += z2 / kCurves, fourth += z2 * z2 / kCurves;
    x_mean += d.x[n] / kCurves, y_mean += d.y[n] / kCurves, y_square += d.y[n] * d.y[n] / kCurves;
    for (const float x : d.x) REQUIRE((x >= -2 && x <= 2));
  }
  const double se = std::sqrt(1.0 / kCurves);
  CHECK(std::fabs(square - 1) < 4 * std::sqrt(2.0) * se);
  CHECK(std::fabs(fourth - 3) < 4 * std::sqrt(96.0) * se);
  CHECK(std::fabs(x_mean) < 4 * std::sqrt(16.0 / 12) * se);
  CHECK(std::fabs(y_mean) < 4 * se);
  CHECK(std::fabs(y_square - 1.0004) < 4 * std::sqrt(2.0) * se);
}

TEST_CASE(
    "curves: a curve is a function of seed and number, its points do not depend on how many") {
  const Curves c{.seed = 3};
  const Drawn whole = draw(c, 17, 30), part = draw(c, 17, 12);
  CHECK(std::equal(part.x.begin(), part.x.end(), whole.x.begin()));
  CHECK(std::equal(part.y.begin(), part.y.end(), whole.y.begin()));
  // Training and test curves share nothing.
  std::set<float> seen;
  size_t drawn = 0;
  for (const bool test : {false, true}) {
    for (int64_t i = 0; i < 200; ++i) {
      const Drawn d = draw({.seed = 3, .test = test}, i, 2);
      seen.insert(d.x.begin(), d.x.end());
      drawn += 2;
    }
  }
  CHECK(seen.size() >= drawn - 1);
  CHECK(draw({.seed = 4}, 17, 3).y != draw(c, 17, 3).y);
}

TEST_CASE("curves: the same bits on every machine") {
  Sha256 all;
  for (int64_t i = 0; i < 50; ++i) {
    const Drawn d = draw({.seed = 9, .test = i % 2 == 1}, i, 20);
    all.update(d.x.data(), d.x.size() * sizeof(float));
    all.update(d.y.data(), d.y.size() * sizeof(float));
  }
  CHECK(all.hex().substr(0, 16) == "e5fc9443cc4650f0");
}

TEST_CASE("curves: what makes no curve is refused by name") {
  const auto text = [](auto&& f) {
    try {
      f();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(text([] { draw({.process = {.noise = 0}}, 0, 1); }).find("noise 0") != std::string::npos);
  CHECK(text([] { draw({.from = 1, .to = 1}, 0, 1); }).find("no interval") != std::string::npos);
  CHECK(text([] { draw({}, -1, 1); }).find("curve -1") != std::string::npos);
  const float one[] = {1};
  CHECK(text([&] { log_prob({}, one, {}); }).find("1 x and 0 y") != std::string::npos);
}

}  // namespace lat::test
