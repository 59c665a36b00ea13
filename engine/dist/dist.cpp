#include "engine/dist/dist.h"

#include <cmath>
#include <numbers>

#include "kernels/common/planted.h"

namespace lat {

namespace {

constexpr Reduce kLast{.first = -1, .last = -1};

}  // namespace

//> rsample
Tensor Normal::rsample(Rng rng) const {
  return reparameterise(rng, mu, expand(logvar, mu.shape()));
}
//<

Tensor Normal::entropy() const {
  const double each = 0.5 * (1 + std::log(2 * std::numbers::pi));
  const Tensor lv = expand(logvar, mu.shape());
  return 0.5 * sum(lv, kLast) + each * static_cast<double>(mu.cols());
}

//> standard_normal
Tensor kl(const Normal& q, StandardNormal) {
  return gaussian_kl(q.mu, expand(q.logvar, q.mu.shape()));
}
//<

Tensor kl(const Normal& q, const Normal& p) {
  const Tensor lq = expand(q.logvar, q.mu.shape()), lp = expand(p.logvar, q.mu.shape());
  return 0.5 * sum(lp - lq + (exp(lq) + square(q.mu - p.mu)) * exp(-lp) - 1, kLast);
}

Tensor Bernoulli::entropy() const {
  return sum(softplus(logits) - logits * sigmoid(logits), kLast);
}

Tensor Categorical::sample(Rng rng) const {
  const Tensor g = -log(-log(uniform(rng, logits.shape())));
  return arg_max(stop_gradient(logits) + g);
}

Tensor Categorical::entropy() const {
  const Tensor log_p = log_softmax(logits);
  return -sum(exp(log_p) * log_p, kLast);
}

Tensor kl(const Categorical& q, const Categorical& p) {
  const Tensor log_q = log_softmax(q.logits);
  return sum(exp(log_q) * (log_q - log_softmax(p.logits)), kLast);
}

Tensor TanhNormal::log_prob(const Tensor& u) const {
  const Tensor slope = 2 * (std::numbers::ln2 - u - softplus(-2 * u));
  const Tensor log_p = Normal{mu, logvar}.log_prob(u);  // (...)
  return kernels::planted(kernels::Bug::squash_uncorrected) ? log_p : log_p - sum(slope, kLast);
}

Tensor kl(const Bernoulli& q, const Bernoulli& p) {
  return sum(q.mean() * (q.logits - p.logits) - softplus(q.logits) + softplus(p.logits), kLast);
}

}  // namespace lat
