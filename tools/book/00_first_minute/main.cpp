// Prologue: train a small convolutional VAE on shapes, draw new ones, and move along its latents.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/data/batches.h"
#include "tools/book/00_first_minute/figure.h"
#include "tools/book/page.h"

namespace {

using namespace lat;
using lat::book::Page;

constexpr i64 kSide = 16, kPixels = kSide * kSide, kLatents = 6, kBatch = 32, kTest = 1024;

//> model
// An encoder that looks at an image and says where in a space of six numbers it may lie, and a decoder that draws.
struct Vae {
  Conv2d down1, down2;
  Linear hidden, mu, logvar, widen1, widen2;
  ConvTranspose2d up1, up2;

  explicit Vae(Params& p)
      : down1(p, "down1", 1, 16, 4, {.stride = 2, .pad = 1}),
        down2(p, "down2", 16, 32, 4, {.stride = 2, .pad = 1}),
        hidden(p, "hidden", 512, 64),
        mu(p, "mu", 64, kLatents),
        logvar(p, "logvar", 64, kLatents),
        widen1(p, "widen1", kLatents, 64),
        widen2(p, "widen2", 64, 512),
        up1(p, "up1", 32, 16, 4, {.stride = 2, .pad = 1}),
        up2(p, "up2", 16, 1, 4, {.stride = 2, .pad = 1}) {}

