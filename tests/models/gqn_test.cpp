// The generative query network: what r is, what the bound is where it has a closed form, and that it learns.
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <numeric>
#include <random>

#include "models/metrics/scene_report.h"
#include "tests/harness/folder.h"

using namespace lat;
using models::SceneModel;
using models::Views;

namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<SceneModel> gqn(const Settings& settings) {
  auto m = models::make_model<SceneModel>("gqn");
  for (const auto& [key, value] : settings) REQUIRE(m->set("model." + key, value));
  return m;
}

const Settings kSmall{{"width", "16"},   {"r", "12"},      {"layers", "2"},
                      {"channels", "8"}, {"canvas", "6"},  {"kernel", "3"},
                      {"latent", "2"},   {"sigma", "0.5"}, {"sigma_last", "0.5"}};

std::vector<double> uniforms(size_t n, unsigned seed, double low = 0, double high = 1) {
  std::mt19937 g(seed);
  std::vector<double> out(n);
  for (double& x : out) x = low + (high - low) * static_cast<double>(g() >> 8) * 0x1p-24;
  return out;
}

// B scenes with views of 16 x 16, all present.
struct Scenes {
  Scenes(Context& ctx, i64 B, i64 N, unsigned seed = 1) {
    const auto tensor = [&](const Shape& s, double low) {
      return from_host(ctx, s, uniforms(static_cast<size_t>(s.size()), seed++, low, 1));
    };
    views = {tensor({B, N, 16, 16, 3}, 0), tensor({B, N, 7}, -1), fill(ctx, {B, N}, 1),
             tensor({B, 16, 16, 3}, 0), tensor({B, 7}, -1)};
  }
  Views views;
};

// x[:, order]
Tensor reordered(const Tensor& x, const std::vector<i64>& order) {
  std::vector<Tensor> parts;
  for (const i64 n : order) parts.push_back(narrow(x, 1, n, n + 1));
  return concat(parts, 1);
}

// The memory of the parameters called `name`.
Tensor slot(models::Model& m, const std::string& name) {
  const auto& all = m.params().entries();
  for (size_t i = 0; i < all.size(); ++i)
    if (all[i].name == name) return m.params().memory(static_cast<int32_t>(i));
  FAIL("no parameters are called " << name);
  return {};
}

// Sets every number of them.
void set(models::Model& m, const std::string& name, double value) {
  const Tensor t = slot(m, name);
  set_values(t, std::vector<double>(static_cast<size_t>(t.size()), value));
}

}  // namespace

TEST_CASE(
    "gqn: r has the same bits whatever the order of the views, and counts what is seen twice") {
  for (const std::string net : {"tower", "pool", "pyramid"}) {
    CAPTURE(net);
    Context ctx;
    const NoGrad off(ctx);
    auto m = gqn(kSmall);
    m->set("model.net", net);
    m->build(ctx, {.size = 16, .contexts = 4});
    const Scenes s(ctx, 3, 4);
    const Tensor &x = s.views.images, &v = s.views.poses;
    const auto r = [&](const std::vector<i64>& order) {
      const Tensor present = fill(ctx, {3, static_cast<i64>(order.size())}, 1);
      return to_host(m->represent(reordered(x, order), reordered(v, order), present));
    };
    const std::vector<double> whole = r({0, 1, 2, 3});
    double most = 0;
    for (const double value : whole) most = std::max(most, std::fabs(value));
    CHECK(most > 0.01);
    std::vector<i64> order{0, 1, 2, 3};
    while (std::next_permutation(order.begin(), order.end())) REQUIRE(r(order) == whole);

    std::vector<double> twice = r({2});
    for (double& value : twice) value *= 2;
    CHECK(r({2, 2}) == twice);
    twice = whole;
    for (double& value : twice) value *= 2;
    CHECK(r({0, 1, 2, 3, 3, 2, 1, 0}) == twice);

    // What is absent is as if it had not been given.
    Tensor present = from_host(ctx, {3, 4}, {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0});
    CHECK(to_host(m->represent(x, v, present)) == r({0, 2}));
    present = fill(ctx, {3, 4}, 0);
    for (const double value : to_host(m->represent(x, v, present))) CHECK(value == 0);
  }
}

// The loss of each step, and the hash and the work memory after the last.
struct Trained {
  std::vector<double> losses;
  std::string hash;
  i64 work = 0;
};

