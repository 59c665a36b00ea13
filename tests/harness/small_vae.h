#pragma once
// A VAE of 6 x 6 images that trains in microseconds, of linear or of convolutional layers.
#include <memory>

#include "engine/data/permutation.h"
#include "engine/lat.h"

namespace lat::test {

struct SmallVae {
  static constexpr i64 kSide = 6, kLatent = 3;

  SmallVae(Context& ctx, bool convolutional, i64 width = 16)
      : conv(convolutional),
        filters(conv ? std::make_unique<Conv2d>(params, "filters", 1, 4, 3, Conv{2, 1}) : nullptr),
        hidden(params, "hidden", kSide * kSide, width),
        mu(params, "mu", width, kLatent),
        logvar(params, "logvar", width, kLatent),
        up(params, "up", kLatent, kSide * kSide),
        grow(conv ? std::make_unique<ConvTranspose2d>(params, "grow", 4, 1, 4, Conv{2, 1})
                  : nullptr) {
    params.materialise(ctx);
    adam = std::make_unique<Adam>(params, Adam::Options{.lr = 0.01});
  }

  // Nats per image, averaged over the batch: ().   x (B,6,6,1)
  Tensor loss(const Tensor& x, Rng rng) const {
    const i64 B = x.dim[0];
    const Tensor h = hidden(flatten(conv ? (*filters)(x, Act::relu) : x), Act::tanh);  // (B,width)
    const Normal q{mu(h), logvar(h)};                                                  // (B,3)
    const Tensor up_z = up(q.rsample(rng), conv ? Act::relu : Act::none);              // (B,36)
    const Tensor logits = conv ? (*grow)(reshape(up_z, {B, 3, 3, 4})) : up_z;
    return mean(kl(q, StandardNormal{}) - Bernoulli{flatten(logits)}.log_prob(flatten(x)));
  }

  Tensor train(const Tensor& x, Rng rng) {
    const Tensor l = loss(x, rng);
    backward(l, params);
    adam->step();
    return l;
  }

  bool conv;
  Params params;
  std::unique_ptr<Conv2d> filters;
  Linear hidden, mu, logvar, up;
  std::unique_ptr<ConvTranspose2d> grow;
  std::unique_ptr<Adam> adam;
};

// n images with one bright row each, in an order that changes from epoch to epoch.
inline std::vector<double> bright_rows(i64 n, u64 epoch) {
  constexpr i64 kSide = SmallVae::kSide;
  const Permutation order(n, 7, epoch);
  std::vector<double> x(static_cast<size_t>(n * kSide * kSide), 0.125);
  for (i64 i = 0; i < n; ++i)
    for (i64 w = 0; w < kSide; ++w)
      x[static_cast<size_t>((i * kSide + order(i) % kSide) * kSide + w)] = 0.875;
  return x;
}

}  // namespace lat::test
