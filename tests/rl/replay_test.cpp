// The replay memory: a ring, sampled uniformly, on every device; and what is too large for the machine.
#include "rl/core/replay.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/lat.h"
#include "tests/engine/data_files.h"
#include "tests/harness/devices.h"

namespace lat::rl {
namespace {

using lat::test::check_refused;

const Space kSeen{.discrete = false, .size = 3, .low = {}, .high = {}};
const Space kChoice{.discrete = true, .size = 4, .low = {}, .high = {}};
const Space kBox{.discrete = false, .size = 2, .low = {-1, -1}, .high = {1, 1}};

// Transition number k: every number of it tells k.
struct Made {
  Tensor obs, action;
  Stepped next;
};
Made made(Context& ctx, i64 first, i64 E, bool discrete) {
  std::vector<double> obs, action, next, reward, ended;
  for (i64 k = first; k < first + E; ++k) {
    const double x = static_cast<double>(k);
    for (int d = 0; d < 3; ++d) obs.push_back(x + d / 8.0);
    for (int d = 0; d < 3; ++d) next.push_back(-x - d / 8.0);
    action.push_back(discrete ? static_cast<double>(k % 4) : x / 2);
    if (!discrete) action.push_back(x / 4);
    reward.push_back(10 * x);
    ended.push_back(k % 3 == 0 ? 1 : 0);
  }
  Made m{.obs = from_host(ctx, {E, 3}, obs),
         .action = discrete ? ctx.empty({E}, DType::i32) : ctx.empty({E, 2}),
         .next = {}};
  set_values(m.action, action);
  m.next.final_obs = from_host(ctx, {E, 3}, next);
  m.next.obs = from_host(ctx, {E, 3}, std::vector<double>(static_cast<size_t>(3 * E), 99));
  m.next.reward = from_host(ctx, {E}, reward);
  m.next.terminated = from_host(ctx, {E}, ended);
  m.next.truncated = from_host(ctx, {E}, std::vector<double>(static_cast<size_t>(E), 1));
  return m;
}

void put(Context& ctx, Replay& replay, i64 first, i64 E, bool discrete) {
  const Scratch scratch(ctx);
  const Made m = made(ctx, first, E, discrete);
  replay.put(m.obs, m.action, m.next);
}

}  // namespace

TEST_CASE("a transition comes back whole, with what followed before any reset") {
  for (const bool discrete : {true, false}) {
    Context ctx;
    Replay replay(ctx, 7, kSeen, discrete ? kChoice : kBox);
    put(ctx, replay, 0, 3, discrete);
    CHECK(replay.count() == 3);
    for (i64 k = 3; k < 30; k += 3) put(ctx, replay, k, 3, discrete);
    CHECK(replay.count() == 7);
    const Transitions t = replay.sample(Rng(ctx), 500);
    const std::vector<double> obs = to_host(t.obs), action = to_host(t.action),
                              reward = to_host(t.reward), next = to_host(t.next_obs),
                              ended = to_host(t.terminated);
    std::vector<int> seen(30, 0);
    for (size_t b = 0; b < 500; ++b) {
      const double x = obs[3 * b];
      REQUIRE(x >= 23);  // the newest seven
      REQUIRE(x < 30);
      ++seen[static_cast<size_t>(x)];
      CHECK(obs[3 * b + 2] == x + 0.25);
      CHECK(next[3 * b + 1] == -x - 0.125);
      CHECK(reward[b] == 10 * x);
      CHECK(ended[b] == (static_cast<i64>(x) % 3 == 0 ? 1 : 0));
      if (discrete)
        CHECK(action[b] == static_cast<double>(static_cast<i64>(x) % 4));
      else
        CHECK(action[2 * b + 1] == x / 4);
    }
    for (size_t k = 23; k < 30; ++k) CHECK(seen[k] > 40);
  }
}

TEST_CASE("sampling is uniform: chi squared over 10^5 draws") {
  Context ctx({.seed = 5});
  constexpr i64 kRows = 100, kDraws = 100000;
  Replay replay(ctx, 128, kSeen, kChoice);
  put(ctx, replay, 0, kRows, true);
  std::vector<double> count(kRows, 0);
  for (const double r : to_host(replay.sample(Rng(ctx), kDraws).reward))
    count[static_cast<size_t>(r / 10)] += 1;
  constexpr double kExpected = double(kDraws) / kRows;
  double chi = 0;
  for (const double c : count) chi += (c - kExpected) * (c - kExpected) / kExpected;
  CHECK(chi > 52);   // 99 degrees of freedom: p between 10^-5 ...
  CHECK(chi < 148);  // ... and 0.999
}

TEST_CASE("a recorded step stores and samples anew each time, to the same bits on every device") {
  const auto drawn = [](Context::Options options) {
    options.seed = 9;
    Context ctx(options);
    Replay replay(ctx, 20, kSeen, kBox);
    Step step(ctx, "step", [&](Tensor seen, Tensor action) {
      Stepped next{.obs = seen,
                   .final_obs = seen * 2.0,
                   .reward = sum(seen, {.first = 1}),
                   .terminated = fill(ctx, {4}, 0),
                   .truncated = fill(ctx, {4}, 0)};
      replay.put(seen, action, next);
      return replay.sample(Rng(ctx), 6);
    });
    std::vector<double> out;
    for (int t = 0; t < 8; ++t) {
      const Scratch scratch(ctx);
      std::vector<double> values;
      for (int k = 0; k < 12; ++k) values.push_back(100 * t + k);
      const Tensor action = from_host(ctx, {4, 2}, std::vector<double>(8, t));
      Transitions got = step(from_host(ctx, {4, 3}, values), action);
      got.each_tensor([&](const Tensor& x) {
        for (const double v : to_host(x)) out.push_back(v);
      });
    }
    out.push_back(static_cast<double>(replay.count()));
    return out;
  };
  const std::vector<double> truth = drawn({.isa = kernels::Isa::spec});
  CHECK(truth.back() == 20);
  CHECK(std::vector<double>(truth.begin(), truth.begin() + 18) !=
        std::vector<double>(truth.end() - 54, truth.end() - 36));
  CHECK(drawn({.threads = 2}) == truth);
  CHECK(drawn({.eager = true}).size() == truth.size());
  for (const std::string& device : lat::test::devices()) CHECK(drawn({.device = device}) == truth);
}

TEST_CASE("what does not fit is refused before memory is taken") {
  Context ctx;
  const i64 before = ctx.persistent_arena().used();
  check_refused(
      [&] {
        Replay(ctx, 2000000000, {.discrete = false, .size = 5000, .low = {}, .high = {}}, kBox);
      },
      Code::machine, {"2000000000 transitions", "GiB", "smaller"});
  CHECK(ctx.persistent_arena().used() == before);
  check_refused([&] { Replay(ctx, 0, kSeen, kBox); }, Code::usage, {"capacity of 0"});
  Replay replay(ctx, 4, kSeen, kBox);
  const Made wrong = made(ctx, 0, 2, true);
  check_refused([&] { replay.put(wrong.obs, wrong.action, wrong.next); }, Code::shape, {"replay"});
  const Made many = made(ctx, 0, 5, false);
  check_refused([&] { replay.put(many.obs, many.action, many.next); }, Code::usage,
                {"room for 4", "5"});
  CHECK(Replay::bytes(10, kSeen, kBox, DType::f32) == 10 * (3 + 2 + 1 + 3 + 1) * 4);
}

TEST_CASE("a step that is not finite is not remembered") {
  Context ctx;
  Replay replay(ctx, 4, kSeen, kBox);
  set_values(ctx.ok(), std::vector<double>{0});
  put(ctx, replay, 0, 2, false);
  CHECK(replay.count() == 0);
}

}  // namespace lat::rl