Trained trained(const Context::Options& options, const std::string& checkpoint, int steps) {
  Context ctx(options);
  Settings settings = kSmall;
  settings.insert(settings.end(), {{"layers", "4"}, {"checkpoint", checkpoint}});
  auto m = gqn(settings);
  m->build(ctx, {.size = 16, .contexts = 2});
  m->schedule(0, 1);
  Adam adam(m->params(), {.lr = 1e-3});
  const Scenes s(ctx, 4, 2);
  const Views& v = s.views;
  Step learn(ctx, "learn", [&](Tensor images, Tensor poses, Tensor present, Tensor x, Tensor pose) {
    return models::total(m->train_step({images, poses, present, x, pose}, Rng(ctx), adam));
  });
  Trained out;
  for (int i = 0; i < steps; ++i)
    out.losses.push_back(item(learn(v.images, v.poses, v.present, v.image, v.pose)));
  out.hash = m->params().hash();
  if (!options.eager) out.work = learn.program().work_bytes;
  return out;
}

TEST_CASE("gqn: checkpointing takes less memory and changes no bit") {
  const auto same = [](const Context::Options& a, const Context::Options& b, int steps) {
    const Trained plain = trained(a, "no", steps), less = trained(b, "yes", steps);
    CHECK(plain.losses == less.losses);
    CHECK(plain.hash == less.hash);
    for (const double loss : less.losses) CHECK(std::isfinite(loss));
    CHECK(less.losses.front() != less.losses.back());
    return std::pair(plain.work, less.work);
  };
  const auto [plain, less] = same({}, {}, 20);
  CAPTURE(plain);
  CAPTURE(less);
  CHECK(less < 0.6 * static_cast<double>(plain));
  same({}, {.threads = 3}, 20);
  same({}, {.eager = true}, 20);
  same({.threads = 3, .eager = true}, {}, 20);
  same({.shards = 2}, {.shards = 2}, 20);
  same({}, {.device = "emulated"}, 2);
}

TEST_CASE("gqn: terms are nats per view") {
  Context ctx;
  auto m = gqn(kSmall);
  m->build(ctx, {.size = 16, .contexts = 2});
  for (const char* const name : {"eta.weight", "eta.bias", "prior.weight", "posterior.weight"})
    set(*m, name, 0);
  // prior N(0.5, e^0.2), posterior N(-0.25, e^-1) at every place.
  const auto biases = [&](const char* name, double mu, double logvar) {
    set_values(slot(*m, name), std::vector<double>{mu, mu, logvar, logvar});
  };
  biases("prior.bias", 0.5, 0.2);
  biases("posterior.bias", -0.25, -1);
  m->schedule(0, 1);
  const Scenes s(ctx, 3, 2);
  const auto terms = m->loss(s.views, Rng(ctx));
  const std::vector<double> x = to_host(s.views.image), recon = to_host(terms[0].value),
                            kl = to_host(terms[1].value);
  const double one = 0.5 * (0.2 + 1 + (std::exp(-1.0) + 0.75 * 0.75) / std::exp(0.2) - 1);
  constexpr size_t kPixels = 16 * 16 * 3;
  for (size_t b = 0; b < 3; ++b) {
    double nats = kPixels * (0.5 * std::log(2 * std::numbers::pi) + std::log(0.5));
    for (size_t i = 0; i < kPixels; ++i) nats += x[b * kPixels + i] * x[b * kPixels + i] / 0.5;
    CHECK(recon[b] == doctest::Approx(nats).epsilon(1e-5));
    CHECK(kl[b] == doctest::Approx(2 * 4 * 4 * 2 * one).epsilon(1e-5));  // layers, places, channels
  }
}

