// The case table: one row per op and size. A new op adds its rows here; elementwise ops have theirs from their lines in
// kernels/elementwise/*.def.
#include "tests/harness/cases.h"

#include <map>

#include "engine/dist/dist.h"

namespace lat::test {

namespace {

using Rows = std::vector<Case>;

Input constant(const Shape& shape, double from = -2, double to = 2) {
  return {.shape = shape, .from = from, .to = to, .role = Role::constant};
}
Input labels(const Shape& shape, double classes) {
  return {.shape = shape, .from = 0, .to = classes, .role = Role::label};
}

// --- elementwise ----------------------------------------------------------------------------------------------------

struct Unary {
  std::string name;
  double from, to;
  Tensor (*f)(const Tensor&, double, double);
};
const Unary kUnary[] = {
#define UNARY(name, f, d1, d2, from, to) {#name, from, to, &lat::name},
#include "kernels/elementwise/unary.def"
#undef UNARY
};

// Attributes, and places where a derivative jumps.
struct Attributes {
  double p = 0, q = 0;
  Values kinks{};
};
const std::map<std::string, Attributes> kAttributes{
    {"abs", {.kinks = {0}}},
    {"relu", {.kinks = {0}}},
    {"leaky_relu", {.p = 0.1, .kinks = {0}}},
    {"elu", {.kinks = {0}}},
    {"affine", {.p = 1.7, .q = -0.3}},
    {"clamp", {.p = -1.2, .q = 0.9, .kinks = {-1.2, 0.9}}},
};

void add_unary(Rows& rows) {
  for (const Unary& u : kUnary) {
    const auto found = kAttributes.find(u.name);
    const Attributes a = found == kAttributes.end() ? Attributes{} : found->second;
    const auto add = [&](const std::string& what, const Shape& shape, bool special) {
      rows.push_back(
          {u.name,
           what,
           {{.shape = shape, .from = u.from, .to = u.to, .kinks = a.kinks, .special = special}},
           [f = u.f, a](Rng, const Tensors& x) { return Tensors{f(x[0], a.p, a.q)}; }});
    };
    add("()", {}, false);
    add("(5,7)", {5, 7}, false);
    add("(127)", {127}, false);
    add("(3,0)", {3, 0}, false);
    add("special values", {73}, true);
    if (u.name == "exp" || u.name == "softplus") add("in parts", {163, 251}, false);
  }
}

struct Binary {
  std::string name;
  Tensor (*f)(const Tensor&, const Tensor&);
};
const Binary kBinary[] = {
#define BINARY(name, ...) {#name, &lat::name},
#include "kernels/elementwise/binary.def"
#undef BINARY
};

void add_binary(Rows& rows) {
  const std::pair<Shape, Shape> kShapes[] = {
      {{4, 5}, {4, 5}},    {{3, 1}, {1, 4}},       {{}, {5}},         {{2, 3, 4}, {4}},
      {{2, 1, 3}, {5, 1}}, {{0, 3}, {3}},          {{33}, {1}},       {{2, 3, 1, 4}, {3, 5, 1}},
      {{1}, {2, 0}},       {{1, 2, 1}, {3, 1, 2}}, {{150, 31}, {31}}, {{}, {}}};
  for (const Binary& f : kBinary) {
    const bool ordered = f.name == "minimum" || f.name == "maximum" || f.name == "less";
    const auto run = [g = f.f](Rng, const Tensors& x) { return Tensors{g(x[0], x[1])}; };
    for (const auto& [a, b] : kShapes) {
      Input left{.shape = a}, right{.shape = b};
      if (f.name == "div") right.from = 0.4;
      if (ordered) left.step = right.step = 0.5, right.shift = 0.25;
      rows.push_back({f.name, a.text() + " " + b.text(), {left, right}, run, a.size() + b.size()});
    }
    rows.push_back({f.name,
                    "special values",
                    {{.shape = {12}, .special = true}, {.shape = {12, 1}, .special = true}},
                    run});
    if (f.name == "mul")
      rows.push_back({f.name, "in parts", {{.shape = {163, 251}}, {.shape = {251}}}, run, 300});
  }
}

constexpr Act kActs[] = {Act::none, Act::relu, Act::tanh, Act::sigmoid};
constexpr const char* kActNames[] = {"none", "relu", "tanh", "sigmoid"};

// --- shape ----------------------------------------------------------------------------------------------------------

void add_shape(Rows& rows) {
  const auto add = [&](const char* op, const char* what, std::vector<Input> inputs, auto run) {
    rows.push_back({op, what, std::move(inputs), std::move(run)});
  };
  add("fill", "(3,5)", {}, [](Rng r, const Tensors&) {
    return Tensors{fill(r.ctx(), {3, 5}, 0.7)};
  });
  add("fill", "(0)", {}, [](Rng r, const Tensors&) { return Tensors{fill(r.ctx(), {0}, 0.7)}; });
  add("zeros_like", "(7)", {{.shape = {7}}},
      [](Rng, const Tensors& x) { return Tensors{zeros_like(x[0]) + x[0]}; });
  for (const i64 n : {0, 1, 100})
    add("from_bytes",
        n == 0   ? "(0,3)"
        : n == 1 ? "(1,3)"
                 : "(100,3)",
        {{.shape = {n, 3}, .from = 0, .to = 256, .role = Role::bytes}},
        [](Rng, const Tensors& x) { return Tensors{from_bytes(x[0], 1 / 255.0)}; });
  add("reshape", "(2,6) -> (3,-1)", {{.shape = {2, 6}}}, [](Rng, const Tensors& x) {
    return Tensors{square(reshape(x[0], {3, -1}))};
  });
  add("reshape", "(0,6) -> (3,0)", {{.shape = {0, 6}}}, [](Rng, const Tensors& x) {
    return Tensors{square(reshape(x[0], {3, 0}))};
  });
  add("reshape", "(1) -> ()", {{.shape = {1}}},
      [](Rng, const Tensors& x) { return Tensors{square(reshape(x[0], Shape{}))}; });
  add("flatten", "(2,3,2,2)", {{.shape = {2, 3, 2, 2}}},
      [](Rng, const Tensors& x) { return Tensors{square(flatten(x[0]))}; });
  add("slice", "overlapping rows", {{.shape = {5, 3}}}, [](Rng, const Tensors& x) {
    return Tensors{square(slice(x[0], 1, 4)), slice(x[0], 3, 5) * slice(x[0], 0, 2)};
  });
  add("slice", "no rows", {{.shape = {5, 3}}}, [](Rng, const Tensors& x) {
    return Tensors{slice(x[0], 2, 2), square(x[0])};
  });
  add("slice", "of a result", {{.shape = {5, 3}}}, [](Rng, const Tensors& x) {
    const Tensor y = tanh(x[0]);
    return Tensors{square(slice(y, 1, 4)), y};
  });
  add("unstack", "(3,2,2), one left out", {{.shape = {3, 2, 2}}}, [](Rng, const Tensors& x) {
    const Tensors t = unstack(sigmoid(x[0]));
    return Tensors{t[0] * t[2]};
  });
  add("unstack", "one step used twice, rows besides", {{.shape = {3, 2}}},
      [](Rng, const Tensors& x) {
        const Tensor y = tanh(x[0]);
        const Tensors t = unstack(y);
        return Tensors{t[0] * t[2] + t[2], slice(y, 1, 3)};
      });
  add("unstack", "of (4)", {{.shape = {4}}}, [](Rng, const Tensors& x) {
    const Tensors t = unstack(square(x[0]));
    return Tensors{t[3] * t[1]};
  });
  add("stack", "three of (2,3), one twice", {{.shape = {2, 3}}, {.shape = {2, 3}}},
      [](Rng, const Tensors& x) {
        return Tensors{square(stack(Tensors{x[0], x[1], x[0]}))};
      });
  add("stack", "of ()", {{.shape = {}}, {.shape = {}}},
      [](Rng, const Tensors& x) { return Tensors{square(stack(x))}; });
  add("concat", "last axis", {{.shape = {3, 2}}, {.shape = {3, 0}}, {.shape = {3, 5}}},
      [](Rng, const Tensors& x) { return Tensors{square(concat(x))}; });
  add("concat", "first axis", {{.shape = {1, 3}}, {.shape = {4, 3}}},
      [](Rng, const Tensors& x) { return Tensors{square(concat(x, 0))}; });
  add("concat", "middle axis", {{.shape = {2, 1, 3}}, {.shape = {2, 4, 3}}},
      [](Rng, const Tensors& x) {
        return Tensors{square(concat({x[0], x[1], x[0]}, 1))};
      });
  add("concat", "no rows", {{.shape = {0, 2}}, {.shape = {0, 5}}},
      [](Rng, const Tensors& x) { return Tensors{square(concat(x))}; });
  add("narrow", "last axis", {{.shape = {3, 7}}}, [](Rng, const Tensors& x) {
    return Tensors{square(narrow(x[0], -1, 2, 5)), narrow(x[0], 1, 0, 3) * narrow(x[0], 1, 4, 7)};
  });
  add("narrow", "middle axis", {{.shape = {2, 5, 3}}},
      [](Rng, const Tensors& x) { return Tensors{square(narrow(x[0], 1, 1, 5))}; });
  add("narrow", "nothing", {{.shape = {2, 5}}}, [](Rng, const Tensors& x) {
    return Tensors{narrow(x[0], 1, 3, 3), square(x[0])};
  });
  add("expand", "(3,1) -> (2,3,4)", {{.shape = {3, 1}}}, [](Rng, const Tensors& x) {
    return Tensors{square(expand(x[0], {2, 3, 4}))};
  });
  add("expand", "() -> (3,0)", {{.shape = {}}}, [](Rng, const Tensors& x) {
    return Tensors{expand(x[0], {3, 0})};
  });
  add("expand", "in parts", {{.shape = {163, 1}}}, [](Rng, const Tensors& x) {
    return Tensors{square(expand(x[0], {163, 251}))};
  });
  rows.back().terms = 251;
  add("permute", "(2,3)", {{.shape = {2, 3}}}, [](Rng, const Tensors& x) {
    return Tensors{square(permute(x[0], {1, 0}))};
  });
  add("permute", "(2,3,4,5)", {{.shape = {2, 3, 4, 5}}}, [](Rng, const Tensors& x) {
    return Tensors{square(permute(x[0], {3, 1, 0, 2}))};
  });
  add("permute", "(33,1,35)", {{.shape = {33, 1, 35}}}, [](Rng, const Tensors& x) {
    return Tensors{square(permute(x[0], {2, 0, 1}))};
  });
  add("permute", "(3,0)", {{.shape = {3, 0}}}, [](Rng, const Tensors& x) {
    return Tensors{permute(x[0], {1, 0})};
  });
}

// --- reduction ------------------------------------------------------------------------------------------------------

void add_reduce(Rows& rows) {
  const auto add = [&](const Shape& shape, Reduce over) {
    const std::string what = cat(shape.text(), " axes ", over.first, " .. ", over.last);
    const auto total = [over](Rng, const Tensors& x) { return Tensors{square(sum(x[0], over))}; };
    const auto average = [over](Rng, const Tensors& x) {
      return Tensors{square(mean(x[0], over))};
    };
    rows.push_back({"sum", what, {{.shape = shape}}, total, shape.size()});
    if (shape.size() > 0) rows.push_back({"mean", what, {{.shape = shape}}, average, shape.size()});
  };
  add({}, {});
  add({1}, {});
  add({4, 7}, {});
  add({4, 7}, {.first = -1, .keep = true});
  add({4, 7}, {.first = 0, .last = 0});
  add({2, 5, 3}, {.first = 1, .last = 1});
  add({2, 5, 3}, {.first = 0, .last = 1, .keep = true});
  add({0, 3}, {.first = 0, .last = 0});
  add({3, 0}, {.first = 1, .last = 1});
  add({31, 127}, {.first = 1, .last = 1});
  add({2, 4500}, {.first = 1, .last = 1});
  add({2, 1100, 3}, {.first = 1, .last = 1});
  add({300, 257}, {.first = 0, .last = 0});
  const auto to = [&](const Shape& from, const Shape& shape) {
    rows.push_back({"sum_to",
                    from.text() + " -> " + shape.text(),
                    {{.shape = from}},
                    [shape](Rng, const Tensors& x) { return Tensors{square(sum_to(x[0], shape))}; },
                    from.size()});
  };
  to({2, 3, 4}, {4});
  to({2, 3, 4}, {3, 1});
  to({2, 3, 4}, {1, 1, 4});
  to({2, 3, 4}, {2, 1, 4});
  to({2, 3}, {});
}

// --- products -------------------------------------------------------------------------------------------------------

void add_products(Rows& rows) {
  const auto product = [&](const Shape& a, const Shape& b, Transposed t, i64 terms) {
    rows.push_back({"matmul",
                    cat(a.text(), t.a ? "^T " : " ", b.text(), t.b ? "^T" : ""),
                    {{.shape = a, .from = -1, .to = 1}, {.shape = b, .from = -1, .to = 1}},
                    [t](Rng, const Tensors& x) { return Tensors{matmul(x[0], x[1], t)}; },
                    terms});
  };
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) {
      const auto turned = [](bool t, i64 r, i64 c) { return t ? Shape{c, r} : Shape{r, c}; };
      product(turned(ta, 3, 4), turned(tb, 4, 5), {ta, tb}, 5);
      product(turned(ta, 31, 127), turned(tb, 127, 33), {ta, tb}, 127);
      const auto batched = [](bool t, i64 r, i64 c) { return t ? Shape{2, c, r} : Shape{2, r, c}; };
      product(batched(ta, 3, 2), batched(tb, 2, 3), {ta, tb}, 3);
    }
  product({1, 1}, {1, 1}, {}, 1);
  product({2, 3, 4}, {4, 2}, {}, 6);
  product({0, 3}, {3, 2}, {}, 3);
  product({3, 0}, {0, 2}, {}, 3);
  product({3, 2}, {2, 0}, {}, 3);
  product({70, 1031}, {1031, 1}, {}, 1031);
  product({67, 600}, {600, 130}, {}, 600);

