// The VAEs through Training, as the program drives them.
#include <doctest/doctest.h>

#include <cmath>

#include "models/image_training.h"

using namespace lat;
using models::Evaluation;
using Training = models::ImageTraining;

namespace {

Training make(const std::string& name, const std::string& data, i64 size,
              const std::vector<std::pair<std::string, std::string>>& keys,
              Context::Options options, models::TrainConfig config) {
  auto model = models::make_model<models::ImageModel>(name);
  for (const auto& [key, value] : keys) REQUIRE(model->set(key, value));
  DataOptions d;
  d.size = size;
  return Training(options, std::move(model), load_data(data, d), config);
}

struct Curve {
  double kl, recon;
};

// The beta-VAE on 16x16 shapes.
Curve shapes(const std::vector<std::pair<std::string, std::string>>& keys, i64 steps) {
  Training t = make("beta_vae", "shapes", 16, keys, {.threads = 2, .seed = 1},
                    {.batch = 64, .lr = 1e-3, .lr_last = 0.1});
  for (i64 i = 0; i < steps; ++i) t.step(steps);
  const Evaluation e = t.evaluate(1000);
  return {e.kl, e.recon};
}

}  // namespace

TEST_CASE("a zero last layer costs 784 ln 2 at step 0") {
  Context ctx;
  auto model = models::make_model<models::ImageModel>("vae");
  model->build(ctx, {.h = 28, .w = 28, .c = 1});
  Params& p = model->params();
  for (size_t i = 0; i < p.entries().size(); ++i)
    if (p.entries()[i].name.starts_with("pixels"))
      set_values(p.memory(int(i)), std::vector<double>(size_t(p.entries()[i].shape.size()), 0.0));
  const Tensor x = uniform(Rng(ctx), {8, 28, 28, 1});
  const auto terms = model->loss({x, {}}, Rng(ctx));
  for (const double nats : to_host(terms[0].value))
    CHECK(nats == doctest::Approx(784 * std::log(2.0)).epsilon(1e-6));
}

TEST_CASE("the total is the weighted sum of the terms that are logged") {
  Context ctx;
  auto model = models::make_model<models::ImageModel>("beta_vae");
  model->set("model.beta", "4");
  model->build(ctx, {.h = 16, .w = 16, .c = 1});
  const auto terms = model->loss({uniform(Rng(ctx), {5, 16, 16, 1}), {}}, Rng(ctx));
  REQUIRE(terms.size() == 2);
  const double sum = item(mean(terms[0].value)) + 4 * item(mean(terms[1].value));
  CHECK(item(models::total(terms)) == doctest::Approx(sum).epsilon(1e-6));
}

TEST_CASE("the KL's weight rises from 0 to 1 over its share of the steps") {
  Context ctx;
  auto model = models::make_model<models::ImageModel>("vae");
  model->set("model.warmup", "0.4");
  model->build(ctx, {.h = 8, .w = 8, .c = 1});
  const Tensor x = uniform(Rng(ctx), {5, 8, 8, 1});
  for (const auto& [step, weight] : {std::pair{0, 0.0}, {10, 0.25}, {40, 1.0}, {99, 1.0}}) {
    model->schedule(step, 100);
    const auto terms = model->loss({x, {}}, Rng(ctx));
    const double kl = item(mean(terms[1].value)), recon = item(mean(terms[0].value));
    REQUIRE(kl > 0.01);
    CHECK(item(models::total(terms)) == doctest::Approx(recon + weight * kl).epsilon(1e-6));
  }
}

TEST_CASE("beta on shapes: the KL falls and the reconstruction cost rises") {
  const Curve one = shapes({{"model.beta", "1"}}, 700), four = shapes({{"model.beta", "4"}}, 700),
              sixteen = shapes({{"model.beta", "16"}}, 700);
  MESSAGE("KL ", one.kl, " ", four.kl, " ", sixteen.kl, "  recon ", one.recon, " ", four.recon, " ",
          sixteen.recon);
  CHECK(one.kl > four.kl);
  CHECK(four.kl > sixteen.kl);
  CHECK(one.recon < four.recon);
  CHECK(four.recon < sixteen.recon);
}

TEST_CASE("the capacity target is followed: |KL - C| < 0.5 nats") {
  const Curve c = shapes({{"model.capacity", "10"}, {"model.gamma", "100"}}, 1200);
  MESSAGE("KL ", c.kl, " at C = 10");
  CHECK(std::abs(c.kl - 10) < 0.5);
}

TEST_CASE(
    "terms that come from a device are the CPU's at their step, and the last step's are waited "
    "for") {
  constexpr i64 kSteps = 40;
  const auto small = [](const std::string& device) {
    return make("vae", "digits", 0, {{"model.hidden", "8"}, {"model.latent", "2"}},
                {.device = device, .seed = 4}, {.batch = 4});
  };
  std::vector<decltype(small("cpu").terms())> terms{{}};
  Training cpu = small("cpu");
  for (i64 i = 0; i < kSteps; ++i) {
    cpu.step(kSteps);
    CHECK(cpu.recent().step == i + 1);
    CHECK(cpu.recent().terms == cpu.terms());
    terms.push_back(cpu.terms());
  }
  for (const std::string device : {"emulated", "emulated:reverse", "emulated:unfair"}) {
    CAPTURE(device);
    Training t = small(device);
    i64 last = 0;
    for (i64 i = 0; i < kSteps; ++i) {
      t.step(kSteps);
      const Training::Known& known = t.recent();
      CHECK(known.step >= std::max<i64>(last, 1));
      CHECK(known.step <= t.done());
      last = known.step;
      CHECK(known.terms == terms[static_cast<size_t>(known.step)]);
    }
    CHECK(t.terms() == terms.back());
    CHECK(t.recent().step == kSteps);
  }
}

TEST_CASE("resume repeats the bits: 2N steps against N, save, load, N") {
  for (const char* net : {"mlp", "conv"}) {
    const std::vector<std::pair<std::string, std::string>> keys{
        {"model.net", net}, {"model.hidden", "32"}, {"model.latent", "4"}};
    Training straight = make("vae", "digits", 0, keys, {.seed = 3}, {.batch = 32});
    for (i64 i = 0; i < 20; ++i) straight.step(20);
    const std::string folder = std::string("test-resume-") + net;
    Training first = make("vae", "digits", 0, keys, {.seed = 3}, {.batch = 32});
    for (i64 i = 0; i < 10; ++i) first.step(20);
    first.save(folder, {});
    Training second = make("vae", "digits", 0, keys, {.seed = 3}, {.batch = 32});
    second.resume(folder);
    second.evaluate();
    for (i64 i = 10; i < 20; ++i) second.step(20);
    CHECK(second.model().params().hash() == straight.model().params().hash());
  }
}

TEST_CASE(
    "a learning rate that diverges stops with the op's name and the parameters of the step "
    "before") {
  Training t = make("vae", "digits", 0, {{"model.hidden", "16"}, {"model.latent", "2"}},
                    {.seed = 1}, {.batch = 32});
  t.step(10);
  Params& p = t.model().params();
  float* const weight = static_cast<float*>(p.memory(0).data);
  weight[0] = NAN;
  const std::string before = p.hash();
  try {
    t.step(10);
    FAIL("a NaN weight went unnoticed");
  } catch (const Error& e) {
    CHECK(e.code == Code::failed);
    CHECK(std::string(e.what()).find("first in op 'linear'") != std::string::npos);
  }
  CHECK(p.hash() == before);
}
