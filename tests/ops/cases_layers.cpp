// Rows of the case table: products, convolutions, recurrence, normalisation, scans.
#include <algorithm>

#include "tests/ops/rows.h"

namespace lat::test {

namespace {

Input mask(const Shape& shape) { return {.shape = shape, .from = 0, .to = 2, .role = Role::bytes}; }

}  // namespace

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

// --- recurrence -----------------------------------------------------------------------------------------------------

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

}  // namespace lat::test
