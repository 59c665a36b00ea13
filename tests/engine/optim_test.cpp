// Clipping by the global norm, and averages of parameters.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/lat.h"

namespace lat {

namespace {

using Values = std::vector<double>;

double norm_of(const Values& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

// Two layers, a loss that is large, and steps that clip.
struct Clipped {
  Context ctx;
  Params params;
  Mlp net{params, "net", {7, 40, 300, 3}, Act::tanh};
  std::unique_ptr<Adam> adam;
  Buffer x;

  explicit Clipped(const Context::Options& options) : ctx(options) {
    params.materialise(ctx);
    adam = std::make_unique<Adam>(params, Adam::Options{.lr = 0.01});
    x = Buffer(ctx, {8, 7});
    Values v(56);
    for (size_t i = 0; i < v.size(); ++i) v[i] = std::sin(static_cast<double>(3 * i));
    set_values(x, v);
  }
  Tensor loss(const Tensor& in) const { return sum(square(net(in) - 5)); }
  Tensor clipped_step(double most) {
    backward(loss(x), params);
    const Tensor norm = clip_global_norm(params, most);
    adam->step();
    return norm;
  }
};

}  // namespace

TEST_CASE("gradients are scaled down to the norm, and never up") {
  for (const double most : {0.5, 1e9}) {
    Clipped s({.real = DType::f64});
    backward(s.loss(s.x), s.params);
    const Values before = to_host(s.params.grads());
    const double norm = item(clip_global_norm(s.params, most));
    const Values after = to_host(s.params.grads());
    CHECK(norm == doctest::Approx(norm_of(before)).epsilon(1e-12));
    CHECK(norm > 1);
    const double factor = std::min(1.0, most / norm);
    for (size_t i = 0; i < after.size(); ++i)
      REQUIRE(after[i] == doctest::Approx(factor * before[i]).epsilon(1e-12));
  }
}

TEST_CASE("clipped steps have the same bits replayed, eager, in parts, on every instruction set") {
  const auto train = [](const Context::Options& options) {
    Clipped s(options);
    Step learn(s.ctx, "learn", [&] { return s.clipped_step(0.5); });
    Values norms;
    for (int i = 0; i < 5; ++i) norms.push_back(item(learn()));
    return std::pair{s.params.hash(), norms};
  };
  const auto want = train({});
  CHECK(want.second[0] > 1);
  CHECK(want.second[4] < want.second[0]);
  CHECK(train({.eager = true}) == want);
  CHECK(train({.threads = 3}) == want);
  CHECK(train({.device = "emulated"}) == want);
  for (const kernels::Isa isa : {kernels::Isa::spec, kernels::Isa::v2, kernels::Isa::v3})
    if (kernels::has_isa(isa)) CHECK(train({.isa = isa}) == want);
}

TEST_CASE("the norm is that of the joined shards") {
  const auto norm = [](int shards, bool micro) {
    Clipped s({.shards = shards});
    if (micro)
      for (int k = 0; k < shards; ++k) {
        const Shards mine(s.ctx, k, 1);
        backward(s.loss(slice(s.x, 8 / shards * k, 8 / shards * (k + 1))), s.params);
      }
    else
      backward(s.loss(s.x), s.params);
    const double before = item(clip_global_norm(s.params, 0.5));
    const Values planes = to_host(s.params.grads());
    const size_t n = planes.size() / static_cast<size_t>(shards);
    for (size_t i = n; i < planes.size(); ++i) REQUIRE(planes[i] == 0);
    s.adam->step();
    return std::pair{before, s.params.hash()};
  };
  const auto four = norm(4, false);
  CHECK(norm(4, true) == four);
  CHECK(norm(1, false).first == doctest::Approx(four.first).epsilon(1e-5));
}

TEST_CASE("frozen slots have no part in the norm") {
  Context ctx({.real = DType::f64});
  Params params;
  const Slot a = params.add("a", {3}, {Init::constant, 2}), b = params.add("b", {5}, {});
  params.materialise(ctx);
  params.set_group("b", {.frozen = true});
  backward(sum(square(params[a])) + 100 * sum(params[b]), params);
  CHECK(item(clip_global_norm(params, 1)) == doctest::Approx(4 * std::sqrt(3.0)));
  CHECK(to_host(params.grad(a))[0] == doctest::Approx(1 / std::sqrt(3.0)));
  CHECK(to_host(params.grad(b)) == Values(5, 0));
}

TEST_CASE("a gradient that is not finite fails the clipped step, and the next one works") {
  Context ctx;
  Params params;
  const Slot w = params.add("w", {4}, {Init::constant, 1});
  params.materialise(ctx);
  Adam adam(params, {.lr = 0.1});
  Word scale(ctx, "scale", 1);
  Step learn(ctx, "learn", [&] {
    backward(sum(params[w] * scale), params);
    const Tensor norm = clip_global_norm(params, 1);
    adam.step();
    return norm;
  });
  for (const double bad : {double(INFINITY), double(NAN), 1e30}) {  // 1e30 squared is infinite
    scale.set(bad);
    const std::string before = params.hash();
    learn();
    CHECK(!ctx.step_was_finite());
    CHECK(params.hash() == before);
    if (bad == 1e30) CHECK(learn.first_not_finite() == "clip_global_norm");
    scale.set(1);
    CHECK(item(learn()) == 2);
    CHECK(ctx.step_was_finite());
    CHECK(params.hash() != before);
  }
}

TEST_CASE("max_norm is positive") {
  Clipped s({});
  CHECK_THROWS_WITH_AS(clip_global_norm(s.params, 0), doctest::Contains("expected > 0"), Error);
}

TEST_CASE("an average of parameters is its closed form, and layers can read it") {
  Context ctx({.real = DType::f64});
  Params params;
  const Slot w = params.add("w", {3}, {Init::constant, 1});
  params.materialise(ctx);
  Adam adam(params, {.lr = 0.1});
  const double decay = 0.75;
  Ema ema(params, decay);
  CHECK(to_host(ema.values())[0] == 1);
  Step learn(ctx, "learn", [&] {
    backward(sum(square(params[w])), params);
    adam.step();
    ema.update();
    const Bind averaged(params, ema.values());
    return params[w] * 1;
  });
  Values history;
  for (int n = 1; n <= 9; ++n) {
    const Values read = to_host(learn());
    history.push_back(to_host(params.memory(w.index))[0]);
    double want = std::pow(decay, n);  // decay^n theta_0 + (1 - decay) sum_t decay^(n - t) theta_t
    for (int t = 1; t <= n; ++t)
      want += (1 - decay) * std::pow(decay, n - t) * history[static_cast<size_t>(t - 1)];
    CHECK(to_host(ema.values())[0] == doctest::Approx(want).epsilon(1e-12));
    CHECK(read[0] == to_host(ema.values())[0]);
    CHECK(read[0] != history.back());
  }
}

TEST_CASE("an average does not follow a step that failed") {
  Context ctx;
  Params params;
  const Slot w = params.add("w", {3}, {Init::constant, 1});
  params.materialise(ctx);
  Adam adam(params, {.lr = 0.1});
  Ema ema(params, 0.5);
  Word scale(ctx, "scale", 1);
  Step learn(ctx, "learn", [&] {
    backward(sum(params[w] * scale), params);
    adam.step();
    ema.update();
  });
  learn();
  const Values before = to_host(ema.values());
  CHECK(before[0] < 1);
  scale.set(INFINITY);
  learn();
  CHECK(!ctx.step_was_finite());
  CHECK(to_host(ema.values()) == before);
}

}  // namespace lat
