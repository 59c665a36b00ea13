// What models to come will ask of the core, each in a screen: the proof that it need not change for them. Every program
// runs as a Step, so that replay is proved with it, and its gradient stands against differences in double precision.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "engine/lat.h"

namespace lat {

namespace {

// The gradient that step left in params, by backward at one call, against differences of step's result along three
// directions. Six calls more make sure that it is a replay that is checked.
template <class S>
void check_gradient(Params& params, S& step) {
  const Tensor theta = params.memory_of_values(), grads = params.grads();
  const std::vector<double> start = to_host(theta);
  const auto run = [&](const std::vector<double>& values) {
    set_values(theta, values);
    set_values(grads, std::vector<double>(static_cast<size_t>(grads.size()), 0.0));
    return item(step());
  };
  for (int i = 0; i < 6; ++i) run(start);
  const std::vector<double> gradient = to_host(grads);
  for (int d = 1; d <= 3; ++d) {
    const auto direction = [&](size_t i) { return std::sin(d * static_cast<double>(i + 1)); };
    const auto at = [&](double h) {
      std::vector<double> moved = start;
      for (size_t i = 0; i < moved.size(); ++i) moved[i] += h * direction(i);
      return run(moved);
    };
    constexpr double h = 1e-3;
    const double want = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
    double got = 0;
    for (size_t i = 0; i < start.size(); ++i) got += gradient[i] * direction(i);
    CHECK(std::abs(want) > 1e-4);  // something flows
    CHECK(got == doctest::Approx(want).epsilon(1e-7));
  }
  run(start);
}

Buffer waves(Context& ctx, const Shape& shape, double phase) {
  Buffer b(ctx, shape);
  std::vector<double> v(static_cast<size_t>(shape.size()));
  for (size_t i = 0; i < v.size(); ++i) v[i] = std::sin(1.7 * static_cast<double>(i) + phase);
  set_values(b, v);
  return b;
}

const Context::Options kDouble{.real = DType::f64};

}  // namespace

// Finn, Abbeel & Levine 2017, "Model-Agnostic Meta-Learning", algorithm 1: the outer gradient goes through five steps.
TEST_CASE("MAML") {
  Context ctx(kDouble);
  Params params;
  const Mlp net(params, "net", {1, 6, 1}, Act::tanh);
  params.materialise(ctx);
  const Buffer support_x = waves(ctx, {5, 1}, 0), support_y = waves(ctx, {5, 1}, 1);
  const Buffer query_x = waves(ctx, {4, 1}, 2), query_y = waves(ctx, {4, 1}, 3);
  const auto error = [&](const Tensor& x, const Tensor& y) { return mean(square(net(x) - y)); };
  Step meta(ctx, "meta", [&] {
    Tensor theta = params.values();  // (n)
    for (int inner = 0; inner < 5; ++inner) {
      const Bind fast(params, theta);
      theta = theta - 0.1 * grad(error(support_x, support_y), theta);
    }
    const Bind adapted(params, theta);
    const Tensor loss = error(query_x, query_y);
    backward(loss, params);
    return loss;
  });
  check_gradient(params, meta);
}

// Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", equation 3.
TEST_CASE("the gradient penalty of WGAN-GP") {
  Context ctx(kDouble);
  Params params;
  const Mlp critic(params, "critic", {3, 8, 8, 1}, Act::tanh);
  params.materialise(ctx);
  const Buffer x = waves(ctx, {6, 3}, 0);
  Step penalise(ctx, "penalise", [&] {
    const Tensor between = watch(x);                                    // (B,D)
    const Tensor slope = grad(sum(critic(between)), between);           // (B,D)
    const Tensor norm = sqrt(sum(square(slope), {.first = 1}) + 1e-6);  // (B)
    const Tensor penalty = mean(square(norm - 1.0));
    backward(penalty, params);
    return penalty;
  });
  check_gradient(params, penalise);
}

// Mnih et al. 2015; the average of Lillicrap et al. 2016: target += rate (theta - target).
TEST_CASE("a target network") {
  Context ctx(kDouble);
  Params params;
  const Mlp net(params, "net", {2, 4, 1}, Act::tanh);
  params.materialise(ctx);
  Adam adam(params, {.lr = 0.05});
  const Buffer x = waves(ctx, {5, 2}, 0), target(ctx, {params.size()});
  set_values(target, to_host(params.memory_of_values()));
  Word rate(ctx, "rate", 0.25);
  Step learn(ctx, "learn", [&] {
    const Tensor y = [&] {
      const Bind frozen(params, target);
      return stop_gradient(net(x));
    }();
    const Tensor loss = mean(square(net(x) - 0.9 * y - 1.0));
    backward(loss, params);
    adam.step();
    lerp(target, params.memory_of_values(), rate);
    return y;
  });
  std::vector<double> average = to_host(target);
  for (int t = 0; t < 6; ++t) {
    if (t == 3) rate.set(0.5);
    set_values(target, average);
    learn();
    const std::vector<double> theta = to_host(params.memory_of_values());
    for (size_t i = 0; i < theta.size(); ++i) average[i] += rate.value() * (theta[i] - average[i]);
    const std::vector<double> got = to_host(target);
    for (size_t i = 0; i < theta.size(); ++i)
      CHECK(got[i] == doctest::Approx(average[i]).epsilon(1e-14));
  }
  // The body reads the average, not the parameters: theta's own output is another one.
  const std::vector<double> by_target = to_host(learn());
  set_values(target, to_host(params.memory_of_values()));
  CHECK(to_host(learn()) != by_target);
}

// The gradient of a batch does not depend on how many of its shards are computed at once.
TEST_CASE("gradient accumulation") {
  constexpr int kShards = 4;
  const auto accumulated = [](int at_once) {
    Context ctx({.shards = kShards});
    Params params;
    const Mlp net(params, "net", {3, 16, 2}, Act::tanh);
    params.materialise(ctx);
    const i64 rows = 2 * at_once;
    const Buffer x = waves(ctx, {2 * kShards, 3}, 0);
    Step collect(ctx, "collect", [&](Key first, Tensor some) {
      const Shards shards(ctx, static_cast<int>(first.value), at_once);
      const Tensor loss = sum(square(net(some))) * (1.0 / 8);
      backward(loss, params);
      return loss;
    });
    for (int first = 0; first < kShards; first += at_once)
      collect(Key{first}, slice(x, first * 2, first * 2 + rows));
    return to_host(params.grads());
  };
  const auto want = accumulated(kShards);
  CHECK(accumulated(1) == want);
  CHECK(accumulated(2) == want);
}

// Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000.
TEST_CASE("an LSTM over time") {
  constexpr i64 T = 7, B = 3, D = 2, H = 4;
  Context ctx(kDouble);
  Params params;
  const Linear from_x(params, "x", D, 4 * H), from_h(params, "h", H, 4 * H);
  params.materialise(ctx);
  const Buffer x = waves(ctx, {T, B, D}, 0), goal = waves(ctx, {T, B, H}, 1);
  Step unroll(ctx, "unroll", [&] {
    Tensor h = fill(ctx, {B, H}, 0), c = fill(ctx, {B, H}, 0);
    std::vector<Tensor> hs;
    for (const Tensor& gates_x : unstack(from_x(x))) {  // (B,4H)
      const Tensor gates = gates_x + from_h(h);
      const auto gate = [&](i64 k) { return narrow(gates, 1, k * H, (k + 1) * H); };
      c = sigmoid(gate(0)) * c + sigmoid(gate(1)) * tanh(gate(2));
      h = sigmoid(gate(3)) * tanh(c);
      hs.push_back(h);
    }
    const Tensor loss = mean(square(stack(hs) - goal));
    backward(loss, params);
    return loss;
  });
  check_gradient(params, unroll);
}

}  // namespace lat
