// Exercise 8: a solution.
#include "engine/lat.h"

using namespace lat;

// The deviation is e^(logvar / 2).
Tensor draw(const Tensor& mu, const Tensor& logvar, Rng rng) {
  return Normal{mu, logvar}.rsample(rng);
}

// Summed over latents.
Tensor kl_to_prior(const Tensor& mu, const Tensor& logvar) {
  return sum(0.5 * (square(mu) + exp(logvar) - 1 - logvar), {.first = 1, .last = 1});
}

// log sigmoid(l) = -softplus(-l), so that log p = x l - softplus(l): no logarithm of a number that rounds to 0.
Tensor log_likelihood(const Tensor& logits, const Tensor& x) {
  return sum(x * logits - softplus(logits), {.first = 1, .last = 1});
}

// Both terms in nats per example.
Tensor loss(const Tensor& mu, const Tensor& logvar, const Tensor& logits, const Tensor& x) {
  return mean(kl_to_prior(mu, logvar) - log_likelihood(logits, x));
}

char why_0_693() { return 'b'; }
char why_no_latents() { return 'a'; }