// One layer, linear: x = A z + b + noise with z ~ N(0, 1) at each of the 4 x 4 places, whose patches of 4 x 4 pixels do not
// overlap. With the true posterior as q the bound is log N(x; b, A A^T + sigma^2) in the mean over draws.
TEST_CASE("gqn: one linear layer is a linear-Gaussian model") {
  Context ctx({.seed = 4});
  const NoGrad off(ctx);
  constexpr double kSigma = 0.5;
  auto m = gqn({{"width", "8"},
                {"r", "4"},
                {"core", "linear"},
                {"layers", "1"},
                {"channels", "3"},
                {"canvas", "3"},
                {"kernel", "1"},
                {"latent", "1"},
                {"sigma", "0.5"},
                {"sigma_last", "0.5"}});
  m->build(ctx, {.size = 16, .contexts = 1});
  m->schedule(0, 1);
  for (const char* const name :
       {"generator.input.weight", "generator.input.bias", "inference.input.weight",
        "inference.input.bias", "inference.state.weight", "see.weight", "see.bias", "look.weight",
        "look.bias", "prior.weight", "prior.bias", "posterior.weight", "posterior.bias",
        "paint.bias", "eta.weight", "eta.bias", "generator.state.weight"})
    set(*m, name, 0);
  const auto put = [&](const char* name, i64 at, double value) {
    const Tensor t = slot(*m, name);
    std::vector<double> values = to_host(t);
    values[static_cast<size_t>(at)] = value;
    set_values(t, values);
  };
  // h_g[0] = z, the canvas gets the patch a[i][j] times z, eta spreads it over the colours.
  const std::vector<double> patch = uniforms(16, 7, -1, 1), colours{0.5, -0.8, 0.3},
                            b{0.2, -0.1, 0.4};
  put("generator.state.weight", 0, 1);  // (1,1,1+3,12): z to the first unit
  set(*m, "paint.weight", 0);
  for (i64 k = 0; k < 16; ++k)  // (4,4,3,3): canvas channel 0 from unit 0
    put("paint.weight", k * 9, patch[static_cast<size_t>(k)]);
  for (i64 c = 0; c < 3; ++c) {
    put("eta.weight", c, colours[static_cast<size_t>(c)]);  // (1,1,3,3)
    put("eta.bias", c, b[static_cast<size_t>(c)]);
  }
  // The posterior of z at a place: precision 1 + |A|^2 / sigma^2, mean A.(x - b) / (sigma^2 + |A|^2).
  std::vector<double> A;
  for (const double p : patch)
    for (const double c : colours) A.push_back(p * c);
  const double norm = std::inner_product(A.begin(), A.end(), A.begin(), 0.0), s2 = kSigma * kSigma;
  double offset = 0;
  for (i64 k = 0; k < 48; ++k) {  // see (4,4,3,3): unit 0
    const double w = A[static_cast<size_t>(k)] / (s2 + norm);
    put("see.weight", k * 3, w);
    offset -= w * b[static_cast<size_t>(k % 3)];
  }
  put("see.bias", 0, offset);
  put("inference.input.weight", (4 + 7) * 12,
      1);                         // (1,1,4+7+3,12): what is seen, to the first unit
  put("posterior.weight", 0, 1);  // (1,1,3,2): the mean
  put("posterior.bias", 1, -std::log1p(norm / s2));

  constexpr i64 kDraws = 4000;
  const std::vector<double> x = uniforms(16 * 16 * 3, 9);
  const Tensor image = expand(from_host(ctx, {1, 16, 16, 3}, x), {kDraws, 16, 16, 3});
  const Views views{fill(ctx, {kDraws, 1, 16, 16, 3}, 0), fill(ctx, {kDraws, 1, 7}, 0),
                    fill(ctx, {kDraws, 1}, 1), image, fill(ctx, {kDraws, 7}, 0)};
  const auto terms = m->loss(views, Rng(ctx));
  const std::vector<double> recon = to_host(terms[0].value), kl = to_host(terms[1].value);
  double mean = 0, squares = 0;
  for (size_t i = 0; i < recon.size(); ++i) {
    const double nats = -recon[i] - kl[i];
    mean += nats / kDraws;
    squares += nats * nats / kDraws;
  }
  const double error = std::sqrt((squares - mean * mean) / kDraws);
  double exact = 0;  // 16 places of 48 pixels
  for (i64 place = 0; place < 16; ++place) {
    double d2 = 0, along = 0;
    for (i64 k = 0; k < 48; ++k) {
      const i64 row = place / 4 * 4 + k / 12, col = place % 4 * 4 + k / 3 % 4;
      const double d =
          x[static_cast<size_t>((row * 16 + col) * 3 + k % 3)] - b[static_cast<size_t>(k % 3)];
      d2 += d * d;
      along += d * A[static_cast<size_t>(k)];
    }
    exact -= 0.5 * (48 * std::log(2 * std::numbers::pi * s2) + std::log1p(norm / s2) +
                    (d2 - along * along / (s2 + norm)) / s2);
  }
  MESSAGE("bound ", mean, " +- ", error, ", closed form ", exact);
  CHECK(error < 0.1);
  CHECK(std::fabs(mean - exact) < 4 * error);
}

