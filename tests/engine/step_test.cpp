// Steps: recording, replay, and what they promise about memory, bits and failure.
#include "engine/tape/step.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "tests/harness/allocations.h"
#include "tests/harness/small_vae.h"

namespace lat {

using test::SmallVae;

namespace {

Buffer images(Context& ctx, i64 n, u64 epoch = 0) {
  Buffer x(ctx, {n, SmallVae::kSide, SmallVae::kSide, 1});
  set_values(x, test::bright_rows(n, epoch));
  return x;
}

// The error that f throws.
Error error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e;
  }
  FAIL("no error");
  return Error(Code::failed, "", "");
}

bool says(const Error& e, const std::string& text) {
  INFO(e.what());
  return std::string(e.what()).find(text) != std::string::npos;
}

struct Trained {
  std::vector<double> losses;
  std::string hash;
  bool operator==(const Trained&) const = default;
};

Trained train(const Context::Options& options, bool conv, int steps = 20, i64 batch = 8,
              i64 width = 16) {
  Context ctx(options);
  SmallVae vae(ctx, conv, width);
  Step learn(ctx, "learn", [&](Tensor x) { return vae.train(x, Rng(ctx)); });
  Trained out;
  for (int s = 0; s < steps; ++s) {
    const Scratch scratch(ctx);
    out.losses.push_back(item(learn(images(ctx, batch, static_cast<u64>(s)))));
  }
  out.hash = vae.params.hash();
  return out;
}

}  // namespace

TEST_CASE("a replayed step allocates nothing, and its body runs at calls 1, 2, 4, 8, 16") {
  Context ctx;
  SmallVae vae(ctx, false);
  int runs = 0;
  Step learn(ctx, "learn", [&](Tensor x) {
    ++runs;
    return vae.train(x, Rng(ctx));
  });
  const Buffer x = images(ctx, 8);
  int expected = 0;
  for (int call = 1; call <= 17; ++call) {
    const bool power = (call & (call - 1)) == 0;
    expected += power;
    const long before = test::allocations();
    learn(x);
    const long after = test::allocations();
    CAPTURE(call);
    CHECK(runs == expected);
    if (!power) CHECK(after == before);
  }
}

TEST_CASE("a step queued for a device allocates nothing, and is queued once for each call") {
  Context ctx({.device = "emulated"});
  SmallVae vae(ctx, false);
  const Buffer x = images(ctx, 8);
  Step learn(ctx, "learn", [&] { return vae.train(x, Rng(ctx)); });
  for (u64 call = 1; call <= 9; ++call) {
    const bool power = (call & (call - 1)) == 0;
    const long before = test::allocations();
    learn();
    const long after = test::allocations();
    CAPTURE(call);
    if (!power) CHECK(after == before);
    CHECK(learn.tick() == call);  // waits, so that the emulator's queue is empty again
  }
  CHECK(ctx.step_was_finite());
}

TEST_CASE("eager, replay, threads and instruction sets train to the same bits") {
  for (const bool conv : {false, true}) {
    CAPTURE(conv);
    const Trained want = train({}, conv);
    CHECK(want.losses.back() < want.losses.front());
    CHECK(train({.eager = true}, conv) == want);
    CHECK(train({.eager = true, .poison = true}, conv) == want);
    for (const kernels::Isa isa : {kernels::Isa::spec, kernels::Isa::v2, kernels::Isa::v3,
                                   kernels::Isa::v4, kernels::Isa::neon})
      if (kernels::has_isa(isa)) CHECK(train({.isa = isa}, conv) == want);
    CHECK(train({.seed = 1}, conv).hash != want.hash);
    CHECK(train({.isa = kernels::Isa::spec, .shards = 4}, conv) == train({.shards = 4}, conv));
    const Trained wide = train({}, conv, 4, 128, 160);
    for (const int threads : {2, 3, 7})
      CHECK(train({.threads = threads}, conv, 4, 128, 160) == wide);
  }
}

TEST_CASE("the order of the data changes from epoch to epoch") {
  CHECK(test::bright_rows(30, 0) != test::bright_rows(30, 1));
  CHECK(test::bright_rows(30, 1) == test::bright_rows(30, 1));
}

