// Contexts: nothing shared, memory with an end, numbers with a stream.
#include "engine/core/context.h"

#include <doctest/doctest.h>

#include <memory>

#include "engine/lat.h"

namespace lat {

namespace {

template <class F>
Code code_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.code;
  }
  return Code{0};
}

}  // namespace

TEST_CASE("contexts do not mix") {
  Context a, b;
  const Tensor x = fill(a, {3}, 1), y = fill(b, {3}, 1);
  CHECK(code_of([&] { add(x, y); }) == Code::state);
  Step step(a, "step", [](Tensor t) { return t * 2.0; });
  CHECK(code_of([&] { step(y); }) == Code::state);
  Context twice({.real = DType::f64});
  CHECK(code_of([&] { Context broken({.real = DType::i32}); }) == Code::usage);
  CHECK(code_of([&] { Context broken({.threads = 0}); }) == Code::usage);
  CHECK(code_of([&] { Context broken({.shards = 0}); }) == Code::usage);
}

TEST_CASE("types do not mix") {
  Context ctx;
  const Tensor x = fill(ctx, {3}, 1), y = ctx.empty({3}, DType::f64);
  CHECK(code_of([&] { add(x, y); }) == Code::shape);
}

TEST_CASE("a Scratch gives its memory and its records back") {
  Context ctx;
  const Tensor x = watch(fill(ctx, {3}, 1));
  const i64 used = ctx.step_arena().used();
  const size_t nodes = ctx.tape.nodes.size();
  {
    const Scratch scratch(ctx);
    exp(exp(x));
    CHECK(ctx.tape.nodes.size() == nodes + 2);
  }
  CHECK(ctx.step_arena().used() == used);
  CHECK(ctx.tape.nodes.size() == nodes);
  CHECK(item(sum(x)) == 3);
}

TEST_CASE("scopes nest 62 deep and no deeper") {
  Context ctx;
  std::vector<std::unique_ptr<Scratch>> open;
  const auto all = [&] {
    while (true) open.push_back(std::make_unique<Scratch>(ctx));
  };
  CHECK(code_of(all) == Code::state);
  CHECK(open.size() == 62);
  while (!open.empty()) open.pop_back();
  CHECK_NOTHROW(Scratch{ctx});
  CHECK_NOTHROW(fill(ctx, {3}, 1));
}

TEST_CASE("buffers are zero, and their memory serves again") {
  Context ctx;
  const void* place = nullptr;
  {
    const Buffer b(ctx, {100});
    set_values(b, std::vector<double>(100, 7));
    place = b.tensor().data;
  }
  const Buffer again(ctx, {100});
  CHECK(again.tensor().data == place);
  CHECK(to_host(again) == std::vector<double>(100, 0));
}

TEST_CASE("extents") {
  CHECK(code_of([] { Shape{i64{1} << 31}; }) == Code::shape);
  CHECK(code_of([] { Shape{-1}; }) == Code::shape);
  CHECK(code_of([] { Shape{1, 1, 1, 1, 1, 1, 1}; }) == Code::shape);
  CHECK(Shape{3, 0, 5}.text() == "(3,0,5)");
  Context ctx;
  const Tensor x = fill(ctx, {2, 3}, 1);
  CHECK(code_of([&] { x.dims<3>(); }) == Code::shape);
  CHECK(flatten(ctx.empty({0, 4, 5})).shape() == Shape{0, 20});
}

TEST_CASE("a draw depends on seed, Step, draw and tick, and on the global row") {
  const auto drawn = [](u64 seed, int steps_before, int draws_before, u64 tick, u64 row, i64 rows) {
    Context ctx({.seed = seed});
    const auto make = [&] {
      auto f = [&ctx, draws_before, rows] {
        for (int i = 0; i < draws_before; ++i) normal(Rng(ctx), {3});
        return normal(Rng(ctx), {rows, 5});
      };
      return std::make_unique<Step<decltype(f)>>(ctx, "draw", f);
    };
    for (int i = 0; i < steps_before; ++i) make();
    const auto step = make();
    step->seek(tick, row);
    return to_host((*step)());
  };
  const auto all = drawn(1, 0, 0, 3, 0, 8);
  CHECK(all == drawn(1, 0, 0, 3, 0, 8));
  CHECK(all != drawn(2, 0, 0, 3, 0, 8));
  CHECK(all != drawn(1, 1, 0, 3, 0, 8));
  CHECK(all != drawn(1, 0, 1, 3, 0, 8));
  CHECK(all != drawn(1, 0, 0, 4, 0, 8));
  for (u64 row = 0; row < 8; ++row) {
    const auto begin = all.begin() + static_cast<i64>(row) * 5;
    CHECK(drawn(1, 0, 0, 3, row, 1) == std::vector<double>(begin, begin + 5));
  }
}

TEST_CASE("every call of a Step, and every eager draw, is another draw") {
  Context ctx;
  Step step(ctx, "draw", [&] { return normal(Rng(ctx), {4}); });
  std::vector<std::vector<double>> seen;
  for (int i = 0; i < 6; ++i) seen.push_back(to_host(step()));
  for (int i = 0; i < 6; ++i) seen.push_back(to_host(normal(Rng(ctx), {4})));
  for (size_t i = 0; i < seen.size(); ++i)
    for (size_t j = 0; j < i; ++j) CHECK(seen[i] != seen[j]);
}

TEST_CASE("both types see the same noise, eager and replayed steps too") {
  const auto drawn = [](Context::Options options) {
    Context ctx(options);
    Step step(ctx, "draw", [&] {
      const Rng rng(ctx);
      return std::vector<Tensor>{normal(rng, {40}), uniform(rng, {40}),
                                 bernoulli(rng, fill(ctx, {40}, 0.5)),
                                 Normal{fill(ctx, {40}, 0), fill(ctx, {1}, 0)}.rsample(rng)};
    });
    std::vector<double> all;
    for (int call = 0; call < 3; ++call)
      for (const Tensor& t : step()) {
        const auto v = to_host(t);
        all.insert(all.end(), v.begin(), v.end());
      }
    return all;
  };
  const auto want = drawn({});
  CHECK(drawn({.real = DType::f64}) == want);
  CHECK(drawn({.eager = true}) == want);
  CHECK(drawn({.threads = 2}) == want);
}

TEST_CASE(
    "the nearest name is suggested: one slip, also two neighbours swapped; nothing far away") {
  const std::vector<std::string> names{"vae", "beta_vae", "model.latent", "model.beta"};
  CHECK(nearest("vea", names) == "vae");
  CHECK(nearest("model.beat", names) == "model.beta");
  CHECK(nearest("model.latnet", names) == "model.latent");
  CHECK(nearest("zebra", names) == "");
  CHECK(suggestion("vaee", names) == " Did you mean 'vae'?");
}

}  // namespace lat
