// The tape walked backwards: what reaches what, and what is refused.
#include "engine/tape/tape.h"

#include <doctest/doctest.h>

#include "engine/lat.h"

namespace lat {

namespace {

using Numbers = std::vector<double>;

}  // namespace

TEST_CASE("grad gives zeros where nothing flows, and refuses what is not on the tape") {
  Context ctx;
  const Tensor x = watch(from_host(ctx, {2}, {1, 2})), y = watch(from_host(ctx, {2}, {3, 4}));
  const std::array both{x, y};
  const auto g = grad(sum(x * x), both);
  CHECK(to_host(g[0]) == Numbers{2, 4});
  CHECK(to_host(g[1]) == Numbers{0, 0});
  CHECK_THROWS_AS(grad(sum(x), stop_gradient(y)), Error);
  CHECK_THROWS_AS(grad(x, y), Error);
  CHECK(to_host(grad(sum(x * stop_gradient(x)), x)) == Numbers{1, 2});
}

TEST_CASE("a cotangent of another shape is refused") {
  Context ctx;
  const Tensor x = watch(from_host(ctx, {2}, {1, 2}));
  CHECK_THROWS_AS(grad(x * x, std::span(&x, 1), fill(ctx, {3}, 1)), Error);
}

TEST_CASE("nothing is recorded without tracking, and gradients taken there are not lost") {
  Context ctx;
  const Tensor x = watch(from_host(ctx, {1, 2}, {1, 2})), w = watch(from_host(ctx, {2, 1}, {3, 4}));
  const Tensor y = sum(linear(x, w, {}, Act::none));
  const NoGrad off(ctx);
  const size_t nodes = ctx.tape.nodes.size();
  CHECK(to_host(grad(y, x)) == Numbers{3, 4});
  CHECK(ctx.tape.nodes.size() == nodes);
  CHECK(exp(x).var == 0);
}

TEST_CASE(
    "straight through: the value of one, the gradient of the other, also when both are "
    "parameters") {
  Context ctx;
  Params params;
  const Slot a = params.add("a", {2}, {Init::constant, 3}),
             b = params.add("b", {2}, {Init::constant, 5});
  params.materialise(ctx);
  const Tensor y = straight_through(params[a], params[b] * 2.0);
  CHECK(to_host(y) == Numbers{3, 3});
  backward(sum(reshape(y, {2, 1}) * 7.0), params);
  CHECK(to_host(params.grad(a)) == Numbers{0, 0});
  CHECK(to_host(params.grad(b)) == Numbers{14, 14});
}

TEST_CASE("views of parameters accumulate where the parameter's gradient is") {
  Context ctx;
  Params params;
  const Slot w = params.add("w", {3, 2}, {Init::constant, 1});
  params.materialise(ctx);
  const Tensor x = params[w];
  const Tensor row = reshape(slice(x, 1, 2), {2});
  backward(sum(row * row) + sum(slice(x, 1, 3) * 3.0) + sum(reshape(x, {6})), params);
  CHECK(to_host(params.grad(w)) == Numbers{1, 1, 6, 6, 4, 4});
}

TEST_CASE("eager noise keeps its gradient when more is drawn after it") {
  Context ctx({.real = DType::f64});
  const Tensor mu = watch(fill(ctx, {3}, 0)), logvar = watch(fill(ctx, {3}, 0));
  const Tensor z = reparameterise(Rng(ctx), mu, logvar);
  normal(Rng(ctx), {3});
  const Numbers eps = to_host(z), slope = to_host(grad(sum(z), logvar));
  for (size_t i = 0; i < 3; ++i) CHECK(slope[i] == doctest::Approx(eps[i] / 2));
}

TEST_CASE("a Bernoulli's sample is a constant of the score function") {
  Context ctx;
  const Tensor logits = watch(fill(ctx, {1, 3}, 0));
  const Bernoulli q{logits};
  const Tensor x = q.sample(Rng(ctx));
  const Numbers drawn = to_host(x), score = to_host(grad(sum(q.log_prob(x)), logits));
  for (size_t i = 0; i < 3; ++i) CHECK(score[i] == drawn[i] - 0.5);
  CHECK_THROWS_AS(grad(sum(bernoulli(Rng(ctx), sigmoid(logits))), logits), Error);
}

TEST_CASE("convolutions are differentiated any number of times") {
  Context ctx({.real = DType::f64});
  const Tensor x = watch(fill(ctx, {1, 2, 2, 1}, 2)), f = watch(fill(ctx, {1, 1, 1, 1}, 3));
  const Tensor y = sum(square(conv2d(x, f, {}, {})));  // 4 (2 3)^2
  const Tensor dx = grad(y, x);                        // 2 x f^2
  CHECK(to_host(dx) == Numbers{36, 36, 36, 36});
  CHECK(item(grad(sum(dx), f)) == 4 * 4 * 2 * 3);  // d/df of 4 . 2 x f^2
}

TEST_CASE("an op names itself and both shapes when they do not fit") {
  Context ctx;
  try {
    add(fill(ctx, {2, 3}, 0), fill(ctx, {4}, 0));
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.op == "add");
    CHECK(std::string(e.what()).find("(2,3) and (4)") != std::string::npos);
  }
  CHECK_THROWS_AS(exp(Tensor{}), Error);
}

}  // namespace lat
