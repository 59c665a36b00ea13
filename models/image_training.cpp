#include "models/image_training.h"

#include <algorithm>

#include "engine/data/batches.h"

namespace lat::models {

namespace {

Example example_of(const Images& images) {
  Example e{images.h, images.w, images.c, 0};
  for (const int32_t label : images.labels) e.classes = std::max<i64>(e.classes, label + 1);
  return e;
}

// sum over the batch of the KL of each latent: (Z)       1/2 (mu^2 + e^logvar - 1 - logvar)
Tensor kl_by_latent(const Normal& q) {
  return sum(0.5 * (square(q.mu) + exp(q.logvar) - 1 - q.logvar), {.first = 0, .last = 0});
}

// Batch sums over the test set.
struct Sums {
  Tensor recon, kl, kl_per_latent;
  template <class F>
  void each_tensor(F&& f) {
    f(recon), f(kl);
    if (kl_per_latent) f(kl_per_latent);
  }
};

}  // namespace

struct ImageTraining::Steps {
  Steps(Context& ctx, ImageModel& m)
      : evaluate(ctx, "evaluate", {[&](Tensor x, Tensor label) {
                   const NoGrad off(ctx);
                   Sums s;
                   for (const Term& t : m.loss({x, label}, Rng(ctx))) {
                     if (t.name == "recon") s.recon = sum(t.value);
                     if (t.name == "kl") s.kl = sum(t.value);
                   }
                   const Normal q = m.encode(x);
                   if (!s.kl) s.kl = sum(kl(q, StandardNormal{}));
                   s.kl_per_latent = kl_by_latent(q);
                   return s;
                 }}),
        reconstruct(ctx, "reconstruct", {[&](Tensor x) {
                      const NoGrad off(ctx);
                      return m.decode(m.encode(x).mean());
                    }}),
        encode(ctx, "encode", {[&](Tensor x) {
                 const NoGrad off(ctx);
                 return m.encode(x).mean();
               }}),
        decode(ctx, "decode", {[&](Tensor z) {
                 const NoGrad off(ctx);
                 return m.decode(z);
               }}) {}

  Step<Body<Sums, Tensor, Tensor>> evaluate;
  Step<Body<Tensor, Tensor>> reconstruct, encode, decode;
};

ImageTraining::ImageTraining(const Context::Options& context, std::unique_ptr<ImageModel> model,
                             DataSet data, const TrainConfig& config)
    : Training(context, std::move(model), config),
      data_(std::move(data)),
      example_(example_of(data_.train)),
      feed_(ctx(), data_.train, config.batch, context.seed) {
  images().build(ctx(), example_);
  ready();
  steps_ = std::make_unique<Steps>(ctx(), images());
}

ImageTraining::~ImageTraining() = default;

std::vector<Term> ImageTraining::learn(Adam& adam) {
  const auto [x, label] = feed_.next();
  return images().train_step({x, label}, Rng(ctx()), adam);
}

Tensor ImageTraining::test_images(i64 n, i64 first) {
  const Batches one(data_.test, 1, 0, false);
  const Tensor x = ctx().empty({n, example_.h, example_.w, example_.c}, DType::f32);
  const i64 test = data_.test.n;
  ctx().write(x, [&](void* images) {
    for (i64 i = 0; i < n; ++i)
      one.fill((first + i) % test, static_cast<float*>(images) + i * example_.size(), nullptr);
  });
  return x;
}

Evaluation ImageTraining::evaluate(i64 limit) {
  settle();
  Evaluation e;
  const i64 n = limit > 0 ? std::min(limit, data_.test.n) : data_.test.n;
  e.kl_per_latent.assign(static_cast<size_t>(images().latents()), 0);
  steps_->evaluate.seek(0);  // the same noise every time
  for (i64 first = 0; first < n; first += config().test_batch) {
    const Scratch scratch(ctx());
    const i64 rows = std::min(config().test_batch, n - first);
    const Tensor x = test_images(rows, first);
    const Tensor labels = ctx().empty({rows}, DType::i32);
    if (!data_.test.labels.empty()) ctx().write(labels, data_.test.labels.data() + first);
    const Sums& s = steps_->evaluate(x, labels);
    e.recon += item(s.recon);
    e.kl += item(s.kl);
    const std::vector<double> by_latent = to_host(s.kl_per_latent);
    for (size_t z = 0; z < by_latent.size(); ++z) e.kl_per_latent[z] += by_latent[z];
  }
  const double count = static_cast<double>(n);
  e.recon /= count, e.kl /= count;
  for (double& v : e.kl_per_latent) {
    v /= count;
    e.active += v > kActive ? 1 : 0;
  }
  e.elbo = -(e.recon + e.kl);
  e.examples = n;
  return e;
}

std::vector<float> ImageTraining::images_of(const Tensor& t) const {
  std::vector<float> out;
  for (const double v : to_host(t)) out.push_back(static_cast<float>(v));
  return out;
}

std::vector<float> ImageTraining::originals(i64 n, i64 first) {
  const Scratch scratch(ctx());
  return images_of(test_images(n, first));
}

std::vector<float> ImageTraining::reconstructions(i64 n, i64 first) {
  const Scratch scratch(ctx());
  return images_of(steps_->reconstruct(test_images(n, first)));
}

std::vector<float> ImageTraining::samples(i64 n, u64 seed) {
  const Scratch scratch(ctx());
  const NoGrad off(ctx());
  Step draw(ctx(), "sample", [&] { return images().sample(n, Rng(ctx())); });
  draw.seek(seed);
  return images_of(draw());
}

std::vector<float> ImageTraining::traversal(i64 example, i64 dim, double from, double to, i64 n) {
  LAT_CHECK(dim >= 0 && dim < images().latents(), Code::usage, "traverse", "latent ", dim,
            " of a model with ", images().latents(), "; expected 0 .. ", images().latents() - 1);
  const Scratch scratch(ctx());
  const std::vector<double> code = to_host(steps_->encode(test_images(1, example)));
  std::vector<double> codes;
  for (i64 i = 0; i < n; ++i) {
    codes.insert(codes.end(), code.begin(), code.end());
    const double t = n > 1 ? static_cast<double>(i) / static_cast<double>(n - 1) : 0.5;
    codes[codes.size() - code.size() + static_cast<size_t>(dim)] = from + (to - from) * t;
  }
  return images_of(steps_->decode(from_host(ctx(), {n, images().latents()}, codes)));
}

}  // namespace lat::models
