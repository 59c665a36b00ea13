#pragma once
// Distributions over the last axis: every number they give is in nats per row, summed over that axis.
#include "engine/ops/ops.h"

namespace lat {

// N(mu, diag(e^logvar)).  mu (..., D); logvar stretches to it.
struct Normal {
  Tensor mu, logvar;

  Tensor log_prob(const Tensor& x) const { return gaussian_log_prob(x, mu, logvar); }
  // mu + sigma * eps: gradients reach both.          Kingma & Welling 2014, section 2.4
  Tensor rsample(Rng rng) const;
  Tensor sample(Rng rng) const { return stop_gradient(rsample(rng)); }
  // D/2 (1 + ln 2 pi) + 1/2 sum logvar
  Tensor entropy() const;
  Tensor mean() const { return mu; }
};

// The prior N(0, I), of whatever size its partner has.
struct StandardNormal {};

Tensor kl(const Normal& q, StandardNormal p);
// 1/2 sum( lv_p - lv_q + (e^lv_q + (mu_q - mu_p)^2) / e^lv_p - 1 )
Tensor kl(const Normal& q, const Normal& p);

// Independent x_d in {0, 1} (or a grey level in [0, 1]) with p = sigmoid(logits).
struct Bernoulli {
  Tensor logits;

  Tensor log_prob(const Tensor& x) const { return bernoulli_log_prob(logits, x); }
  Tensor sample(Rng rng) const { return bernoulli(rng, stop_gradient(mean())); }
  Tensor mean() const { return sigmoid(logits); }
  // sum softplus(l) - l sigmoid(l)
  Tensor entropy() const;
};

// sum over d of p_q (l_q - l_p) - softplus(l_q) + softplus(l_p)
Tensor kl(const Bernoulli& q, const Bernoulli& p);

}  // namespace lat
