// Chapter 6: the linear VAE is probabilistic PCA. Everything that training will find is written down before it starts.
#include <algorithm>
#include <numeric>

#include "tools/book/06_linear_vae/figure.h"
#include "tools/book/06_linear_vae/linear_vae.h"

namespace {

using namespace lat;
using namespace lat::book;

//> evidence
// The largest log-likelihood of x = W z + b + noise with Z latents, nats per example: along direction i the model has
// variance c_i, which is l_i where a latent is spent on it and s2 elsewhere.      Tipping & Bishop 1999, eq. 4
double ppca(double s2, i64 Z) {
  double sum = 0;
  for (size_t i = 0; i < kEigenvalues.size(); ++i) {
    const double l = kEigenvalues[i], c = i64(i) < Z ? std::max(l, s2) : s2;
    sum += std::log(2 * std::numbers::pi) + std::log(c) + l / c;
  }
  return -sum / 2;
}
//<

// Between a latent's column of W and the nearest direction of the data, in degrees.
double angle(const Fitted& f, size_t latent) {
  double best = 0;
  for (i64 i = 0; i < kD; ++i) {
    double dot = 0;
    for (i64 d = 0; d < kD; ++d) dot += f.w[latent * size_t(kD) + size_t(d)] * direction(i, d);
    best = std::max(best, std::abs(dot) / std::sqrt(f.w2_of[latent]));
  }
  return std::acos(std::min(best, 1.0)) * 180 / std::numbers::pi;
}

void chapter(Page& page) {
  Context ctx({.real = DType::f64, .seed = page.seed()});
  const Word beta(ctx, "beta", 1);

  //> predict
  const double s2 = 1;
  const i64 Z = 6;
  i64 predicted = 0;
  for (i64 i = 0; i < Z; ++i) predicted += kEigenvalues[size_t(i)] > s2;
  //<
  LinearVae vae(page, ctx, Z, s2, false);
  const Fitted f = fit(vae, ctx, beta, page.steps(8000));
  std::vector<size_t> order(static_cast<size_t>(Z));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return f.kl_of[a] > f.kl_of[b]; });

  page.print("s2 = %.0f, %d latents, eigenvalues", s2, int(Z));
  for (const double l : kEigenvalues) page.print(" %g", l);
  page.print("\n\n              KL            |w|^2           sigma^2       angle\n");
  page.print("latent  trained  known  trained  known  trained  known  degrees\n");
  double kl_error = 0, w_error = 0, sigma_error = 0, widest = 0, idle = 0;
  i64 active = 0;
  std::vector<double> kls;
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t k = order[i];
    const double l = kEigenvalues[i], c = std::max(l, s2), kl = std::log(c / s2) / 2;
    const bool used = f.kl_of[k] > 0.01;
    active += used;
    kls.push_back(f.kl_of[k]);
    page.print("%6d %8.4f %6.4f %8.4f %6.4f %8.4f %6.4f ", int(i + 1), std::abs(f.kl_of[k]), kl,
               f.w2_of[k], c - s2, f.sigma2_of[k], s2 / c);
    if (used)
      page.print("%8.2f\n", angle(f, k));
    else
      page.print("       -\n");
    if (kl > 0) {
      kl_error = std::max(kl_error, std::abs(f.kl_of[k] / kl - 1));
      w_error = std::max(w_error, std::abs(f.w2_of[k] / (c - s2) - 1));
      sigma_error = std::max(sigma_error, std::abs(f.sigma2_of[k] * c / s2 - 1));
      widest = std::max(widest, angle(f, k));
    } else {
      idle = std::max(idle, f.kl_of[k]);
    }
  }
  const double elbo = -f.recon - f.kl, best = ppca(s2, Z);
  page.print("\nactive latents: predicted %d, trained %d\n", int(predicted), int(active));
  page.print("ELBO %.4f, largest log p(x) %.4f nats\n", elbo, best);
  page.set({{"predicted", double(predicted)}, {"active", double(active)}, {"kl_error", kl_error}});
  page.set({{"w_error", w_error},
            {"sigma_error", sigma_error},
            {"widest_angle", widest},
            {"idle", idle}});
  page.set({{"elbo", elbo}, {"log_px", best}, {"gap", best - elbo}});

  // With s2 learned it becomes the mean of the eigenvalues that get no latent.
  const i64 few = 3;
  const double left_over =
      std::accumulate(kEigenvalues.begin() + few, kEigenvalues.end(), 0.0) / double(kD - few);
  LinearVae learned(page, ctx, few, 1, true);
  const Fitted g = fit(learned, ctx, beta, page.steps(8000));
  page.print("\n%d latents, s2 learned: %.4f (known %.4f), ELBO %.4f, largest log p(x) %.4f\n",
             int(few), g.s2, left_over, -g.recon - g.kl, ppca(left_over, few));
  page.set({{"learned_s2", g.s2}, {"known_s2", left_over}, {"learned_elbo", -g.recon - g.kl}});
  page.set({{"learned_log_px", ppca(left_over, few)},
            {"learned_gap", ppca(left_over, few) + g.recon + g.kl}});
  page.draw(linear_figure(kEigenvalues, s2, kls));
}

}  // namespace

int main(int count, char** words) {
  return run(count, words, "The linear VAE: which latents will it use?", chapter);
}
