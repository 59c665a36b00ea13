// Parameters: names, groups, initial values, hashes, gradients and their versions.
#include "engine/core/params.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/lat.h"

namespace lat {

namespace {

std::vector<double> values(const Params& params, Slot slot) {
  return to_host(params.memory(slot.index));
}

double worst(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return a.size() == b.size() ? most : INFINITY;
}

}  // namespace

TEST_CASE("names: duplicates are refused, scopes prefix") {
  Context ctx;
  Params params;
  params.add("w", {2}, {});
  CHECK_THROWS_WITH_AS(params.add("w", {3}, {}), doctest::Contains("'w' is taken"), Error);
  {
    const Params::Scope outer(params, "encoder");
    params.add("w", {2}, {});
    const Params::Scope inner(params, "first");
    params.add_state("w", {2}, {});
  }
  params.add("after", {2}, {});
  CHECK(params.entries()[1].name == "encoder.w");
  CHECK(params.entries()[2].name == "encoder.first.w");
  CHECK(params.entries()[3].name == "after");
  CHECK(params.count() == 6);
  params.materialise(ctx);
  CHECK_THROWS_AS(params.add("late", {2}, {}), Error);
  CHECK_THROWS_AS(params.materialise(ctx), Error);
}

TEST_CASE("a Params is not read before it is materialised") {
  Params params;
  const Slot w = params.add("w", {2}, {});
  CHECK_THROWS_AS(params[w], Error);
}

TEST_CASE("initial values: a function of seed and slot, in both types") {
  const auto drawn = [](DType real, u64 seed) {
    Context ctx({.real = real, .seed = seed});
    Params params;
    const Slot c = params.add("c", {3}, {Init::constant, 0.5});
    const Slot u = params.add("u", {50, 20}, {Init::uniform, 0.3});
    const Slot n = params.add("n", {50, 20}, {Init::normal, 2});
    params.materialise(ctx);
    return std::array{values(params, c), values(params, u), values(params, n)};
  };
  const auto single = drawn(DType::f32, 0), twice = drawn(DType::f64, 0);
  for (size_t k = 0; k < 3; ++k) CHECK(worst(single[k], twice[k]) < 1e-6);
  CHECK(single == drawn(DType::f32, 0));
  CHECK(single[1] != drawn(DType::f32, 1)[1]);
  CHECK(single[0] == std::vector<double>{0.5, 0.5, 0.5});
  double low = 0, high = 0, square = 0;
  for (const double v : twice[1]) low = std::min(low, v), high = std::max(high, v);
  for (const double v : twice[2]) square += v * v;
  CHECK(low < -0.29);
  CHECK(low >= -0.3);
  CHECK(high > 0.29);
  CHECK(high <= 0.3);
  CHECK(square / 1000 == doctest::Approx(4).epsilon(0.15));
}

TEST_CASE("widened weights start as many times as wide, and nothing else does") {
  const auto drawn = [](double factor) {
    Context ctx;
    Params params;
    for (const char* const name : {"a.weight", "a.bias", "b.weight"})
      params.add(name, {40}, {Init::uniform, 0.25});
    params.widen("a.", factor);
    params.materialise(ctx);
    CHECK_THROWS_WITH_AS(params.widen("a.", 2), doctest::Contains("after materialise"), Error);
    std::vector<std::vector<double>> out;
    for (int32_t i = 0; i < 3; ++i) out.push_back(to_host(params.memory(i)));
    return out;
  };
  const auto plain = drawn(1), wide = drawn(4);
  for (size_t i = 0; i < 40; ++i) CHECK(wide[0][i] == 4 * plain[0][i]);
  CHECK(wide[1] == plain[1]);
  CHECK(wide[2] == plain[2]);
}

TEST_CASE("the hash sees every slot") {
  Context ctx;
  Params params;
  std::vector<Slot> slots;
  for (const char* name : {"a", "b", "c"})
    slots.push_back(params.add(name, {3}, {Init::normal, 1}));
  slots.push_back(params.add_state("s", {5}, {}));
  params.materialise(ctx);
  const std::string before = params.hash();
  for (const Slot slot : slots)
    for (i64 i = 0; i < params.memory(slot.index).size(); ++i) {
      float& v = static_cast<float*>(params.memory(slot.index).data)[i];
      const float was = v;
      v += 1;
      CHECK(params.hash() != before);
      v = was;
    }
  CHECK(params.hash() == before);
}

TEST_CASE("groups: a learning rate of its own, or none") {
  Context ctx;
  Params params;
  const Slot a = params.add("a", {3}, {}), b = params.add("b.w", {3}, {}),
             c = params.add("c.w", {3}, {}), d = params.add("d.w", {3}, {Init::constant, 1});
  params.materialise(ctx);
  params.set_group("b.", {.frozen = true});
  params.set_group("c.", {.lr = 0});
  params.set_group("d.", {.lr = 0.5, .decay = 0.1});
  Adam adam(params, {.lr = 0.1});
  backward(sum(params[a] + params[b] + params[c] + params[d]), params);
  adam.step();
  CHECK(values(params, a)[0] == doctest::Approx(-0.1));
  CHECK(values(params, b)[0] == 0);
  CHECK(values(params, c)[0] == 0);
  CHECK(values(params, d)[0] == doctest::Approx(1 - 0.05 * 0.1 - 0.05));
  for (const double g : to_host(params.grads())) CHECK(g == 0);
}

TEST_CASE("Adam takes the steps of the paper") {
  Context ctx({.real = DType::f64});
  Params params;
  const Slot w = params.add("w", {}, {Init::constant, 1});
  params.materialise(ctx);
  Adam adam(params, {.lr = 0.1, .beta1 = 0.8, .beta2 = 0.9, .eps = 1e-3});
  double theta = 1, m = 0, v = 0;
  for (int t = 1; t <= 5; ++t) {
    backward(square(params[w]), params);
    adam.step();
    const double g = 2 * theta;  // Kingma & Ba 2015, algorithm 1
    m = 0.8 * m + 0.2 * g;
    v = 0.9 * v + 0.1 * g * g;
    const double m_hat = m / (1 - std::pow(0.8, t)), v_hat = v / (1 - std::pow(0.9, t));
    theta -= 0.1 * m_hat / (std::sqrt(v_hat) + 1e-3);
    CHECK(values(params, w)[0] == doctest::Approx(theta).epsilon(1e-12));
    CHECK(to_host(adam.v())[0] == doctest::Approx(v).epsilon(1e-12));
  }
  adam.lr.set(0);
  backward(square(params[w]), params);
  adam.step();
  CHECK(values(params, w)[0] == doctest::Approx(theta).epsilon(1e-12));
}

TEST_CASE("backward adds, the optimiser consumes, what is not reached is zero") {
  Context ctx;
  Params params;
  const Slot a = params.add("a", {2}, {Init::constant, 3}), b = params.add("b", {2}, {});
  params.materialise(ctx);
  Adam adam(params, {.lr = 0.1});
  for (const double times : {1.0, 2.0}) {
    backward(sum(square(params[a])), params);
    CHECK(to_host(params.grad(a)) == std::vector<double>{6 * times, 6 * times});
    CHECK(to_host(params.grad(b)) == std::vector<double>{0, 0});
  }
  adam.step();
  for (const double g : to_host(params.grads())) CHECK(g == 0);
  CHECK(values(params, b) == std::vector<double>{0, 0});
  backward(sum(params[b]), params);
  CHECK(to_host(params.grad(a)) == std::vector<double>{0, 0});
  CHECK(to_host(params.grad(b)) == std::vector<double>{1, 1});
}

TEST_CASE("parameters read before an optimiser's step cannot be differentiated after it") {
  Context ctx;
  Params params;
  const Slot w = params.add("w", {2}, {Init::constant, 3});
  params.materialise(ctx);
  Adam adam(params, {.lr = 0.1});
  const Tensor stale = sum(square(params[w]));
  backward(stale, params);
  adam.step();
  try {
    backward(stale, params);
    FAIL("differentiated through an old version");
  } catch (const Error& e) {
    CHECK(e.code == Code::state);
    CHECK(e.op == "square");
  }
  CHECK_NOTHROW(backward(sum(square(params[w])), params));
}

TEST_CASE("an optimiser's step inside a Step moves the values that the body reads next") {
  Context ctx;
  Params params;
  const Slot w = params.add("w", {1}, {Init::constant, 1});
  params.materialise(ctx);
  Adam adam(params, {.lr = 0.25});
  Step twice(ctx, "twice", [&] {
    backward(sum(params[w]), params);
    adam.step();
    const Tensor middle = sum(params[w]);
    backward(sum(params[w] * params[w]), params);
    adam.step();
    return middle;
  });
  CHECK(item(twice()) == doctest::Approx(0.75));
}

}  // namespace lat
