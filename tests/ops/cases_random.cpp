// Rows of the case table: random numbers, likelihoods, choices, effects.
#include "engine/dist/dist.h"
#include "tests/ops/rows.h"

namespace lat::test {

void add_random(Rows& rows) {
  for (const Shape& shape : {Shape{}, Shape{3, 0}, Shape{31, 33}, Shape{40, 251}}) {
    rows.push_back({"normal", shape.text(), {}, [=](Rng r, const Tensors&) {
                      return Tensors{normal(r, shape)};
                    }});
    rows.push_back({"uniform", shape.text(), {}, [=](Rng r, const Tensors&) {
                      return Tensors{uniform(r, shape)};
                    }});
    rows.push_back(
        {"bernoulli", shape.text(), {constant(shape, 0, 1)}, [](Rng r, const Tensors& x) {
           return Tensors{bernoulli(r, x[0])};
         }});
    rows.push_back({"reparameterise",
                    shape.text(),
                    {{.shape = shape}, {.shape = shape}},
                    [](Rng r, const Tensors& x) {
                      return Tensors{reparameterise(r, x[0], x[1]), normal(r, {2})};
                    }});
  }
  rows.push_back({"reparameterise",
                  "twice",
                  {{.shape = {2, 3}}, {.shape = {2, 3}}},
                  [](Rng r, const Tensors& x) {
                    return Tensors{reparameterise(r, x[0], x[1]) * reparameterise(r, x[0], x[1])};
                  }});
  rows.push_back({"rsample",
                  "one variance for all rows",
                  {{.shape = {3, 4}}, {.shape = {4}}},
                  [](Rng r, const Tensors& x) {
                    return Tensors{Normal{x[0], x[1]}.rsample(r)};
                  }});
}

void add_likelihoods(Rows& rows) {
  for (const Shape& s : {Shape{3, 4}, Shape{5}, Shape{2, 0}, Shape{0, 3}, Shape{2, 2, 3},
                         Shape{31, 127}, Shape{3, 4500}}) {
    const i64 terms = s[-1];
    const Input x{.shape = s}, p{.shape = s, .from = 0.05, .to = 0.95};
    const std::string what = s.text();
    rows.push_back({"gaussian_kl",
                    what,
                    {x, x},
                    [](Rng, const Tensors& t) { return Tensors{gaussian_kl(t[0], t[1])}; },
                    terms});
    rows.push_back(
        {"gaussian_log_prob",
         what,
         {x, x, x},
         [](Rng, const Tensors& t) { return Tensors{gaussian_log_prob(t[0], t[1], t[2])}; },
         terms});
    rows.push_back({"bernoulli_log_prob",
                    what,
                    {x, p},
                    [](Rng, const Tensors& t) { return Tensors{bernoulli_log_prob(t[0], t[1])}; },
                    terms});
    if (terms == 0) continue;
    rows.push_back({"log_softmax",
                    what,
                    {x},
                    [](Rng, const Tensors& t) { return Tensors{log_softmax(t[0])}; },
                    terms});
    rows.push_back({"softmax",
                    what,
                    {x},
                    [](Rng, const Tensors& t) { return Tensors{softmax(t[0])}; },
                    terms});
  }
  rows.push_back(
      {"gaussian_log_prob",
       "data that are no variable",
       {constant({3, 4}), {.shape = {4}}, {.shape = {}}},
       [](Rng, const Tensors& t) { return Tensors{gaussian_log_prob(t[0], t[1], t[2])}; },
       12});
  rows.push_back({"kl",
                  "two normals",
                  {{.shape = {3, 4}}, {.shape = {4}}, {.shape = {4}}, {.shape = {}}},
                  [](Rng, const Tensors& t) {
                    return Tensors{kl(Normal{t[0], t[1]}, Normal{t[2], t[3]})};
                  },
                  12});
  rows.push_back(
      {"kl",
       "two Bernoullis",
       {{.shape = {3, 4}}, {.shape = {3, 4}}},
       [](Rng, const Tensors& t) { return Tensors{kl(Bernoulli{t[0]}, Bernoulli{t[1]})}; },
       4});
  for (const i64 classes : {1, 2, 10, 127})
    rows.push_back({"categorical_log_prob",
                    std::to_string(classes),
                    {{.shape = {5, classes}}, labels({5}, double(classes))},
                    [](Rng, const Tensors& t) { return Tensors{categorical_log_prob(t[0], t[1])}; },
                    classes});
}

void add_choice(Rows& rows) {
  for (const i64 classes : {1, 2, 10, 127}) {
    const std::string what = std::to_string(classes);
    rows.push_back({"arg_max", what, {constant({5, classes})}, [](Rng, const Tensors& t) {
                      return Tensors{arg_max(t[0])};
                    }});
    rows.push_back(
        {"one_hot", what, {labels({5}, double(classes))}, [classes](Rng, const Tensors& t) {
           return Tensors{one_hot(t[0], classes)};
         }});
    rows.push_back({"pick",
                    what,
                    {{.shape = {5, classes}}, labels({5}, double(classes))},
                    [](Rng, const Tensors& t) { return Tensors{pick(t[0], t[1])}; },
                    classes});
    rows.push_back(
        {"Categorical",
         what,
         {{.shape = {5, classes}}, {.shape = {5, classes}}, labels({5}, double(classes))},
         [](Rng, const Tensors& t) {
           const Categorical p{t[0]}, q{t[1]};
           return Tensors{p.log_prob(t[2]), p.entropy(), kl(p, q)};
         },
         4 * classes});
    rows.push_back(
        {"Categorical", "draws of " + what, {constant({5, classes})}, [](Rng r, const Tensors& t) {
           return Tensors{Categorical{t[0]}.sample(r)};
         }});
  }
  rows.push_back({"arg_max", "of a vector", {constant({9})}, [](Rng, const Tensors& t) {
                    return Tensors{arg_max(t[0])};
                  }});
  rows.push_back({"arg_max",
                  "ties",
                  {{.shape = {7, 6}, .from = -1, .to = 1, .step = 1, .role = Role::constant}},
                  [](Rng, const Tensors& t) { return Tensors{arg_max(t[0])}; }});
  for (const i64 cols : {1, 5}) {
    rows.push_back({"gather",
                    std::to_string(cols),
                    {constant({4, cols}), labels({9}, 4)},
                    [](Rng, const Tensors& t) { return Tensors{gather(t[0], t[1])}; }});
  }
  rows.push_back({"gather",
                  "(3,2,2) by (2)",
                  {constant({3, 2, 2}), labels({2}, 3)},
                  [](Rng, const Tensors& t) { return Tensors{gather(t[0], t[1])}; }});
  rows.push_back({"gather", "indices", {labels({6}, 9), labels({4}, 6)}, [](Rng, const Tensors& t) {
                    return Tensors{gather(t[0], t[1])};
                  }});
  rows.push_back({"stack", "indices", {labels({6}, 9), labels({6}, 6)}, [](Rng, const Tensors& t) {
                    return Tensors{stack(t)};
                  }});
  rows.push_back({"permutation", "of 40", {}, [](Rng r, const Tensors&) {
                    return Tensors{permutation(r, 40), permutation(r, 1)};
                  }});
  rows.push_back({"huber",
                  "(5,7)",
                  {{.shape = {5, 7}, .from = -3, .to = 3, .kinks = {-1, 1}}},
                  [](Rng, const Tensors& t) { return Tensors{huber(t[0])}; }});
  rows.push_back({"TanhNormal",
                  "(5,3)",
                  {{.shape = {5, 3}}, {.shape = {5, 3}}},
                  [](Rng r, const Tensors& t) {
                    const TanhNormal p{t[0], t[1]};
                    const Tensor u = p.rsample(r);
                    return Tensors{tanh(u), p.log_prob(u)};
                  },
                  12});
}

void add_effects(Rows& rows) {
  // The surrogate has the value's numbers here, so that differences see the gradient that is promised.
  rows.push_back({"straight_through", "(3,4)", {{.shape = {3, 4}}}, [](Rng, const Tensors& x) {
                    return Tensors{square(straight_through(tanh(x[0]), tanh(x[0])))};
                  }});
  rows.push_back({"assign",
                  "(33)",
                  {constant({33}), {.shape = {33}}},
                  [](Rng, const Tensors& x) {
                    assign(x[0], square(x[1]));
                    return Tensors{x[0]};
                  },
                  1,
                  false});
  rows.push_back({"lerp",
                  "(33)",
                  {constant({33}), {.shape = {33}}, constant({}, 0.1, 0.2)},
                  [](Rng, const Tensors& x) {
                    lerp(x[0], x[1], x[2]);
                    return Tensors{x[0]};
                  },
                  1,
                  false});
  for (const Act act : kActs)
    rows.push_back({"activate",
                    kActNames[int(act)],
                    {{.shape = {31}, .kinks = {0}}},
                    [act](Rng, const Tensors& x) { return Tensors{activate(x[0], act)}; }});
}

}  // namespace lat::test