TEST_CASE("gqn: a scene that cannot be is refused by name") {
  const auto text = [](auto&& f) {
    try {
      f();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(text([] {
          Context ctx;
          gqn(kSmall)->build(ctx, {.size = 20, .contexts = 1});
        }).find("multiple of 8") != std::string::npos);
  CHECK(text([] {
          Context ctx;
          auto m = gqn(kSmall);
          m->set("model.net", "towers");
          m->build(ctx, {.size = 16, .contexts = 1});
        }).find("pyramid, tower, pool") != std::string::npos);
  models::SceneTraining t({}, gqn(kSmall), {}, {.size = 16, .contexts = 2},
                          {.batch = 2, .test_batch = 2});
  CHECK(text([&] { t.representation(t.views(0, 3)); }).find("at most 2") != std::string::npos);
  CHECK(text([&] { t.judge(3, 2, 1); }).find("takes 0 to 2") != std::string::npos);
}

// gqn-tiny, a tenth as long; the long run is recorded in models/README.md.
TEST_CASE("gqn: more views, better predictions; where the object is, is understood") {
  const Settings settings{{"net", "pyramid"},    {"width", "128"},   {"r", "128"},
                          {"layers", "4"},       {"channels", "48"}, {"canvas", "32"},
                          {"kernel", "3"},       {"latent", "4"},    {"sigma", "2"},
                          {"sigma_last", "0.5"}, {"anneal", "1"}};
  rooms::Scenes world;
  world.room.min_objects = world.room.max_objects = 1;
  world.room.min_radius = 0.9f;
  world.room.max_radius = 1.2f;
  models::SceneTraining t({.threads = 2, .seed = 1}, gqn(settings), world,
                          {.size = 16, .contexts = 4},
                          {.batch = 16, .lr_last = 0.1, .test_batch = 32});
  const double untrained = -t.evaluate(32).elbo;
  constexpr i64 kSteps = 1400, kJudged = 128;
  for (i64 step = 0; step < kSteps; ++step) t.step(kSteps);
  CHECK(-t.evaluate(32).elbo < untrained);
  const models::SceneFigures none = t.judge(0, kJudged, 4), all = t.judge(4, kJudged, 4);
  const models::SceneBaselines others = t.baselines(kJudged, 64);
  const auto fall = [](const std::vector<double>& a, const std::vector<double>& b) {
    double mean = 0, squares = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      mean += (a[i] - b[i]) / static_cast<double>(a.size());
      squares += (a[i] - b[i]) * (a[i] - b[i]) / static_cast<double>(a.size());
    }
    return mean / std::sqrt((squares - mean * mean) / static_cast<double>(a.size() - 1));
  };
  MESSAGE("fall of the bound ", fall(none.nll, all.nll), " and of the variance ",
          fall(none.variance, all.variance), " standard errors; RMSE ", all.rmse, ", camera alone ",
          others.camera, ", nearest view ", others.nearest, "; on objects ", all.rmse_objects,
          ", camera alone ", others.camera_objects);
  CHECK(fall(none.nll, all.nll) > 2);
  CHECK(fall(none.variance, all.variance) > 2);
  CHECK(all.rmse < 0.65 * others.camera);
  CHECK(all.rmse_objects < 0.9 * others.camera_objects);
  CHECK(all.rmse < none.rmse);
}

TEST_CASE("gqn: the same bits for any number of threads, on a device, and after a resume") {
  const auto trained = [](Context::Options options, i64 steps, const std::string& from = "",
                          const std::string& to = "") {
    options.seed = 3;
    models::SceneTraining t(options, gqn(kSmall), {}, {.size = 16, .contexts = 2},
                            {.batch = 2, .test_batch = 2});
    if (!from.empty()) t.resume(from);
    while (t.done() < steps) t.step(6);
    t.settle();
    if (!to.empty()) t.save(to, {});
    return t.model().params().hash();
  };
  const std::string hash = trained({}, 6);
  CHECK(trained({.threads = 3}, 6) == hash);
  CHECK(trained({.eager = true}, 6) == hash);
  const test::Folder folder;
  trained({}, 3, "", folder.path);
  CHECK(trained({}, 6, folder.path) == hash);
  CHECK(trained({.device = "emulated"}, 2) == trained({}, 2));
}
