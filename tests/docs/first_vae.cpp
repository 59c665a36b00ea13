// A variational autoencoder on handwritten digits: the whole algorithm on one page.
#include <cstdio>

#include "engine/data/batches.h"
#include "engine/lat.h"
using namespace lat;

struct Vae {
  Linear hidden, mu, logvar, expand, pixels;

  explicit Vae(Params& p)
      : hidden(p, "hidden", 64, 128), mu(p, "mu", 128, 8), logvar(p, "logvar", 128, 8),
        expand(p, "expand", 8, 128), pixels(p, "pixels", 128, 64) {}

  Normal encode(Tensor x) const {                       // q(z|x)                x (B,64)
    const Tensor h = hidden(x, Act::relu);              // (B,128)
    return {mu(h), logvar(h)};                          // mean (B,8), log variance (B,8)
  }
  Bernoulli decode(Tensor z) const {                    // p(x|z)                z (B,8)
    return {pixels(expand(z, Act::relu))};              // logits (B,64)
  }
};

Tensor negative_elbo(const Vae& vae, Tensor x, Rng rng) {
  const Normal q = vae.encode(x);
  const Tensor z = q.rsample(rng);                      // mu + sigma * eps: gradients reach both
  const Tensor log_p = vae.decode(z).log_prob(x);       // (B) nats, summed over pixels
  return mean(kl(q, StandardNormal{}) - log_p);         // ()  averaged over the batch only
}

int main() {
  Context ctx({.seed = 1});
  Params params;
  const Vae vae(params);
  params.materialise(ctx);
  Adam adam(params, {.lr = 1e-3});
  const DataSet digits = load_data("digits", {});
  const Batches batches(digits.train, /*batch=*/100, /*seed=*/1, /*shuffle=*/true);
  const Buffer x(ctx, {100, 64});

  Step learn(ctx, "learn", [&](Tensor images) {         // recorded once, then replayed
    const Tensor loss = negative_elbo(vae, images, Rng(ctx));
    backward(loss, params);
    adam.step();
    return loss;
  });

  for (i64 step = 0; step < 20 * batches.per_epoch(); ++step) {
    batches.fill(step, x.tensor().as<float>(), nullptr);
    const Tensor loss = learn(x);
    if (step % 60 == 0) std::printf("step %3d   negative ELBO %7.3f nats\n", int(step), item(loss));
  }
}