  Normal encode(const Tensor& x) const {                              // x (B,16,16,1)
    const Tensor h = flatten(down2(down1(x, Act::relu), Act::relu));  // (B,512)
    const Tensor g = hidden(h, Act::relu);                            // (B,64)
    return {mu(g), logvar(g)};                                        // (B,6), (B,6)
  }
  Bernoulli decode(const Tensor& z) const {                    // z (B,6)
    const Tensor h = widen2(widen1(z, Act::relu), Act::relu);  // (B,512)
    const Tensor map = reshape(h, {z.dim[0], 4, 4, 32});       // (B,4,4,32)
    return {flatten(up2(up1(map, Act::relu)))};                // logits (B,256)
  }
};
//<

//> elbo
struct Terms {
  Tensor recon, kl;  // (B) nats
};

Terms negative_elbo(const Page& page, const Vae& vae, const Tensor& x, Rng rng) {
  const Normal q = vae.encode(x);  // q(z|x)
  Tensor z = q.rsample(rng);       // (B,6)  a draw: mu + sigma * noise
  if (page.bug(1)) z = 0 * z;
  Tensor recon = -vae.decode(z).log_prob(flatten(x));  // (B)  how badly x is drawn from z
  if (page.bug(2)) recon = recon / double(kPixels);
  return {recon, kl(q, StandardNormal{})};  // (B)  how far z is from being noise
}
//<

// What each held-out image costs under the best model without latents: each pixel by itself, at its mean over the training
// images (one half of one more image, so that no mean is 0).
std::vector<double> baseline(const Images& train, const std::vector<float>& test) {
  std::vector<double> mean(kPixels, 0.5 / double(train.n + 1)), nats(kTest);
  for (size_t i = 0; i < train.pixels.size(); ++i)
    mean[i % kPixels] += train.pixels[i] / 255.0 / double(train.n + 1);
  for (size_t i = 0; i < test.size(); ++i) {
    const double p = mean[i % kPixels];
    nats[i / kPixels] -= test[i] * std::log(p) + (1 - test[i]) * std::log(1 - p);
  }
  return nats;
}

// What even a decoder that knows every grey level pays, as a grey level counts as a mean: the entropy of the pixels.
double entropy(const std::vector<float>& test) {
  double nats = 0;
  for (const double v : test)
    if (v > 0 && v < 1) nats -= v * std::log(v) + (1 - v) * std::log(1 - v);
  return nats / double(kTest);
}

// Where the light of an image is, in pixels from its left edge.
double centre(const std::vector<float>& image) {
  double sum = 0, moment = 0;
  for (size_t i = 0; i < image.size(); ++i)
    sum += image[i], moment += image[i] * (double(i % kSide) + 0.5);
  return moment / sum;
}

void chapter(Page& page) {
  Context ctx({.threads = 2, .seed = page.seed()});
  Params params;
  const Vae vae(params);
  params.materialise(ctx);
  Adam adam(params, {.lr = 2e-3});
  const DataSet shapes = load_data("shapes", {.size = kSide, .upright = true});
  const Batches batches(shapes.train, kBatch, page.seed(), true),
      tests(shapes.test, kTest, 0, false);
  const Buffer x(ctx, {kBatch, kSide, kSide, 1}), held_out(ctx, {kTest, kSide, kSide, 1});
  std::vector<float> test(size_t(kTest * kPixels));
  tests.fill(0, test.data(), nullptr);
  tests.fill(0, held_out.tensor().as<float>(), nullptr);

  //> train
  Word weight(ctx, "weight", 0);  // of the KL: rises from 0 to 1 in the first third
  Step learn(ctx, "learn", [&](Tensor images) {
    const Terms t = negative_elbo(page, vae, images, Rng(ctx));
    backward(mean(t.recon) + weight * mean(t.kl), params);
    adam.step();
    return std::array{mean(t.recon), mean(t.kl)};
  });
  const i64 steps = page.steps(3000);
  for (i64 step = 0; step < steps; ++step) {
    weight.set(std::min(1.0, 3 * double(step + 1) / double(steps)));
    if (page.bug(3)) weight.set(0);
    adam.lr.set(2e-3 * (1 - 0.95 * double(step) / double(steps)));
    batches.fill(step, x.tensor().as<float>(), nullptr);
    const auto& t = learn(x);
    if ((step + 1) % std::max<i64>(steps / 5, 1) == 0)
      page.print("step %5d   recon %7.2f   KL %6.2f\n", int(step + 1), item(t[0]), item(t[1]));
  }
  //<

  const NoGrad off(ctx);
  const Scratch scratch(ctx);
  const Terms t = negative_elbo(page, vae, held_out, Rng(ctx));
  const double recon = item(mean(t.recon)), kl = item(mean(t.kl));
  const std::vector<double> by_pixel = baseline(shapes.train, test), ours = to_host(t.recon + t.kl);
  double alone = 0, squares = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    alone += by_pixel[i] / double(kTest);
    squares += (by_pixel[i] - ours[i]) * (by_pixel[i] - ours[i]) / double(kTest);
  }
  const double better = alone - recon - kl;
  const double error = std::sqrt((squares - better * better) / double(kTest));
  const Normal q = vae.encode(held_out);
  const std::vector<double> kl_of =
      to_host(mean(0.5 * (square(q.mu) + exp(q.logvar) - 1 - q.logvar), {.first = 0, .last = 0}));
  std::vector<size_t> order(kLatents);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return kl_of[a] > kl_of[b]; });
  const auto active = std::count_if(kl_of.begin(), kl_of.end(), [](double v) { return v > 0.1; });
  page.print(
      "\nheld out: recon %.1f + KL %.1f = %.1f nats; pixel by pixel %.1f; %d of %d latents in "
      "use\n",
      recon, kl, recon + kl, alone, int(active), int(kLatents));
  page.set("train_images", double(shapes.train.n));
  page.set({{"negative_elbo", recon + kl}, {"recon", recon}, {"kl", kl}, {"baseline", alone}});
  page.set({{"better", better},
            {"errors", better / error},
            {"active", double(active)},
            {"entropy", entropy(test)}});

  // Pictures: held-out images, what their codes draw, draws from noise, and a walk along each latent from -2 to 2.
  constexpr i64 kShown = 8;
  const auto drawn = [&](const Tensor& z) {
    return book::images_of(to_host(vae.decode(z).mean()), size_t(z.dim[0]));
  };
  std::vector<double> first(test.begin(), test.begin() + kShown * kPixels);
  std::vector<book::Figure::Row> rows = {
      {"held-out shapes", book::images_of(first, kShown)},
      {"drawn from their codes", drawn(slice(q.mu, 0, kShown))},
      {"drawn from noise", drawn(normal(Rng(ctx), {kShown, kLatents}))}};
  double farthest = 0;
  page.print("\nlatent    KL   the shape moves to the right by, from -2 to 2\n");
  for (const size_t k : order) {
    if (kl_of[k] <= 0.1) continue;
    std::vector<double> z(kShown * kLatents, 0.0);
    for (size_t i = 0; i < kShown; ++i) z[i * kLatents + k] = -2 + 4 * double(i) / (kShown - 1);
    const auto walk = drawn(from_host(ctx, {kShown, kLatents}, z));
    const double moved = centre(walk.back()) - centre(walk.front());
    farthest = std::max(farthest, std::abs(moved));
    page.print("%6d %5.2f   %5.1f pixels\n", int(k), kl_of[k], moved);
    rows.push_back({cat("latent ", k, ", from -2 to 2"), walk});
  }
  page.set("farthest", farthest);
  page.draw(book::strip(rows, kSide));
}

}  // namespace

int main(int count, char** words) {
  return book::run(count, words, "A first minute: can a machine learn to draw from noise?",
                   chapter);
}