  const auto layer = [&](const Shape& x, const Shape& w, const Shape& bias, Act act, i64 terms) {
    std::vector<Input> in{{.shape = x}, {.shape = w, .from = -1, .to = 1}};
    const bool with = bias.size() > 0;
    if (with) in.push_back({.shape = bias, .from = -1, .to = 1});
    rows.push_back({"linear",
                    cat(x.text(), " ", w.text(), with ? " bias " : " ", kActNames[int(act)]), in,
                    [act, with](Rng, const Tensors& t) {
                      return Tensors{linear(t[0], t[1], with ? t[2] : Tensor{}, act)};
                    },
                    terms});
  };
  for (const Act act : kActs) {
    layer({3, 4}, {4, 2}, {2}, act, 4);
    layer({2, 3, 4}, {2, 4, 3}, {2, 3}, act, 4);
    layer({33, 127}, {127, 31}, {31}, act, 127);
  }
  layer({3, 4}, {4, 2}, {0}, Act::tanh, 4);
  layer({2, 3, 4}, {4, 2}, {2}, Act::sigmoid, 6);
  layer({4}, {4, 2}, {2}, Act::none, 4);
  layer({0, 4}, {4, 2}, {2}, Act::tanh, 4);
  layer({70, 520}, {520, 130}, {130}, Act::tanh, 520);
}

void add_conv(Rows& rows) {
  struct Size {
    i64 B, H, W, C, K, R, S;
    Conv g;
    i64 P() const { return (H + 2 * g.pad - R) / g.stride + 1; }
    i64 Q() const { return (W + 2 * g.pad - S) / g.stride + 1; }
    std::string text() const {
      return cat("(", B, ",", H, ",", W, ",", C, ") (", R, ",", S, ",", C, ",", K, ") stride ",
                 g.stride, " pad ", g.pad);
    }
  };
  const auto add = [&](const Size& z, Act act, bool with) {
    const i64 terms = std::max(z.R * z.S * std::max(z.C, z.K), z.B * z.P() * z.Q());
    const Input image{.shape = {z.B, z.H, z.W, z.C}}, result{.shape = {z.B, z.P(), z.Q(), z.K}};
    const Input filter{.shape = {z.R, z.S, z.C, z.K}, .from = -1, .to = 1};
    std::vector<Input> forward{image, filter}, data{result, filter};
    if (with) {
      forward.push_back({.shape = {z.K}, .from = -1, .to = 1});
      data.push_back({.shape = {z.C}, .from = -1, .to = 1});
    }
    const std::string what = cat(z.text(), with ? " bias " : " ", kActNames[int(act)]);
    rows.push_back({"conv2d", what, forward,
                    [=](Rng, const Tensors& x) {
                      return Tensors{conv2d(x[0], x[1], with ? x[2] : Tensor{}, z.g, act)};
                    },
                    terms});
    rows.push_back({"conv2d_data", what, data,
                    [=](Rng, const Tensors& x) {
                      return Tensors{
                          conv2d_data(x[0], x[1], with ? x[2] : Tensor{}, z.H, z.W, z.g, act)};
                    },
                    terms});
    if (act == Act::none)
      rows.push_back(
          {"conv2d_filter",
           z.text(),
           {image, result},
           [=](Rng, const Tensors& x) { return Tensors{conv2d_filter(x[0], x[1], z.R, z.S, z.g)}; },
           terms});
  };
  for (const Act act : kActs) add({2, 4, 3, 2, 3, 3, 2, {1, 1}}, act, true);
  add({1, 5, 4, 1, 2, 3, 3, {2, 1}}, Act::none, false);
  add({1, 6, 7, 2, 1, 2, 4, {3, 2}}, Act::none, true);  // rows that no filter reaches
  add({1, 3, 3, 2, 2, 1, 1, {1, 0}}, Act::tanh, false);
  add({1, 2, 2, 1, 1, 4, 4, {1, 1}}, Act::none, false);  // a filter larger than the image
  add({0, 4, 4, 1, 2, 3, 3, {1, 1}}, Act::none, true);
  add({3, 9, 9, 5, 17, 4, 4, {2, 1}}, Act::relu, true);
  add({4, 14, 14, 33, 20, 3, 3, {1, 1}}, Act::none, true);
}

// --- random, likelihoods, effects -----------------------------------------------------------------------------------

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

// --- recurrence -----------------------------------------------------------------------------------------------------

Input mask(const Shape& shape) { return {.shape = shape, .from = 0, .to = 2, .role = Role::bytes}; }

void add_recurrent(Rows& rows) {
  constexpr i64 kCellTerms = 8;
  const auto last = [](Shape s, i64 n) {
    s.dim[s.rank - 1] *= static_cast<int32_t>(n);
    return s;
  };
  const auto cells = [&](const Shape& s, bool masked) {
    Shape batch = s;
    --batch.rank;
    std::vector<Input> gru_inputs{{.shape = last(s, 3)}, {.shape = last(s, 3)}, {.shape = s}};
    std::vector<Input> lstm_inputs{
        {.shape = last(s, 4)}, {.shape = last(s, 4)}, {.shape = s}, {.shape = s}};
    if (masked) gru_inputs.push_back(mask(batch)), lstm_inputs.push_back(mask(batch));
    const std::string what = cat(s.text(), masked ? " masked" : "");
    rows.push_back({"gru_cell", what, gru_inputs,
                    [=](Rng, const Tensors& x) {
                      return Tensors{gru_cell(x[0], x[1], x[2], masked ? x[3] : Tensor{})};
                    },
                    kCellTerms});
    rows.push_back(
        {"lstm_cell", what, lstm_inputs,
         [=](Rng, const Tensors& x) {
           const LstmState y = lstm_cell(x[0], x[1], {x[2], x[3]}, masked ? x[4] : Tensor{});
           return Tensors{y.h, y.c};
         },
         kCellTerms});
  };
  for (const bool masked : {false, true})
    for (const Shape& s : {Shape{3, 4}, Shape{5}, Shape{2, 2, 2, 3}, Shape{7, 33}, Shape{0, 3},
                           Shape{3, 0}, Shape{41, 251}})
      cells(s, masked);
  const std::vector<Input> one{{.shape = {3, 8}}, {.shape = {3, 2}}, {.shape = {3, 2}}};
  rows.push_back({"lstm_cell", "pre-activations in one tensor, h alone", one,
                  [](Rng, const Tensors& x) {
                    return Tensors{lstm_cell(x[0], {}, {x[1], x[2]}).h};
                  },
                  kCellTerms});
  rows.push_back({"lstm_cell", "c alone", one,
                  [](Rng, const Tensors& x) {
                    return Tensors{lstm_cell(x[0], {}, {x[1], x[2]}).c};
                  },
                  kCellTerms});

  const auto loops = [&](i64 T, i64 B, i64 H, bool masked) {
    const i64 terms = (T + 1) * std::max(B, 4 * H);
    const Input h{.shape = {B, H}};
    const auto inputs = [&](i64 gates, std::vector<Input> start, bool bias) {
      start.insert(start.begin(), Input{.shape = {T, B, gates * H}});
      start.push_back({.shape = {H, gates * H}, .from = -1, .to = 1});
      if (bias) start.push_back({.shape = {gates * H}, .from = -1, .to = 1});
      if (masked) start.push_back(mask({T, B}));
      return start;
    };
    const std::string what = cat(Shape{T, B, H}.text(), masked ? " masked" : "");
    rows.push_back({"gru", what, inputs(3, {h}, true),
                    [=](Rng, const Tensors& x) {
                      return Tensors{gru(x[0], x[1], x[2], x[3], masked ? x[4] : Tensor{})};
                    },
                    terms});
    rows.push_back({"lstm", what, inputs(4, {h, h}, false),
                    [=](Rng, const Tensors& x) {
                      const LstmState y = lstm(x[0], {x[1], x[2]}, x[3], masked ? x[4] : Tensor{});
                      return Tensors{y.h, y.c};
                    },
                    terms});
  };
  for (const bool masked : {false, true}) {
    loops(5, 2, 3, masked);
    loops(1, 3, 2, masked);
    loops(5, 18, 35, masked);
    loops(3, 0, 2, masked);
  }
  loops(0, 2, 3, false);
  const std::vector<Input> sequence{
      {.shape = {5, 2, 9}}, {.shape = {2, 3}}, {.shape = {3, 9}, .from = -1, .to = 1}};
  rows.push_back(
      {"gru",
       "no bias, the last state, the input alone",
       {sequence[0], constant({2, 3}), constant({3, 9})},
       [](Rng, const Tensors& x) { return Tensors{slice(gru(x[0], x[1], x[2], {}), 4, 5)}; },
       64});
  rows.push_back({"gru", "twice with shared weights", sequence,
                  [](Rng, const Tensors& x) {
                    const Tensor y = gru(x[0], x[1], x[2], {});
                    return Tensors{gru(concat({y, y, y}), x[1], x[2], {})};
                  },
                  128});
  rows.push_back({"lstm",
                  "the last c alone",
                  {{.shape = {5, 2, 12}},
                   {.shape = {2, 3}},
                   {.shape = {2, 3}},
                   {.shape = {3, 12}, .from = -1, .to = 1}},
                  [](Rng, const Tensors& x) {
                    return Tensors{slice(lstm(x[0], {x[1], x[2]}, x[3]).c, 4, 5)};
                  },
                  64});
}

// --- normalisation, scans -------------------------------------------------------------------------------------------

void add_norms(Rows& rows) {
  const auto add = [&](const std::string& op, const Shape& s, i64 groups, bool gain, bool bias) {
    std::vector<Input> inputs{{.shape = s}};
    for (const bool is : {gain, bias})
      if (is) inputs.push_back({.shape = {s[-1]}});
    i64 terms = s[-1] / groups;
    if (op == "group_norm")
      for (int a = 1; a + 1 < s.rank; ++a) terms *= s.dim[a];
    rows.push_back({op,
                    cat(s.text(), op == "group_norm" ? cat(" in ", groups) : "",
                        gain ? " gain" : "", bias ? " bias" : ""),
                    inputs,
                    [=](Rng, const Tensors& x) {
                      const Tensor g = gain ? x[1] : Tensor{}, b = bias ? x.back() : Tensor{};
                      return Tensors{op == "layer_norm" ? layer_norm(x[0], g, b, 1e-2)
                                                        : group_norm(x[0], groups, g, b, 1e-2)};
                    },
                    terms + s.size() / std::max<i64>(1, s[-1])});
  };
  for (const Shape& s :
       {Shape{3, 4}, Shape{5}, Shape{0, 3}, Shape{2, 2, 3}, Shape{31, 127}, Shape{2, 4500}})
    add("layer_norm", s, 1, true, true);
  add("layer_norm", {3, 5}, 1, false, false);
  add("layer_norm", {3, 5}, 1, true, false);
  add("layer_norm", {3, 5}, 1, false, true);
  add("group_norm", {2, 3, 2, 6}, 3, true, true);
  add("group_norm", {2, 2, 2, 4}, 1, true, true);
  add("group_norm", {2, 3, 3, 2}, 2, true, false);
  add("group_norm", {2, 3, 3, 2}, 2, false, true);
  add("group_norm", {2, 5, 4}, 2, false, false);
  add("group_norm", {0, 3, 3, 4}, 2, true, true);
  add("group_norm", {3, 12, 11, 34}, 2, true, true);
}

void add_scans(Rows& rows) {
  const auto add = [&](const Shape& s, bool start) {
    const Shape one(std::span(s.dim + 1, static_cast<size_t>(s.rank - 1)));
    std::vector<Input> inputs{{.shape = s, .from = -1, .to = 1}, {.shape = s}};
    if (start) inputs.push_back({.shape = one});
    for (const bool reverse : {false, true})
      rows.push_back({reverse ? "scan_reverse" : "scan",
                      cat(s.text(), start ? " from a start" : ""), inputs,
                      [=](Rng, const Tensors& x) {
                        const auto f = reverse ? scan_reverse : scan;
                        return Tensors{f(x[0], x[1], start ? x[2] : Tensor{})};
                      },
                      s.dim[0]});
  };
  add({5, 3}, true);
  add({5, 3}, false);
  add({4}, true);
  add({1, 2, 2}, true);
  add({0, 3}, true);
  add({3, 0}, true);
  add({33, 130}, true);
  const std::vector<Input> trajectory{
      {.shape = {6, 3}}, {.shape = {6, 3}}, {.shape = {6, 3}}, mask({6, 3}), mask({6, 3})};
  for (const bool cut : {false, true}) {
    rows.push_back({"gae", cut ? "truncated" : "(6,3)", trajectory,
                    [=](Rng, const Tensors& x) {
                      return Tensors{
                          gae(x[0], x[1], x[2], discounts(x[3], 0.9), 0.8, cut ? x[4] : Tensor{})};
                    },
                    6});
    rows.push_back({"lambda_return", cut ? "truncated" : "(6,3), learned discounts", trajectory,
                    [=](Rng, const Tensors& x) {
                      return Tensors{
                          lambda_return(x[0], x[1], sigmoid(x[2]), 0.8, cut ? x[4] : Tensor{})};
                    },
                    6});
  }
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

}  // namespace

const std::vector<Case>& cases() {
  static const std::vector<Case> kRows = [] {
    Rows rows;
    add_unary(rows);
    add_binary(rows);
    add_shape(rows);
    add_reduce(rows);
    add_products(rows);
    add_conv(rows);
    add_random(rows);
    add_likelihoods(rows);
    add_choice(rows);
    add_recurrent(rows);
    add_norms(rows);
    add_scans(rows);
    add_effects(rows);
    return rows;
  }();
  return kRows;
}

}  // namespace lat::test