TEST_CASE("a tensor does not leave the scope that made it") {
  Context ctx;
  Tensor leaked;
  Step step(ctx, "leak", [&](Tensor x) {
    leaked = square(x);
    return sum(leaked);
  });
  const Buffer x(ctx, {4});
  step(x);
  CHECK(error_of([&] { exp(leaked); }).code == Code::state);
  CHECK(error_of([&] { exp(leaked); }).op == "exp");
  CHECK(error_of([&] { to_host(leaked); }).code == Code::state);
  {
    const Scratch scratch(ctx);
    leaked = fill(ctx, {3}, 1);
  }
  CHECK(error_of([&] { tanh(leaked); }).op == "tanh");
  {  // neither in a later scope of the same depth, nor where its memory is used again
    const Scratch scratch(ctx);
    const Tensor other = fill(ctx, {3}, 2);
    CHECK(other.data == leaked.data);
    CHECK(error_of([&] { add(other, leaked); }).op == "add");
  }
}

TEST_CASE("a place on the tape ends with its scope, though the memory lives on") {
  Context ctx;
  Params params;
  const Slot w = params.add("w", {3}, {Init::uniform, 1});
  params.materialise(ctx);
  Tensor leaf, view;
  const Tensor kept = fill(ctx, {4}, 1);
  {
    const Scratch scratch(ctx);
    leaf = params[w];
    view = reshape(watch(kept), {2, 2});
  }
  CHECK(error_of([&] { exp(leaf); }).code == Code::state);
  CHECK(error_of([&] { exp(view); }).code == Code::state);
  CHECK_NOTHROW(exp(stop_gradient(leaf)));
  CHECK_NOTHROW(exp(params[w]));
}

TEST_CASE("a changed host value is reported when the body is recorded again") {
  for (const int at : {2, 4, 8}) {
    CAPTURE(at);
    Context ctx;
    double factor = 2;
    Step step(ctx, "scale", [&](Tensor x) { return affine(x, factor, 0); });
    const Buffer x(ctx, {3});
    for (int call = 1; call < at; ++call) {
      if (call == at - 1 && call > at / 2) factor = 3;
      step(x);
    }
    factor = 3;
    const Error e = error_of([&] { step(x); });
    CHECK(e.code == Code::state);
    CHECK(e.op == "scale");
    CHECK(says(e, "op 'affine'"));
    CHECK(says(e, "was 2 and is now 3"));
    factor = 2;
    CHECK_NOTHROW(step(x));
  }
}

TEST_CASE("words change what a recording computes, without another one") {
  Context ctx;
  Word beta(ctx, "beta", 2);
  int runs = 0;
  Step step(ctx, "weigh", [&](Tensor x) {
    ++runs;
    return sum(x * beta);
  });
  const Buffer x(ctx, {3});
  set_values(x, std::vector<double>{1, 2, 3});
  CHECK(item(step(x)) == 12);
  step(x);
  beta.set(5);
  CHECK(item(step(x)) == 30);
  CHECK(runs == 2);
}

TEST_CASE("each key and each shape has its recording") {
  Context ctx;
  int runs = 0;
  Step step(ctx, "grow", [&](Key key, Tensor x) {
    ++runs;
    tap("x", x);
    return sum(x) * static_cast<double>(key.value);
  });
  const Buffer small(ctx, {2}), large(ctx, {5});
  set_values(small, std::vector<double>{1, 2});
  set_values(large, std::vector<double>{1, 2, 3, 4, 5});
  for (int i = 0; i < 5; ++i) {
    CHECK(item(step(Key{1}, small)) == 3);
    CHECK(to_host(step.tapped("x")) == std::vector<double>{1, 2});
    CHECK(item(step(Key{2}, small)) == 6);
    CHECK(item(step(Key{2}, large)) == 30);
    CHECK(to_host(step.tapped("x")).size() == 5);
  }
  CHECK(runs == 9);
  CHECK(error_of([&] { step.tapped("y"); }).code == Code::usage);
}

