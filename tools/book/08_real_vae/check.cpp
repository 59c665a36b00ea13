// The check of exercise 8: each part against numbers worked out by hand.
#include "engine/lat.h"
#include "tools/book/exercise.h"

using namespace lat;
using namespace lat::book;

Tensor draw(const Tensor& mu, const Tensor& logvar, Rng rng);
Tensor kl_to_prior(const Tensor& mu, const Tensor& logvar);
Tensor log_likelihood(const Tensor& logits, const Tensor& x);
Tensor loss(const Tensor& mu, const Tensor& logvar, const Tensor& logits, const Tensor& x);
char why_0_693();
char why_no_latents();

int main() {
  Context ctx({.real = DType::f64, .seed = 8});
  const Tensor z =
      draw(fill(ctx, {4096, 8}, 3), fill(ctx, {4096, 8}, 2 * std::log(0.25)), Rng(ctx));
  equal("draws have mean mu = 3", item(mean(z)), 3, 0.01);
  equal("and deviation sigma = 1/4", std::sqrt(item(mean(square(z - 3)))), 0.25, 0.005);

  const Tensor mu = from_host(ctx, {2, 3}, {1, 2, 0, 0, 0, 0}),
               logvar = from_host(ctx, {2, 3}, {0, 0, 0, 1, 0, 0});
  const std::vector<double> kl = to_host(kl_to_prior(mu, logvar));
  const bool each = kl.size() == 2;
  holds("one KL for each example", each);
  if (each) {
    equal("KL of mu = (1, 2, 0), sigma = 1: (1 + 4) / 2", kl[0], 2.5);
    equal("KL of mu = 0, logvar = (1, 0, 0): (e - 2) / 2", kl[1], (std::exp(1.0) - 2) / 2);
  }

  const Tensor x = from_host(ctx, {2, 4}, {0, 1, 1, 0, 0.5, 0.5, 0, 1});
  const std::vector<double> flat = to_host(log_likelihood(fill(ctx, {2, 4}, 0), x));
  holds("one log-likelihood for each example", flat.size() == 2);
  if (flat.size() == 2) equal("logits of 0: 4 pixels of -ln 2", flat[0], -4 * std::log(2.0));
  const std::vector<double> sure = to_host(log_likelihood(fill(ctx, {2, 4}, 1000), x));
  equal("logits of 1000, two pixels black: -2000, and finite", sure[0], -2000, 1e-6);

  equal("the loss: mean KL + mean reconstruction, nothing else",
        item(loss(mu, logvar, fill(ctx, {2, 4}, 0), x)),
        (2.5 + (std::exp(1.0) - 2) / 2) / 2 + 4 * std::log(2.0));
  answer("why 0.693", why_0_693(), 'b', "What does 784 ln 2 become when it is divided by 784?");
  answer(
      "why no latents", why_no_latents(), 'a',
      "Divide recon + KL by 784 in one term only, and compare with chapter 7: which beta is this?");
}
