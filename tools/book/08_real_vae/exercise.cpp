// Exercise 8: what is wrong with this VAE loss?
//
// It trains, it prints plausible numbers, and four things are wrong: repair it.
//
// mu, logvar (B,Z) come from the encoder; logits (B,D) from the decoder; x (B,D) in [0, 1]. `latent learn 8` checks each part.
#include "engine/lat.h"

using namespace lat;

// z ~ N(mu, e^logvar)                                         (B,Z)
Tensor draw(const Tensor& mu, const Tensor& logvar, Rng rng) {
  return mu + exp(logvar) * normal(rng, mu.shape());
}

// KL( q || N(0, I) ), nats per example                        (B)
Tensor kl_to_prior(const Tensor& mu, const Tensor& logvar) {
  return mean(0.5 * (square(mu) + exp(logvar) - 1 - logvar), {.first = 1, .last = 1});
}

// log p(x|z), nats per example; finite for every logit        (B)
Tensor log_likelihood(const Tensor& logits, const Tensor& x) {
  const Tensor p = sigmoid(logits);
  return sum(x * log(p) + (1 - x) * log(1 - p), {.first = 1, .last = 1});
}

// What is minimised, nats per example                         ()
Tensor loss(const Tensor& mu, const Tensor& logvar, const Tensor& logits, const Tensor& x) {
  return mean(kl_to_prior(mu, logvar)) / double(x.cols()) - mean(log_likelihood(logits, x));
}

// A VAE for 784 pixels, its last layer initialised with zeros, has a reconstruction of 0.693 before the first step. Why?
//   a  the KL is averaged over latents
//   b  the likelihood is averaged over pixels: 784 ln 2 is expected, and this is ln 2
//   c  the pixels are not in [0, 1]
char why_0_693() { return '?'; }

// With that, training is stable and the KL falls to 0 in all latents. Why?
//   a  the KL, now 784 times as heavy as it should be, costs more than any latent can save
//   b  the learning rate is too high
//   c  the decoder is too weak
char why_no_latents() { return '?'; }