TEST_CASE("a result that changes its shape is refused") {
  Context ctx;
  i64 n = 2;
  Step step(ctx, "cut", [&](Tensor x) { return slice(x, 0, n) * 1.0; });
  const Buffer x(ctx, {5});
  step(x);
  n = 3;
  CHECK(error_of([&] { step(x); }).code == Code::state);
}

TEST_CASE("a Step inside a Step is part of it") {
  Context ctx;
  Step inner(ctx, "inner", [&](Tensor x) { return square(x); });
  Step outer(ctx, "outer", [&](Tensor x) { return inner(x) + inner(inner(x)); });
  const Buffer x(ctx, {1});
  set_values(x, std::vector<double>{3});
  for (int i = 0; i < 4; ++i) CHECK(item(outer(x)) == 9 + 81);
  CHECK(inner.calls() == 0);
  CHECK(outer.calls() == 4);
}

TEST_CASE("a body that throws leaves everything as it was") {
  for (const bool eager : {false, true}) {
    Context ctx({.eager = eager});
    Params params;
    const Slot w = params.add("w", {3}, {Init::uniform, 1});
    params.materialise(ctx);
    bool bad = true;
    Step step(ctx, "sometimes", [&](Tensor x) {
      const Tensor y = normal(Rng(ctx), {3}) * params[w];
      return sum(bad ? matmul(y, x) : y * x);
    });
    const Buffer x(ctx, {3});
    const Tape::Mark tape = ctx.tape.mark();
    const i64 used = ctx.work_arena().used(), stepped = ctx.step_arena().used();
    const auto untouched = [&] {
      const Tape::Mark now = ctx.tape.mark();
      CHECK(now.vars == tape.vars);
      CHECK(now.nodes == tape.nodes);
      CHECK(now.tensors == tape.tensors);
      CHECK(now.attributes == tape.attributes);
      CHECK(ctx.work_arena().used() == used);
      CHECK(ctx.step_arena().used() == stepped);
      CHECK(!ctx.recording());
      CHECK(ctx.step == nullptr);
      CHECK(ctx.op == nullptr);
      CHECK(ctx.tracking);
      CHECK(ctx.draws.step == 0);
      CHECK(ctx.draws.next == 0);
    };
    CHECK(error_of([&] { step(x); }).op == "matmul");
    untouched();
    bad = false;
    CHECK_NOTHROW(step(x));
    untouched();
    bad = true;
    CHECK(error_of([&] { step(x); }).op == "matmul");
    untouched();
    bad = false;
    for (int i = 0; i < 4; ++i) CHECK_NOTHROW(step(x));
  }
}

TEST_CASE("a value is read on the host only between steps, or eagerly") {
  for (const bool eager : {false, true}) {
    Context ctx({.eager = eager});
    double seen = 0;
    Step step(ctx, "peek", [&](Tensor x) {
      seen = item(sum(x));
      return sum(x);
    });
    const Buffer x(ctx, {2});
    set_values(x, std::vector<double>{1, 2});
    if (eager) {
      step(x);
      CHECK(seen == 3);
    } else {
      CHECK(says(error_of([&] { step(x); }), "--eager"));
    }
  }
}

TEST_CASE("taps are read between steps") {
  Context ctx;
  Step step(ctx, "tapped", [&](Tensor x) {
    tap("doubled", x * 2.0);
    return sum(x);
  });
  const Buffer x(ctx, {2});
  for (int i = 1; i < 6; ++i) {
    set_values(x, std::vector<double>{1.0 * i, 2.0 * i});
    step(x);
    CHECK(to_host(step.tapped("doubled")) == std::vector<double>{2.0 * i, 4.0 * i});
  }
  CHECK(error_of([&] { tap("outside", x); }).code == Code::state);
}

