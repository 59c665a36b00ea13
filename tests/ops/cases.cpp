// The case table: one row per op and size, here those of elementwise ops, shapes and reductions. A new op adds its rows here,
// in cases_layers.cpp or in cases_random.cpp; elementwise ops have theirs from their lines in kernels/elementwise/*.def.
#include <map>

#include "tests/ops/rows.h"

namespace lat::test {

namespace {

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
