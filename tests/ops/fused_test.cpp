// Each fused op against the composition that it stands for, and against closed forms and quadrature.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <numbers>

#include "engine/dist/dist.h"
#include "tests/harness/cases.h"

namespace lat::test {

namespace {

using Body = std::function<Tensor(Rng, const Tensors&)>;
constexpr Reduce kLast{.first = -1, .last = -1};
constexpr Act kActs[] = {Act::none, Act::relu, Act::tanh, Act::sigmoid};

struct Result {
  Values value, gradient;
};

// Value and gradient of sum(y cot), cot random, in double.
Result run(const Body& body, const std::vector<Shape>& shapes, i64 classes) {
  Context ctx({.real = DType::f64});
  Params params;
  std::vector<Slot> slots;
  for (size_t k = 0; k < shapes.size(); ++k)
    slots.push_back(params.add("x" + std::to_string(k), shapes[k], {Init::normal, 1}));
  params.materialise(ctx);
  Tensors x;
  for (const Slot slot : slots) x.push_back(params[slot]);
  const Buffer label(ctx, {classes > 0 ? shapes[0][0] : 0}, DType::i32);
  if (classes > 0) {
    Values v(static_cast<size_t>(shapes[0][0]));
    for (size_t i = 0; i < v.size(); ++i)
      v[i] = static_cast<double>(i * 3 % static_cast<size_t>(classes));
    set_values(label, v);
    x.push_back(label);
  }
  const Tensor y = body(Rng(ctx), x);
  backward(sum(y * from_host(ctx, y.shape(), Numbers(4).values(y.size(), -1, 1))), params);
  return {to_host(y), to_host(params.grads())};
}

void agree(const char* name, const Body& fused, const Body& spelled,
           const std::vector<Shape>& shapes, i64 classes = 0) {
  CAPTURE(name);
  const Result a = run(fused, shapes, classes), b = run(spelled, shapes, classes);
  REQUIRE(a.value.size() == b.value.size());
  for (size_t i = 0; i < a.value.size(); ++i)
    CHECK(std::abs(a.value[i] - b.value[i]) <= 1e-12 * (1 + std::abs(b.value[i])));
  for (size_t i = 0; i < a.gradient.size(); ++i)
    CHECK(std::abs(a.gradient[i] - b.gradient[i]) <= 1e-10 * (1 + std::abs(b.gradient[i])));
}

// (..., D) -> (..., 1)
Tensor row_sums(const Tensor& x) { return sum(x, {.first = -1, .last = -1, .keep = true}); }

// Points -from ... from, as rows of one number, and their distance.
struct Grid {
  Tensor x;
  double step;
};
Grid grid(Context& ctx, double from, int n) {
  const double step = 2 * from / (n - 1);
  Values v(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) v[static_cast<size_t>(i)] = -from + i * step;
  return {from_host(ctx, {n, 1}, v), step};
}

}  // namespace

TEST_CASE("linear and convolutions are product, bias, activation") {
  for (const Act act : kActs) {
    CAPTURE(int(act));
    agree(
        "linear", [=](Rng, const Tensors& x) { return linear(x[0], x[1], x[2], act); },
        [=](Rng, const Tensors& x) { return activate(matmul(x[0], x[1]) + x[2], act); },
        {{5, 7}, {7, 3}, {3}});
    agree(
        "linear, batched", [=](Rng, const Tensors& x) { return linear(x[0], x[1], x[2], act); },
        [=](Rng, const Tensors& x) {
          return activate(matmul(x[0], x[1]) + reshape(x[2], {2, 1, 3}), act);
        },
        {{2, 5, 7}, {2, 7, 3}, {2, 3}});
    const Conv g{2, 1};
    agree(
        "conv2d", [=](Rng, const Tensors& x) { return conv2d(x[0], x[1], x[2], g, act); },
        [=](Rng, const Tensors& x) { return activate(conv2d(x[0], x[1], {}, g) + x[2], act); },
        {{2, 6, 6, 3}, {4, 4, 3, 5}, {5}});
    agree(
        "conv2d_data",
        [=](Rng, const Tensors& x) { return conv2d_data(x[0], x[1], x[2], 6, 6, g, act); },
        [=](Rng, const Tensors& x) {
          return activate(conv2d_data(x[0], x[1], {}, 6, 6, g) + x[2], act);
        },
        {{2, 3, 3, 5}, {4, 4, 3, 5}, {3}});
  }
}

TEST_CASE("a convolution is a sum over taps of products with shifted images") {
  agree(
      "conv2d", [](Rng, const Tensors& x) { return conv2d(x[0], x[1], {}, {.pad = 0}); },
      [](Rng, const Tensors& x) {
        Tensor y;
        for (i64 r = 0; r < 3; ++r)
          for (i64 s = 0; s < 2; ++s) {
            const Tensor shifted = narrow(narrow(x[0], 1, r, r + 3), 2, s, s + 4);  // (B,P,Q,C)
            const Tensor tap = reshape(slice(reshape(x[1], {6, 2, 3}), r * 2 + s, r * 2 + s + 1),
                                       {2, 3});  // (C,K)
            const Tensor term = linear(shifted, tap, {});
            y = y ? y + term : term;
          }
        return y;
      },
      {{2, 5, 5, 2}, {3, 2, 2, 3}});
}

TEST_CASE("likelihoods are their formulas") {
  const std::vector<Shape> two{{4, 6}, {4, 6}}, three{{4, 6}, {4, 6}, {4, 6}};
  const double log_2pi = std::log(2 * std::numbers::pi);
  agree(
      "gaussian_kl", [](Rng, const Tensors& x) { return gaussian_kl(x[0], x[1]); },
      [](Rng, const Tensors& x) { return 0.5 * sum(square(x[0]) + exp(x[1]) - 1 - x[1], kLast); },
      two);
  agree(
      "gaussian_log_prob",
      [](Rng, const Tensors& x) { return gaussian_log_prob(x[0], x[1], x[2]); },
      [=](Rng, const Tensors& x) {
        return -0.5 * sum(square(x[0] - x[1]) / exp(x[2]) + x[2] + log_2pi, kLast);
      },
      three);
  agree(
      "bernoulli_log_prob",
      [](Rng, const Tensors& x) { return bernoulli_log_prob(x[0], sigmoid(x[1])); },
      [](Rng, const Tensors& x) {
        const Tensor p = sigmoid(x[0]), t = sigmoid(x[1]);
        return sum(t * log(p) + (1 - t) * log(1 - p), kLast);
      },
      two);
  agree(
      "log_softmax", [](Rng, const Tensors& x) { return log_softmax(x[0]); },
      [](Rng, const Tensors& x) { return x[0] - log(row_sums(exp(x[0]))); }, {{4, 6}});
  agree(
      "categorical_log_prob",
      [](Rng, const Tensors& x) { return categorical_log_prob(x[0], x[1]); },
      [](Rng r, const Tensors& x) {  // row i has the label 3 i mod 6
        const Tensor hot = from_host(r.ctx(), {4, 6}, {1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0,
                                                       1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0});
        return sum((x[0] - log(row_sums(exp(x[0])))) * hot, kLast);
      },
      {{4, 6}}, 6);
}

TEST_CASE("recurrent cells are their equations") {
  const auto gate = [](const Tensor& x, i64 k) { return narrow(x, -1, 3 * k, 3 * k + 3); };
  agree(
      "gru_cell", [](Rng, const Tensors& x) { return gru_cell(x[0], x[1], x[2]); },
      [=](Rng, const Tensors& x) {
        const Tensor r = sigmoid(gate(x[0], 0) + gate(x[1], 0));
        const Tensor z = sigmoid(gate(x[0], 1) + gate(x[1], 1));
        const Tensor n = tanh(gate(x[0], 2) + r * gate(x[1], 2));
        return (1 - z) * n + z * x[2];
      },
      {{4, 9}, {4, 9}, {4, 3}});
  agree(
      "lstm_cell",
      [](Rng, const Tensors& x) {
        const LstmState s = lstm_cell(x[0], x[1], {x[2], x[2]});
        return concat({s.h, s.c});
      },
      [=](Rng, const Tensors& x) {
        const Tensor a = x[0] + x[1];
        const Tensor c = sigmoid(gate(a, 1)) * x[2] + sigmoid(gate(a, 0)) * tanh(gate(a, 2));
        return concat({sigmoid(gate(a, 3)) * tanh(c), c});
      },
      {{4, 12}, {4, 12}, {4, 3}});
}

TEST_CASE("normalisation is centring and scaling, then gain and bias") {
  const auto centred = [](const Tensor& x) {  // rows to mean 0 and variance 1
    const Tensor c = x - row_sums(x) / static_cast<double>(x[-1]);
    return c / sqrt(row_sums(square(c)) / static_cast<double>(x[-1]) + 0.1);
  };
  agree(
      "layer_norm", [](Rng, const Tensors& x) { return layer_norm(x[0], x[1], x[2], 0.1); },
      [=](Rng, const Tensors& x) { return centred(x[0]) * x[1] + x[2]; }, {{4, 6}, {6}, {6}});
  agree(
      "layer_norm, bare", [](Rng, const Tensors& x) { return layer_norm(x[0], {}, {}, 0.1); },
      [=](Rng, const Tensors& x) { return centred(x[0]); }, {{2, 3, 5}});
  agree(
      "group_norm", [](Rng, const Tensors& x) { return group_norm(x[0], 3, x[1], x[2], 0.1); },
      [=](Rng, const Tensors& x) {
        std::vector<Tensor> groups;
        for (i64 g = 0; g < 3; ++g) {
          const Tensor part = narrow(x[0], -1, 2 * g, 2 * g + 2);
          groups.push_back(reshape(centred(flatten(part)), part.shape()));
        }
        return concat(groups) * x[1] + x[2];
      },
      {{2, 3, 4, 6}, {6}, {6}});
}

TEST_CASE("a scan is its recurrence") {
  agree(
      "scan", [](Rng, const Tensors& x) { return scan(x[0], x[1], x[2]); },
      [](Rng, const Tensors& x) {
        const Tensors a = unstack(x[0]), b = unstack(x[1]);
        const Tensor y0 = a[0] * x[2] + b[0], y1 = a[1] * y0 + b[1];
        return stack(Tensors{y0, y1, a[2] * y1 + b[2]});
      },
      {{3, 4}, {3, 4}, {4}});
  agree(
      "scan_reverse", [](Rng, const Tensors& x) { return scan_reverse(x[0], x[1]); },
      [](Rng, const Tensors& x) {
        const Tensors a = unstack(x[0]), b = unstack(x[1]);
        const Tensor y1 = a[1] * b[2] + b[1];
        return stack(Tensors{a[0] * y1 + b[0], y1, b[2]});
      },
      {{3, 4}, {3, 4}});
}

TEST_CASE("the divergences of two distributions are their formulas") {
  const std::vector<Shape> four{{4, 3}, {4, 3}, {4, 3}, {4, 3}};
  agree(
      "normals",
      [](Rng, const Tensors& x) {
        return kl(Normal{x[0], x[1]}, Normal{x[2], x[3]});
      },
      [](Rng, const Tensors& x) {
        const Tensor sq = exp(0.5 * x[1]), sp = exp(0.5 * x[3]);
        return sum(log(sp / sq) + (square(sq) + square(x[0] - x[2])) / (2 * square(sp)) - 0.5,
                   kLast);
      },
      four);
  agree(
      "a normal and the prior",
      [](Rng, const Tensors& x) {
        return kl(Normal{x[0], x[1]}, StandardNormal{});
      },
      [](Rng r, const Tensors& x) {
        const Tensor zero = fill(r.ctx(), {3}, 0);
        return kl(Normal{x[0], x[1]}, Normal{zero, zero});
      },
      {{4, 3}, {4, 3}});
  agree(
      "Bernoullis", [](Rng, const Tensors& x) { return kl(Bernoulli{x[0]}, Bernoulli{x[1]}); },
      [](Rng, const Tensors& x) {
        const Tensor q = sigmoid(x[0]), p = sigmoid(x[1]);
        return sum(q * log(q / p) + (1 - q) * log((1 - q) / (1 - p)), kLast);
      },
      {{4, 3}, {4, 3}});
}

TEST_CASE("reparameterise is mu + sigma eps, with the noise that normal draws") {
  agree(
      "reparameterise", [](Rng r, const Tensors& x) { return reparameterise(r, x[0], x[1]); },
      [](Rng r, const Tensors& x) {
        return x[0] + exp(0.5 * x[1]) * normal(r, {4, 6});
      },
      {{4, 6}, {4, 6}});
}

TEST_CASE("densities integrate to one; entropies and divergences are their integrals") {
  Context ctx({.real = DType::f64});
  const Grid g = grid(ctx, 14, 4001);
  const auto integral = [&](const Tensor& f) { return item(sum(f)) * g.step; };
  const auto one = [&](double v) { return from_host(ctx, {1}, {v}); };
  for (const auto& [m, lv] : {std::pair{0.0, 0.0}, {1.3, -1.7}, {-0.6, 1.1}}) {
    const Normal q{one(m), one(lv)},
        wide{expand(one(m), g.x.shape()), expand(one(lv), g.x.shape())};
    const Tensor log_q = wide.log_prob(g.x), density = exp(log_q);
    const Normal p{one(0.4), one(0.5)};
    const Tensor log_p = p.log_prob(g.x);
    const Tensor log_prior = Normal{one(0), one(0)}.log_prob(g.x);
    CHECK(integral(density) == doctest::Approx(1).epsilon(1e-10));
    CHECK(integral(density * reshape(g.x, {-1})) == doctest::Approx(m).epsilon(1e-9));
    CHECK(item(q.entropy()) == doctest::Approx(-integral(density * log_q)).epsilon(1e-9));
    CHECK(item(kl(q, p)) == doctest::Approx(integral(density * (log_q - log_p))).epsilon(1e-9));
    CHECK(item(kl(q, StandardNormal{})) ==
          doctest::Approx(integral(density * (log_q - log_prior))).epsilon(1e-9));
  }
}

TEST_CASE("discrete probabilities sum to one; entropies and divergences are their sums") {
  Context ctx({.real = DType::f64});
  const auto logit = [&](double v) { return from_host(ctx, {1, 1}, {v}); };
  for (const double l : {-3.0, 0.0, 0.7, 6.0}) {
    const Bernoulli q{logit(l)}, p{logit(0.3)};
    double total = 0, entropy = 0, divergence = 0;
    for (const double x : {0.0, 1.0}) {
      const double log_q = item(q.log_prob(logit(x))), log_p = item(p.log_prob(logit(x)));
      total += std::exp(log_q);
      entropy -= std::exp(log_q) * log_q;
      divergence += std::exp(log_q) * (log_q - log_p);
    }
    CHECK(total == doctest::Approx(1).epsilon(1e-14));
    CHECK(item(q.entropy()) == doctest::Approx(entropy).epsilon(1e-13));
    CHECK(item(kl(q, p)) == doctest::Approx(divergence).epsilon(1e-12));
  }
  const Tensor logits = from_host(ctx, {1, 4}, {0.3, -2, 1.5, 0});
  const Buffer label(ctx, {1}, DType::i32);
  double total = 0;
  for (int k = 0; k < 4; ++k) {
    set_values(label, Values{static_cast<double>(k)});
    total += std::exp(item(categorical_log_prob(logits, label)));
    CHECK(item(categorical_log_prob(logits, label)) ==
          doctest::Approx(to_host(log_softmax(logits))[static_cast<size_t>(k)]).epsilon(1e-14));
  }
  CHECK(total == doctest::Approx(1).epsilon(1e-14));
}

TEST_CASE("likelihoods stay finite where a naive formula overflows") {
  Context ctx;
  const Tensor far = from_host(ctx, {1, 2}, {200, -200}), x = from_host(ctx, {1, 2}, {1, 0});
  CHECK(item(bernoulli_log_prob(far, x)) == 0);
  CHECK(item(bernoulli_log_prob(far, 1 - x)) == -400);
  CHECK(to_host(log_softmax(far)) == Values{0, -400});
  CHECK(to_host(log_softmax(far + 1e6))[1] == doctest::Approx(-400).epsilon(1e-3));
}

}  // namespace lat::test
