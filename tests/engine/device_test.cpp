// Contexts on a device: the CPU's bits, replayed from a graph, and what a device refuses. The devices are the emulator
// under its schedules, and a GPU where there is one.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "engine/data/batches.h"
#include "engine/train/checkpoint.h"
#include "engine/train/feed.h"
#include "engine/train/program_file.h"
#include "tests/harness/devices.h"
#include "tests/harness/folder.h"
#include "tests/harness/small_vae.h"

namespace lat::test {

namespace {

using Values = std::vector<double>;

Code code_of(const std::function<void()>& f, const std::string& text) {
  try {
    f();
  } catch (const Error& e) {
    INFO(e.what());
    CHECK(std::string(e.what()).find(text) != std::string::npos);
    return e.code;
  }
  FAIL("no error");
  return Code::failed;
}

Buffer images(Context& ctx, i64 n, u64 epoch) {
  Buffer x(ctx, {n, SmallVae::kSide, SmallVae::kSide, 1});
  set_values(x, bright_rows(n, epoch));
  return x;
}

struct Trained {
  Values losses;
  std::string hash;
  bool operator==(const Trained&) const = default;
};

Trained train(const Context::Options& options, bool conv) {
  Context ctx(options);
  SmallVae vae(ctx, conv);
  Step learn(ctx, "learn", [&](Tensor x) { return vae.train(x, Rng(ctx)); });
  Trained out;
  for (u64 s = 0; s < 5; ++s) out.losses.push_back(item(learn(images(ctx, 8, s))));
  out.hash = vae.params.hash();
  return out;
}

// Predicts the next of five numbers from those before: an LSTM over time, its loss and Adam.
Trained train_lstm(const Context::Options& options) {
  constexpr i64 T = 4, B = 3, H = 5;
  Context ctx(options);
  Params params;
  const Lstm lstm(params, "lstm", 1, H);
  const Linear next(params, "next", H, 1);
  params.materialise(ctx);
  Adam adam(params, {.lr = 0.02});
  const Buffer series(ctx, {T + 1, B, 1}), start(ctx, {B, H});
  Values waves;
  for (int i = 0; i < (T + 1) * B; ++i) waves.push_back(std::sin(0.7 * i));
  set_values(series, waves);
  Step learn(ctx, "learn", [&](Tensor x) {
    const std::vector<Tensor> xs = unstack(x);
    LstmState state{start, start};
    Tensor loss;
    for (size_t t = 0; t < T; ++t) {
      state = lstm.step(xs[t], state);
      const Tensor error = mean(square(next(state.h) - xs[t + 1]));
      loss = loss ? loss + error : error;
    }
    backward(loss, params);
    adam.step();
    return loss;
  });
  Trained out;
  for (int s = 0; s < 5; ++s) out.losses.push_back(item(learn(series)));
  out.hash = params.hash();
  return out;
}

}  // namespace

TEST_CASE("a device trains to the CPU's bits: losses and parameters, replayed and eager") {
  for (const bool conv : {false, true}) {
    const Trained cpu = train({.seed = 3}, conv);
    for (const std::string& device : devices())
      CHECK(train({.device = device, .seed = 3}, conv) == cpu);
    CHECK(train({.device = "emulated", .seed = 3, .eager = true}, conv) == cpu);
  }
  const Trained cpu = train_lstm({.seed = 5});
  for (const std::string& device : devices())
    CHECK(train_lstm({.device = device, .seed = 5}) == cpu);
  CHECK(train_lstm({.device = "emulated", .seed = 5, .eager = true}) == cpu);
}

TEST_CASE("in double a device comes to the CPU's losses") {
  const Trained cpu = train({.real = DType::f64}, true);
  const Trained device = train({.real = DType::f64, .device = "emulated"}, true);
  for (size_t i = 0; i < cpu.losses.size(); ++i)
    CHECK(std::abs(device.losses[i] - cpu.losses[i]) < 1e-12 * std::abs(cpu.losses[i]));
}

TEST_CASE("words, keys and clocks that change between replays reach a device") {
  for (const std::string device : {"cpu", "emulated"}) {
    Context ctx({.device = device});
    Word scale(ctx, "scale", 2);
    Step f(ctx, "f", [&](Key key, Tensor x) { return x * scale + double(key.value); });
    Buffer x(ctx, {2});
    for (int i = 0; i < 9; ++i) {
      set_values(x, Values{1.0 * i, -1});
      scale.set(0.5 * i);
      const Values want{0.5 * i * i + i % 2, -0.5 * i + i % 2};
      CHECK(to_host(f(Key{i % 2}, x)) == want);
      CHECK(scale.value() == 0.5 * i);
    }
    f.seek(41, 7);
    CHECK(f.tick() == 41);
    f(Key{0}, x);
    CHECK(f.tick() == 42);
  }
}

// More is written between two waits than the staging memory holds.
TEST_CASE("what is written from the host arrives in order and whole") {
  for (const std::string& device : devices()) {
    Context ctx({.device = device});
    constexpr i64 n = 300'000;
    Buffer total(ctx, {n});
    Step add(ctx, "add", [&](Tensor x) { assign(total, total + x); });
    Buffer x(ctx, {n});
    for (int i = 1; i <= 12; ++i) {
      ctx.write(x, [&](void* to) { std::fill_n(static_cast<float*>(to), n, float(i)); });
      add(x);
    }
    const Values sum = to_host(total);
    CHECK(std::count(sum.begin(), sum.end(), 78.0) == n);
  }
}

TEST_CASE("batches gathered on a device are those of the host") {
  Images set;
  set.n = 23, set.h = 3, set.w = 2;
  for (i64 i = 0; i < set.n * 6; ++i) set.pixels.push_back(static_cast<uint8_t>(i * 31));
  for (i64 i = 0; i < set.n; ++i) set.labels.push_back(static_cast<int32_t>(i));
  const Batches host(set, 5, 9, true);
  std::vector<std::string> all = devices();
  all.push_back("cpu");
  for (const std::string& device : all) {
    Context ctx({.device = device});
    const Feed feed(ctx, set, 5, 9);
    CHECK(feed.per_epoch() == host.per_epoch());
    struct Pair {
      Tensor x, labels;
      void each_tensor(const std::function<void(Tensor&)>& f) { f(x), f(labels); }
    };
    Step next(ctx, "next", [&] {
      const auto [x, labels] = feed.next();
      return Pair{x, labels};
    });
    for (i64 step = 0; step < 9; ++step) {
      std::vector<float> x(30);
      std::vector<int32_t> labels(5);
      host.fill(step, x.data(), labels.data());
      const Pair got = next();
      CHECK(to_host(got.x) == Values(x.begin(), x.end()));
      CHECK(to_host(got.labels) == Values(labels.begin(), labels.end()));
    }
  }
  Context ctx;
  CHECK(code_of([&] { Feed(ctx, set, 24, 0); }, "give 1 to 23") == Code::usage);
}

TEST_CASE("after a step that was not finite a device changes nothing until it is asked") {
  for (const std::string& device : devices()) {
    Context ctx({.device = device});
    Params params;
    const Slot w = params.add("w", {2}, {Init::constant, 1});
    params.materialise(ctx);
    Adam adam(params, {.lr = 0.1});
    Step learn(ctx, "learn", [&](Tensor x) {
      const Tensor loss = sum(sqrt(params[w] * x));
      backward(loss, params);
      adam.step();
      return loss;
    });
    Buffer good(ctx, {2}), bad(ctx, {2});
    set_values(good, Values{1, 2});
    set_values(bad, Values{1, 0});  // the slope of sqrt at 0
    learn(good);
    CHECK(ctx.step_was_finite());
    const std::string before = params.hash();
    learn(bad);
    learn(good);
    CHECK(params.hash() == before);
    CHECK(!ctx.step_was_finite());
    CHECK(ctx.step_was_finite());
    learn(bad);
    CHECK(learn.first_not_finite() == "sqrt_d1");
    CHECK(!ctx.step_was_finite());
    CHECK(params.hash() == before);
    learn(good);
    CHECK(ctx.step_was_finite());
    CHECK(params.hash() != before);
  }
}

TEST_CASE("a checkpoint from a device is the CPU's, byte for byte, and goes on there") {
  const auto run = [](const std::string& device, int steps, const std::string& from,
                      const std::string& to) {
    Context ctx({.device = device});
    SmallVae vae(ctx, false);
    Step learn(ctx, "learn", [&](Tensor x) { return vae.train(x, Rng(ctx)); });
    if (!from.empty()) {
      load_params(latest_checkpoint(from), vae.params);
      load_optimiser(latest_checkpoint(from), vae.params, *vae.adam);
      learn.seek(2);
    }
    for (int s = 0; s < steps; ++s) learn(images(ctx, 8, 1));
    save_checkpoint(to, 2, vae.params, *vae.adam, {});
    return vae.params.hash();
  };
  const Folder cpu, device, more;
  CHECK(run("cpu", 2, "", cpu.path) == run("emulated", 2, "", device.path));
  for (const char* file :
       {"/step-00000002/model.safetensors", "/step-00000002/optimiser.safetensors"})
    CHECK(cpu.read(file) == device.read(file));
  CHECK(run("emulated", 2, cpu.path, more.path) == run("cpu", 2, device.path, more.path));
}

TEST_CASE("what a device has not is refused by name") {
  CHECK(code_of([] { Context ctx({.device = "gpu"}); }, "expected auto, cpu, cuda") == Code::usage);
  CHECK(code_of([] { Context ctx({.device = "cuda:x"}); }, "'cuda:x'") == Code::usage);
  CHECK(code_of([] { Context ctx({.device = "emulated:fast"}); }, "emulated:unfair") ==
        Code::usage);
  CHECK(code_of([] { Context ctx({.device = "cuda:1000"}); }, "The CPU is always there") ==
        Code::machine);
  CHECK(code_of([] { Context ctx({.device = "emulated", .fast = true}); }, "choose exact") ==
        Code::unsupported);
  Context ctx({.device = "emulated"});
  const float memory[4] = {};
  CHECK(code_of([&] { ctx.external(memory, {4}, DType::f32); }, "the host's memory") ==
        Code::usage);
  const Buffer x(ctx, {2});
  CHECK(code_of([&] { x.tensor().as<float>(); }, "lies on a device") == Code::state);
  CHECK(code_of([&] { program_file_bytes(ctx, {}, {}); }, "on the CPU") == Code::unsupported);
  CHECK(ctx.device_name() == "emulated GPU");
  CHECK(Context({.device = "cpu"}).device_name() == "CPU");
}

}  // namespace lat::test
