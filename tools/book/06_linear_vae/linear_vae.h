#pragma once
// The linear VAE of chapters 6 and 7, and data whose covariance is known without computing it.
#include <bit>
#include <cmath>
#include <numbers>

#include "tools/book/page.h"

namespace lat::book {

// The eigenvalues l_i of the data's covariance.
inline const std::vector<double> kEigenvalues = {8, 4, 2.5, 1.6, 0.7, 0.5, 0.35, 0.2};
inline constexpr i64 kD = 8, kExamples = 16;

// +1 or -1: entry (i,j) of a Hadamard matrix (Sylvester 1867), whose columns are orthogonal.
inline double hadamard(i64 i, i64 j) { return std::popcount(u64(i & j)) % 2 ? -1 : 1; }

//> data
// Direction i of the data, a unit vector; all are orthogonal.
inline double direction(i64 i, i64 d) { return hadamard(i, d) / std::sqrt(double(kD)); }

// x_n = 3 + sum_i sqrt(l_i) h_ni u_i: columns 1..8 of the 16 x 16 Hadamard matrix have mean 0 and are orthogonal, so that the
// covariance is sum_i l_i u_i u_i' to the last bit of arithmetic.
inline std::vector<double> examples() {
  std::vector<double> x;
  for (i64 n = 0; n < kExamples; ++n)
    for (i64 d = 0; d < kD; ++d) {
      x.push_back(3);
      for (i64 i = 0; i < kD; ++i)
        x.back() += std::sqrt(kEigenvalues[size_t(i)]) * hadamard(n, i + 1) * direction(i, d);
    }
  return x;
}
//<

//> model
// p(x|z) = N(W z + b, s2 I), q(z|x) = N(V (x - b), diag(e^logvar)).        Lucas et al. 2019, eq. 7
struct LinearVae {
  const Page& page;
  Params params;
  Slot encoder, decoder, mean, logvar, log_s2;

  LinearVae(const Page& p, Context& ctx, i64 Z, double s2, bool learn_s2) : page(p) {
    encoder = params.add("encoder", {kD, Z}, {Init::normal, 0.1});  // V'
    decoder = params.add("decoder", {Z, kD}, {Init::normal, 0.1});  // W'
    mean = params.add("mean", {kD}, {});                            // b
    logvar = params.add("logvar", {Z}, {});
    log_s2 = params.add("log_s2", {}, {Init::constant, std::log(s2)});
    params.set_group("log_s2", {.frozen = !learn_s2});
    params.materialise(ctx);
  }
  Normal encode(const Tensor& x) const {
    const Tensor mu = matmul(x - params[mean], params[encoder]);  // (B,Z)
    return {mu, expand(params[logvar], mu.shape())};              // (B,Z), (B,Z)
  }
  Tensor decode(const Tensor& z) const {  // (B,D)
    const Tensor mean_x = matmul(z, params[decoder]);
    if (page.bug(3)) return mean_x;
    return mean_x + params[mean];
  }
  // E_q |x - W z - b|^2 = |x - W mu - b|^2 + sum_i sigma_i^2 |w_i|^2, so that no noise is needed: (B)
  Tensor distortion(const Normal& q, const Tensor& x) const {
    const Tensor at_mean = sum(square(x - decode(q.mu)), {.first = 1, .last = 1});  // (B)
    if (page.bug(2)) return at_mean;
    const Tensor w = sum(square(params[decoder]), {.first = 1, .last = 1});  // (Z)
    return at_mean + sum(exp(q.logvar) * w, {.first = 1, .last = 1});        // (B)
  }
  // -E_q[ log p(x|z) ]: (B) nats
  Tensor recon(const Tensor& distortion_x) const {
    const Tensor s2 = params[log_s2];
    return 0.5 * (exp(-s2) * distortion_x + double(kD) * s2) + 0.5 * double(kD) * log_2pi();
  }
  double log_2pi() const {
    if (page.bug(4)) return 0;
    return std::log(2 * std::numbers::pi);
  }
  // Of each latent, averaged over the batch: (Z) nats
  Tensor kl_by_latent(const Normal& q) const {
    return lat::mean(0.5 * (square(q.mu) + exp(q.logvar) - 1 - q.logvar), {.first = 0, .last = 0});
  }
};
//<

struct Fitted {
  double recon, kl, distortion, s2;
  std::vector<double> kl_of, w2_of, sigma2_of, w;  // of each latent (Z); w (Z,D)
};

// Adam on all examples at once, the learning rate falling to 0.
inline Fitted fit(LinearVae& vae, Context& ctx, const Word& beta, i64 steps, double lr = 0.02) {
  Adam adam(vae.params, {.lr = lr});
  Buffer data(ctx, {kExamples, kD});
  set_values(data, examples());
  const auto terms = [&](const Tensor& x) {
    const Normal q = vae.encode(x);
    const Tensor distortion = vae.distortion(q, x);
    Tensor kl = lat::kl(q, StandardNormal{});  // (B)
    if (vae.page.bug(1)) kl = kl / double(q.mu.cols());
    return std::array{mean(vae.recon(distortion)), mean(kl), mean(distortion), vae.kl_by_latent(q)};
  };
  Step learn(ctx, "learn", [&](Tensor x) {
    const auto t = terms(x);
    backward(t[0] + beta * t[1], vae.params);
    adam.step();
  });
  for (i64 i = 0; i < steps; ++i) {
    adam.lr.set(lr * (1 - double(i) / double(steps)));
    learn(data.tensor());
  }
  const Scratch scratch(ctx);
  const NoGrad off(ctx);
  const auto t = terms(data.tensor());
  const Tensor w = vae.params[vae.decoder];
  return {item(t[0]),
          item(t[1]),
          item(t[2]),
          std::exp(item(vae.params[vae.log_s2])),
          to_host(t[3]),
          to_host(sum(square(w), {.first = 1, .last = 1})),
          to_host(exp(vae.params[vae.logvar])),
          to_host(w)};
}

}  // namespace lat::book
