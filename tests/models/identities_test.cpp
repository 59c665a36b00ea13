// The identities that every page on VAEs states, by quadrature in double precision.
//
//   log p(x) = J(q) + KL( q(z) || p(z|x) ),   J(q) = E_q[ log p(x|z) ] - KL( q(z) || p(z) )
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "engine/lat.h"

using namespace lat;

namespace {

constexpr int kNodes = 64, kGrid = 8001, kPixels = 6, kExamples = 100, kHidden = 32;
constexpr double kEdge = 12;

// Nodes and weights with  integral e^{-t^2} f(t) dt = sum w_i f(t_i), by Newton's method on the orthonormal Hermite
// functions' recurrence.
void gauss_hermite(std::vector<double>& t, std::vector<double>& w) {
  const double start = std::pow(std::numbers::pi, -0.25);
  for (int i = 0; i < (kNodes + 1) / 2; ++i) {
    const size_t n = t.size();
    double z = i == 0 ? std::sqrt(2.0 * kNodes + 1) - 1.85575 * std::pow(2.0 * kNodes + 1, -1.0 / 6)
               : i == 1 ? t[0] - 1.14 * std::pow(double(kNodes), 0.426) / t[0]
               : i == 2 ? 1.86 * t[1] - 0.86 * t[0]
               : i == 3 ? 1.91 * t[2] - 0.91 * t[1]
                        : 2 * t[n - 1] - t[n - 2];
    double slope = 0;
    for (int it = 0; it < 50; ++it) {
      double p1 = start, p2 = 0;
      for (int j = 0; j < kNodes; ++j) {
        const double p3 = p2;
        p2 = p1;
        p1 = z * std::sqrt(2.0 / (j + 1)) * p2 - std::sqrt(double(j) / (j + 1)) * p3;
      }
      slope = std::sqrt(2.0 * kNodes) * p2;
      const double step = p1 / slope;
      z -= step;
      if (std::abs(step) < 1e-15) break;
    }
    t.push_back(z);
    w.push_back(2 / (slope * slope));
  }
  for (int i = kNodes / 2 - 1; i >= 0; --i) {
    t.push_back(-t[size_t(i)]);
    w.push_back(w[size_t(i)]);
  }
}

// A one-dimensional latent and a decoder of 32 tanh units, as the engine computes it.
struct Toy {
  Context ctx{{.real = DType::f64, .seed = 11}};
  Params params;
  Mlp decoder{params, "decoder", {1, kHidden, kPixels}, Act::tanh};
  Toy() { params.materialise(ctx); }

  // log p(x|z) at many z, one x: (n)
  std::vector<double> log_likelihood(const std::vector<double>& z, const std::vector<double>& x) {
    const Scratch scratch(ctx);
    const i64 n = i64(z.size());
    const Tensor zs = from_host(ctx, {n, 1}, z);
    const Tensor xs = expand(from_host(ctx, {1, kPixels}, x), {n, kPixels});
    return to_host(Bernoulli{2 * decoder(zs)}.log_prob(xs));
  }
};

double log_normal(double z, double mu, double s) {
  const double u = (z - mu) / s;
  return -0.5 * (u * u + std::log(2 * std::numbers::pi)) - std::log(s);
}

double log_sum_exp(const std::vector<double>& v) {
  double top = v[0], sum = 0;
  for (const double a : v) top = std::max(top, a);
  for (const double a : v) sum += std::exp(a - top);
  return top + std::log(sum);
}

std::vector<double> example(int i) {
  std::vector<double> x;
  for (int p = 0; p < kPixels; ++p)
    x.push_back(i < 64 ? (i >> p & 1) : 0.5 + 0.5 * std::sin(i + p));
  return x;
}

}  // namespace

TEST_CASE("A9: log p(x) = J + KL(q || posterior), and J = log p(x) at the exact posterior") {
  Toy toy;
  std::vector<double> t, w;
  gauss_hermite(t, w);
  std::vector<double> z(kNodes), grid(kGrid);
  const double h = 2 * kEdge / (kGrid - 1);
  for (int g = 0; g < kGrid; ++g) grid[size_t(g)] = -kEdge + h * g;

  for (int i = 0; i < kExamples; ++i) {
    const std::vector<double> x = example(i);
    const double mu = 0.7 * std::sin(i), logvar = -1.5 + std::cos(3 * i), s = std::exp(logvar / 2);

    // log p(x) by 64 nodes of the prior: z = sqrt(2) t.
    for (int n = 0; n < kNodes; ++n) z[size_t(n)] = std::numbers::sqrt2 * t[size_t(n)];
    std::vector<double> terms = toy.log_likelihood(z, x);
    for (int n = 0; n < kNodes; ++n)
      terms[size_t(n)] += std::log(w[size_t(n)]) - 0.5 * std::log(std::numbers::pi);
    const double log_px = log_sum_exp(terms);

    // J by 64 nodes of q, and the engine's KL to the prior.
    for (int n = 0; n < kNodes; ++n) z[size_t(n)] = mu + s * std::numbers::sqrt2 * t[size_t(n)];
    const std::vector<double> under_q = toy.log_likelihood(z, x);
    double expected = 0;
    for (int n = 0; n < kNodes; ++n)
      expected += w[size_t(n)] / std::sqrt(std::numbers::pi) * under_q[size_t(n)];
    const Scratch scratch(toy.ctx);
    const Tensor m = from_host(toy.ctx, {1, 1}, {mu}), lv = from_host(toy.ctx, {1, 1}, {logvar});
    const double J = expected - item(kl(Normal{m, lv}, StandardNormal{}));

    // KL(q || p(z|x)) on a fine grid, with the posterior p(x|z) p(z) / p(x).
    const std::vector<double> on_grid = toy.log_likelihood(grid, x);
    double gap = 0, at_posterior = 0;
    for (int g = 0; g < kGrid; ++g) {
      const double v = grid[size_t(g)];
      const double log_q = log_normal(v, mu, s), log_prior = log_normal(v, 0, 1);
      const double log_posterior = on_grid[size_t(g)] + log_prior - log_px;
      gap += h * std::exp(log_q) * (log_q - log_posterior);
      at_posterior +=
          h * std::exp(log_posterior) * (on_grid[size_t(g)] + log_prior - log_posterior);
    }
    CAPTURE(i);
    CHECK(gap > 0);
    CHECK(std::abs(log_px - (J + gap)) < 1e-6);
    CHECK(std::abs(at_posterior - log_px) < 1e-6);
  }
}

TEST_CASE("A9: the KL without its -1 is wrong by exactly d/2") {
  Context ctx{{.real = DType::f64}};
  const Tensor mu = from_host(ctx, {1, 4}, {0.3, -1, 0, 2});
  const Tensor lv = from_host(ctx, {1, 4}, {0.1, -2, 0, 1});
  const double right = item(kl(Normal{mu, lv}, StandardNormal{}));
  const double slide = item(sum(0.5 * (square(mu) + exp(lv) - lv)));
  CHECK(slide - right == doctest::Approx(2.0).epsilon(1e-14));
}