TEST_CASE("the op that was not finite first is named, and the failed step changed nothing") {
  Context ctx;
  SmallVae vae(ctx, false);
  Step learn(ctx, "learn", [&](Tensor x) { return vae.train(x, Rng(ctx)); });
  const Buffer x = images(ctx, 8);
  for (int i = 0; i < 3; ++i) learn(x);
  CHECK(ctx.step_was_finite());
  CHECK(learn.first_not_finite().empty());
  float& weight = *static_cast<float*>(vae.params.memory(vae.mu.weight.index).data);
  const float was = weight;
  const std::string before = vae.params.hash();
  const auto m = to_host(vae.adam->m()), v = to_host(vae.adam->v()), t = to_host(vae.adam->count());
  weight = NAN;
  const std::string planted = vae.params.hash();
  learn.seek(40, 8);
  learn(x);
  CHECK(!ctx.step_was_finite());
  CHECK(learn.first_not_finite() == "linear");
  CHECK(learn.tick() == 41);
  CHECK(vae.params.hash() == planted);
  CHECK(to_host(vae.adam->m()) == m);
  CHECK(to_host(vae.adam->v()) == v);
  CHECK(to_host(vae.adam->count()) == t);
  weight = was;
  CHECK(vae.params.hash() == before);
  learn(x);
  CHECK(ctx.step_was_finite());
  CHECK(vae.params.hash() != before);
}

TEST_CASE("looking for the op leaves no gradient behind") {
  const auto trained = [](bool look) {
    Context ctx;
    Params params;
    const Slot w = params.add("w", {2}, {Init::constant, 1}), b = params.add("b", {2}, {});
    params.materialise(ctx);
    Adam adam(params, {.lr = 0.1});
    Step learn(ctx, "learn", [&](Tensor x) {
      const Tensor loss = sum(sqrt(params[w] * x)) + sum(params[b] * x);
      backward(loss, params);
      adam.step();
      return loss;
    });
    const Buffer x(ctx, {2});
    set_values(x, std::vector<double>{1, 0});  // the slope of sqrt at 0
    learn(x);
    CHECK(!ctx.step_was_finite());
    if (look) CHECK(learn.first_not_finite() == "sqrt_d1");
    set_values(x, std::vector<double>{1, 2});
    learn(x);
    CHECK(ctx.step_was_finite());
    return params.hash();
  };
  CHECK(trained(true) == trained(false));
}

TEST_CASE("one batch of four shards and four micro-batches give the same bits") {
  for (const bool conv : {false, true}) {
    CAPTURE(conv);
    constexpr int kShards = 4, kSteps = 4;
    constexpr i64 kBatch = 8, kRows = kBatch / kShards;
    Context whole({.shards = kShards}), parts({.shards = kShards}), single;
    SmallVae a(whole, conv), b(parts, conv), c(single, conv);
    Step learn(whole, "learn", [&](Tensor x) { return a.train(x, Rng(whole)); });
    Step alone(single, "alone", [&](Tensor x) { return c.train(x, Rng(single)); });
    Step collect(parts, "collect", [&](Key shard, Tensor x) {
      const Shards scope(parts, static_cast<int>(shard.value), 1);
      backward(b.loss(x, Rng(parts)) * (1.0 / kShards), b.params);
    });
    Step update(parts, "update", [&] { b.adam->step(); });
    for (int s = 0; s < kSteps; ++s) {
      const u64 epoch = static_cast<u64>(s);
      learn(images(whole, kBatch, epoch));
      alone(images(single, kBatch, epoch));
      const Buffer x = images(parts, kBatch, epoch);
      for (int shard = kShards - 1; shard >= 0; --shard) {
        collect.seek(static_cast<u64>(s), static_cast<u64>(shard * kRows));
        collect(Key{shard}, slice(x, shard * kRows, (shard + 1) * kRows));
      }
      update();
      CHECK(a.params.hash() == b.params.hash());
    }
    CHECK(a.params.hash() != c.params.hash());  // another order of additions
  }
}

TEST_CASE("a batch that does not split into shards is refused") {
  Context ctx({.shards = 4});
  SmallVae vae(ctx, false);
  Step learn(ctx, "learn", [&](Tensor x) { return vae.train(x, Rng(ctx)); });
  CHECK(error_of([&] { learn(images(ctx, 6)); }).code == Code::shape);
}

}  // namespace lat
