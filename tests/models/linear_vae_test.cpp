// The linear VAE against what is known in closed form: probabilistic PCA (Tipping & Bishop 1999) and reverse
// water-filling. Everything expected here comes from the eigenvalues of the data's covariance.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include "models/model.h"

using namespace lat;

namespace {

constexpr int kD = 10, kLatents = 3;
constexpr double kNoise = 0.5;

// x = W z + 0.5 eps, W ~ N(0, 1)
std::vector<double> factor_data(int examples) {
  std::mt19937_64 bits(7);
  std::normal_distribution<double> normal;
  double w[kD][kLatents];
  for (auto& row : w)
    for (double& v : row) v = normal(bits);
  std::vector<double> x;
  for (int n = 0; n < examples; ++n) {
    double z[kLatents];
    for (double& v : z) v = normal(bits);
    for (const auto& row : w) {
      double v = kNoise * normal(bits);
      for (int k = 0; k < kLatents; ++k) v += row[k] * z[k];
      x.push_back(v);
    }
  }
  return x;
}

// Eigenvalues of the covariance, largest first, by Jacobi rotations.
std::vector<double> eigenvalues(const std::vector<double>& x) {
  const int examples = int(x.size()) / kD;
  double mean[kD] = {}, s[kD][kD] = {};
  for (size_t i = 0; i < x.size(); ++i) mean[i % kD] += x[i] / examples;
  for (int n = 0; n < examples; ++n)
    for (int i = 0; i < kD; ++i)
      for (int j = 0; j < kD; ++j)
        s[i][j] += (x[size_t(n * kD + i)] - mean[i]) * (x[size_t(n * kD + j)] - mean[j]) / examples;
  for (int sweep = 0; sweep < 60; ++sweep)
    for (int p = 0; p < kD; ++p)
      for (int q = p + 1; q < kD; ++q) {
        if (std::abs(s[p][q]) < 1e-300) continue;
        const double theta = 0.5 * std::atan2(2 * s[p][q], s[q][q] - s[p][p]);
        const double c = std::cos(theta), d = std::sin(theta);
        for (int k = 0; k < kD; ++k) {
          const double a = s[k][p], b = s[k][q];
          s[k][p] = c * a - d * b, s[k][q] = d * a + c * b;
        }
        for (int k = 0; k < kD; ++k) {
          const double a = s[p][k], b = s[q][k];
          s[p][k] = c * a - d * b, s[q][k] = d * a + c * b;
        }
      }
  std::vector<double> l;
  for (int i = 0; i < kD; ++i) l.push_back(s[i][i]);
  std::sort(l.rbegin(), l.rend());
  return l;
}

// The largest log-likelihood of pPCA with q components, nats per example: Tipping & Bishop 1999, eq. 4 at its maximum.
double ppca_log_likelihood(const std::vector<double>& l, int q) {
  double s2 = 0, log_det = 0;
  for (int i = q; i < kD; ++i) s2 += l[size_t(i)] / (kD - q);
  for (int i = 0; i < kD; ++i) log_det += std::log(i < q ? l[size_t(i)] : s2);
  return -0.5 * (kD * std::log(2 * std::numbers::pi) + log_det + kD);
}

struct Trained {
  double elbo;
  std::vector<double> kl;  // per latent, largest first
};

Trained train(const std::vector<double>& x, int latents, double beta, double variance, bool sampled,
              double lr, int steps) {
  Context ctx;
  auto model = models::make_model<models::ImageModel>("linear_vae");
  model->set("model.latent", std::to_string(latents));
  model->set("model.beta", number_text(beta));
  model->set("model.variance", number_text(variance));
  model->set("model.sampled", sampled ? "yes" : "no");
  model->build(ctx, {.h = 1, .w = kD, .c = 1});
  Adam adam(model->params(), {.lr = lr});
  Buffer data(ctx, {i64(x.size()) / kD, 1, kD, 1});
  set_values(data, x);
  Step learn(ctx, "learn", [&](Tensor b) {
    const auto terms = model->train_step({b, {}}, Rng(ctx), adam);
    return std::array{mean(terms[0].value), mean(terms[1].value)};
  });
  for (int i = 0; i < steps; ++i) {
    adam.lr.set(lr * (1 - double(i) / steps));
    learn(data.tensor());
  }
  // The exact expectation at the parameters reached.
  model->set("model.sampled", "no");
  Step evaluate(ctx, "evaluate", [&](Tensor b) {
    const NoGrad off(ctx);
    const auto terms = model->loss({b, {}}, Rng(ctx));
    const Normal q = model->encode(b);
    const Tensor by_latent =
        mean(0.5 * (square(q.mu) + exp(q.logvar) - 1 - q.logvar), {.first = 0, .last = 0});
    return std::array{mean(terms[0].value), mean(terms[1].value), by_latent};
  });
  const auto& out = evaluate(data.tensor());
  Trained t{-item(out[0]) - item(out[1]), to_host(out[2])};
  std::sort(t.kl.rbegin(), t.kl.rend());
  return t;
}

}  // namespace

TEST_CASE("linear VAE: the ELBO reaches the pPCA log-likelihood") {
  const std::vector<double> x = factor_data(2000);
  const std::vector<double> l = eigenvalues(x);
  const double best = ppca_log_likelihood(l, kLatents);
  const Trained exact = train(x, kLatents, 1, 0, false, 1e-2, 6000);
  MESSAGE("pPCA ", best, ", linear VAE ", exact.elbo, " nats");
  CHECK(exact.elbo <=
        best + 1e-5);  // a bound; the slack is float rounding of a mean over 2000 rows
  CHECK(best - exact.elbo < 1e-3);
  const Trained noisy = train(x, kLatents, 1, 0, true, 1e-2, 6000);
  CHECK(noisy.elbo <= best + 1e-5);
  CHECK(best - noisy.elbo < 0.05);
}

TEST_CASE(
    "linear VAE: active latents and their KL are what the eigenvalues predict, for three beta") {
  const std::vector<double> x = factor_data(400);
  const std::vector<double> l = eigenvalues(x);
  const double s2 =
      0.3;  // above the noise eigenvalues, so that only the three factors can be active
  REQUIRE(l[3] < s2);
  for (const double threshold : {s2, std::sqrt(l[1] * l[2]), std::sqrt(l[0] * l[1])}) {
    const double beta = threshold / s2;
    const Trained t = train(x, 5, beta, s2, false, 5e-2, 6000);
    for (size_t i = 0; i < 5; ++i) {
      CAPTURE(beta);
      CAPTURE(i);
      const double rate = l[i] > threshold ? 0.5 * std::log(l[i] / threshold) : 0;
      if (rate > 0)
        CHECK(t.kl[i] == doctest::Approx(rate).epsilon(0.01));
      else
        CHECK(t.kl[i] < 1e-3);
    }
  }
}
