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

// One of K classes, p = softmax(logits).  logits (...,K)
struct Categorical {
  Tensor logits;

  // index (...) i32
  Tensor log_prob(const Tensor& index) const { return pick(log_softmax(logits), index); }
  // arg max( l_k + g_k ), g_k = -log(-log u_k): (...) i32     Gumbel 1954; Maddison et al. 2014, section 2
  Tensor sample(Rng rng) const;
  Tensor mode() const { return arg_max(logits); }
  Tensor probs() const { return softmax(logits); }
  // -sum p log p
  Tensor entropy() const;
};

// sum over k of q_k (log q_k - log p_k)
Tensor kl(const Categorical& q, const Categorical& p);

// a = tanh(u), u ~ N(mu, diag(e^logvar)): actions in (-1, 1)^D.        Haarnoja et al. 2018, appendix C
struct TanhNormal {
  Tensor mu, logvar;

  // u: gradients reach both. The action is tanh(u); u is kept, for a has lost its digits near 1.
  Tensor rsample(Rng rng) const { return Normal{mu, logvar}.rsample(rng); }
  // log p(tanh u) = log N(u; mu, sigma) - sum 2 (ln 2 - u - softplus(-2u)), finite for any u:
  // log(1 - tanh^2 u) is the second sum's term.
  Tensor log_prob(const Tensor& u) const;
  Tensor mode() const { return tanh(mu); }
};

// sum over d of p_q (l_q - l_p) - softplus(l_q) + softplus(l_p)
Tensor kl(const Bernoulli& q, const Bernoulli& p);

}  // namespace lat
