// Chapter 8: a real VAE on Fashion-MNIST, and ten bugs that print plausible numbers. The checks that catch them take a second
// and need no training.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/data/batches.h"
#include "tools/book/08_real_vae/figure.h"
#include "tools/book/page.h"

namespace {

using namespace lat;
using lat::book::Page;

constexpr i64 kPixels = 784, kHidden = 400, kLatents = 20, kBatch = 128;

//> vae
struct Vae {
  const Page& page;
  Linear hidden, mu, logvar, expand, pixels;

  Vae(const Page& bugs, Params& p)
      : page(bugs),
        hidden(p, "hidden", kPixels, kHidden),
        mu(p, "mu", kHidden, kLatents),
        logvar(p, "logvar", kHidden, kLatents),
        expand(p, "expand", kLatents, kHidden),
        pixels(p, "pixels", kHidden, kPixels, {Init::constant, 0}) {}  // every pixel starts at 1/2

  Normal encode(const Tensor& x) const {    // q(z|x)     x (B,784)
    const Tensor h = hidden(x, Act::relu);  // (B,400)
    Tensor lv = logvar(h);                  // (B,20)
    if (page.bug(4)) lv = log(relu(lv));
    return {mu(h), lv};
  }
  Bernoulli decode(const Tensor& z) const {        // p(x|z)     z (B,20)
    Tensor logits = pixels(expand(z, Act::relu));  // (B,784)
    if (page.bug(5)) logits = sigmoid(logits);
    return {logits};
  }
  Tensor draw(const Normal& q, Rng rng) const {  // (B,20)
    if (page.bug(3)) return q.mu + exp(q.logvar) * normal(rng, q.mu.shape());
    if (page.bug(7)) return q.mu + exp(0.5 * q.logvar) * normal(rng, {1, kLatents});
    if (page.bug(8)) return stop_gradient(q.rsample(rng));
    return q.rsample(rng);
  }
};
//<

struct Terms {
  Tensor recon, kl;  // (B) nats
};

//> terms
Terms negative_elbo(const Vae& vae, const Tensor& x, Rng rng) {
  const Normal q = vae.encode(x);
  Terms t{-vae.decode(vae.draw(q, rng)).log_prob(x),  // (B)  summed over pixels
          kl(q, StandardNormal{})};                   // (B)  summed over latents
  if (vae.page.bug(1)) t.kl = t.kl / double(kLatents);
  if (vae.page.bug(2)) t.recon = t.recon / double(kPixels);
  return t;
}

Tensor total(const Vae& vae, const Terms& t) {  // ()
  if (vae.page.bug(9)) return mean(t.recon) + 0.1 * mean(t.kl);
  return mean(t.recon + t.kl);
}
//<

//> hand
// The KL of rows of mu and logvar in plain loops, nats per row.
std::vector<double> kl_by_hand(const Normal& q) {
  const std::vector<double> mu = to_host(q.mu), lv = to_host(q.logvar);
  std::vector<double> out(mu.size() / kLatents);
  for (size_t i = 0; i < mu.size(); ++i)
    out[i / kLatents] += 0.5 * (mu[i] * mu[i] + std::exp(lv[i]) - 1 - lv[i]);
  return out;
}
//<

// Checks before the first step: x is one batch.
void inspect(Page& page, const Vae& vae, Params& params, const Tensor& x) {
  Context& ctx = params.ctx();
  const Scratch scratch(ctx);
  const Terms t = negative_elbo(vae, x, Rng(ctx));
  const double recon = item(mean(t.recon)), untrained = kPixels * std::log(2.0);
  const std::vector<double> hand = kl_by_hand(vae.encode(x)), pixels = to_host(x);
  const double kl_sum = std::accumulate(hand.begin(), hand.end(), 0.0) / double(kBatch);
  page.set({{"step0_recon", recon},
            {"untrained", untrained},
            {"step0_kl", item(mean(t.kl))},
            {"hand_kl", kl_sum}});
  page.set({{"step0_total", item(total(vae, t))}, {"terms", recon + item(mean(t.kl))}});
  page.set("largest_pixel", *std::max_element(pixels.begin(), pixels.end()));

  //> spread
  // Draws from a known q, mu = 0 and sigma = 1/2: have they that deviation, and rows their own noise?
  const Normal known{fill(ctx, {1024, kLatents}, 0),
                     fill(ctx, {1024, kLatents}, 2 * std::log(0.5))};
  const Tensor z = vae.draw(known, Rng(ctx));  // (1024,20)
  page.set("deviation", std::sqrt(item(mean(square(z)))));
  page.set("row_mean",
           item(mean(square(mean(z, {.first = 0, .last = 0})))) * 1024 / 0.25);  // 1 +- 0.32
  //<

  //> reach
  // The gradient that reaches mu's weights from the decoder's first layer.
  const Tensor w = params[vae.mu.weight];
  const Tensor start = vae.expand(vae.draw(vae.encode(x), Rng(ctx)), Act::relu);  // (B,400)
  page.set("encoder_gradient", item(sum(abs(grad(sum(start), w)))));
  // A logit of 20 means a pixel that is surely white.
  set_values(params.memory(vae.pixels.bias.index), std::vector<double>(size_t(kPixels), 20.0));
  page.set("surest", item(mean(vae.decode(fill(ctx, {1, kLatents}, 0)).mean())));
  set_values(params.memory(vae.pixels.bias.index), std::vector<double>(size_t(kPixels), 0.0));
  params.written();
  //<
  page.print("before training: recon %.3f (784 ln 2 = %.3f)   KL %.4f (by hand %.4f)\n", recon,
             untrained, item(mean(t.kl)), kl_sum);
}

void chapter(Page& page) {
  Context ctx({.threads = 2, .seed = page.seed()});
  Params params;
  const Vae vae(page, params);
  params.materialise(ctx);
  Adam adam(params, {.lr = 1e-3});
  const i64 steps = page.steps(936);  // two epochs
  const DataSet data =
      load_data("fashion-mnist", {.limit = std::min<i64>(60000, (steps + 2) * kBatch)});
  const Batches batches(data.train, kBatch, page.seed(), true), tests(data.test, kBatch, 0, false);
  const Buffer x(ctx, {kBatch, kPixels});
  const auto load = [&](const Batches& from, i64 number, const Buffer& to) {
    from.fill(number, to.tensor().as<float>(), nullptr);
    if (page.bug(6)) set_values(to, to_host(255 * to.tensor()));
  };
  load(batches, 0, x);
  inspect(page, vae, params, x);

  Step learn(ctx, "learn", [&](Tensor images) {
    const Terms t = negative_elbo(vae, images, Rng(ctx));
    backward(total(vae, t), params);
    adam.step();
    return std::array{mean(t.recon), mean(t.kl)};
  });
  book::Course course;
  for (i64 step = 0; step < steps; ++step) {
    load(batches, step, x);
    const auto& t = learn(x);
    if (step % 12 == 0) {
      course.step.push_back(double(step));
      course.recon.push_back(item(t[0]));
      course.kl.push_back(item(t[1]));
    }
    if (step % 234 == 0)
      page.print("step %4d   recon %7.2f   KL %6.2f\n", int(step), item(t[0]), item(t[1]));
  }

  //> held_out
  // Held-out images, batch after batch; the last one is short. What is averaged is images, not batches.
  double recon = 0, kl = 0, of_batches = 0, images = 0;
  std::vector<double> kl_of(kLatents);
  for (i64 b = 0; b < tests.per_epoch(); ++b) {
    const Scratch scratch(ctx);
    const NoGrad off(ctx);
    const Buffer batch(ctx, {tests.rows(b), kPixels});
    load(tests, b, batch);
    const Terms t = negative_elbo(vae, batch, Rng(ctx));
    recon += item(sum(sum(t.recon)));
    kl += item(sum(t.kl));
    of_batches += item(mean(t.recon + t.kl)) / double(tests.per_epoch());
    images += double(tests.rows(b));
    const Normal q = vae.encode(batch);
    const std::vector<double> each =
        to_host(sum(0.5 * (square(q.mu) + exp(q.logvar) - 1 - q.logvar), {.first = 0, .last = 0}));
    for (size_t k = 0; k < kLatents; ++k) kl_of[k] += each[k] / double(data.test.n);
  }
  double elbo = -(recon + kl) / images;
  if (page.bug(10)) elbo = -of_batches;
  //<
  std::sort(kl_of.rbegin(), kl_of.rend());
  const auto active = std::count_if(kl_of.begin(), kl_of.end(), [](double v) { return v > 0.01; });
  page.print("\nheld out: ELBO %.2f nats, recon %.2f, KL %.2f; %d of %d latents in use\n", elbo,
             recon / images, kl / images, int(active), int(kLatents));
  page.set({{"elbo", elbo},
            {"recon", recon / images},
            {"kl", kl / images},
            {"per_image", -(recon + kl) / images}});
  page.set({{"images", images},
            {"active", double(active)},
            {"kl_of_latents", std::accumulate(kl_of.begin(), kl_of.end(), 0.0)}});
  course.kl_of = kl_of;
  page.draw(book::course_figure(course, kPixels * std::log(2.0), -elbo));
}

}  // namespace

int main(int count, char** words) {
  return book::run(count, words, "A real VAE: what goes wrong without a word?", chapter);
}
