// What Vectorised adds to an environment: time limits, auto-reset, final observations, statistics, starts; and that
// threads, instruction sets and devices change no bit.
#include "rl/core/environments.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "engine/lat.h"
#include "engine/train/program_file.h"
#include "tests/engine/data_files.h"
#include "tests/harness/devices.h"

namespace lat::rl {
namespace {

using lat::test::check_refused;

// Actions that depend on copy and step alone.
std::vector<double> some_actions(const Environments& env, i64 t) {
  std::vector<double> out;
  const Space& space = env.action();
  for (i64 i = 0; i < env.copies(); ++i) {
    const u64 x = (static_cast<u64>(i) * 2654435761u + static_cast<u64>(t) * 40503u) >> 3;
    if (space.discrete)
      out.push_back(static_cast<double>(x % static_cast<u64>(space.size)));
    else
      for (i64 k = 0; k < space.size; ++k)
        out.push_back((static_cast<double>(x % 21) / 10 - 1) * space.high[static_cast<size_t>(k)]);
  }
  return out;
}

Tensor action_tensor(Context& ctx, const Environments& env, const std::vector<double>& values) {
  const Tensor a = env.action().discrete ? ctx.empty({env.copies()}, DType::i32)
                                         : ctx.empty({env.copies(), env.action().size});
  set_values(a, values);
  return a;
}

struct Host {
  std::vector<double> obs, final_obs, reward, terminated, truncated;
};
Host move(Context& ctx, Environments& env, const std::vector<double>& actions) {
  const Scratch scratch(ctx);
  const Stepped s = env.step(action_tensor(ctx, env, actions));
  return {to_host(s.obs), to_host(s.final_obs), to_host(s.reward), to_host(s.terminated),
          to_host(s.truncated)};
}

// All that `steps` steps give and leave, as bytes.
std::string bytes_of(Context::Options options, const std::string& name, i64 copies, i64 steps) {
  Context ctx(options);
  Environments env = make_environments(ctx, name, copies, 11, {.limit = 23});
  env.reset();
  std::string out;
  const auto add = [&](const std::vector<double>& values) {
    out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
  };
  Step play(ctx, "play", [&](Tensor action) { return env.step(action); });
  for (i64 t = 0; t < steps; ++t) {
    const Scratch scratch(ctx);
    const Stepped& s = play(action_tensor(ctx, env, some_actions(env, t)));
    for (const Tensor& x : {s.obs, s.final_obs, s.reward, s.terminated, s.truncated})
      add(to_host(x));
  }
  add(to_host(env.memory()));
  return out;
}

}  // namespace

TEST_CASE("every environment: shapes, starts of its own for each copy and episode") {
  for (const std::string& name : environment_names()) {
    CAPTURE(name);
    Context ctx;
    Environments env = make_environments(ctx, name, 5, 1);
    CHECK(env.name() == name);
    const std::vector<double> first = to_host(env.reset()), starts = env.states();
    CHECK(static_cast<i64>(first.size()) == 5 * env.observation().size);
    CHECK(to_host(env.observe()) == first);
    env.reset();
    const std::vector<double> second = env.states();
    if (name.starts_with("deep_sea") || name == "catch") continue;  // few starts
    std::set<double> all(starts.begin(), starts.end());
    all.insert(second.begin(), second.end());
    CHECK(all.size() >= 10);

    Environments same = make_environments(ctx, name, 3, 1);
    same.reset();
    const std::vector<double> fewer = same.states();
    for (size_t k = 0; k < fewer.size(); ++k) CHECK(fewer[k] == starts[k]);  // of copies, not of E
    Environments other = make_environments(ctx, name, 5, 2),
                 held_out = make_environments(ctx, name, 5, 1, {.stream = Stream::evaluation});
    other.reset();
    held_out.reset();
    CHECK(other.states() != starts);
    CHECK(held_out.states() != starts);
  }
}

TEST_CASE("starts are uniform between the bounds of the originals") {
  Context ctx;
  Environments env = make_environments(ctx, "cartpole", 20000, 5);
  env.reset();
  double sum = 0, squares = 0, most = 0;
  const std::vector<double> s = env.states();
  for (const double x : s) {
    sum += x;
    squares += x * x;
    most = std::max(most, std::fabs(x));
  }
  const double n = static_cast<double>(s.size()), sd = 0.05 / std::sqrt(3.0);
  CHECK(std::fabs(sum / n) < 4 * sd / std::sqrt(n));
  CHECK(std::sqrt(squares / n) == doctest::Approx(sd).epsilon(0.01));
  CHECK(most <= 0.05);
  CHECK(most > 0.0499);
}

TEST_CASE("an episode that terminates: nothing follows, and the next one has begun") {
  Context ctx;
  Environments env = make_environments(ctx, "cartpole", 2, 3);
  env.reset();
  env.set_states(std::vector<double>{0, 0, 0.2, 1, 0, 0, 0, 0});  // copy 0 falls now
  const Host h = move(ctx, env, {1, 1});
  CHECK(h.terminated == std::vector<double>{1, 0});
  CHECK(h.truncated == std::vector<double>{0, 0});
  CHECK(h.reward == std::vector<double>{1, 1});
  CHECK(h.final_obs[2] == doctest::Approx(0.22));  // where it fell
  for (size_t d = 0; d < 4; ++d) {
    CHECK(std::fabs(h.obs[d]) <= 0.05);         // a fresh start
    CHECK(h.obs[4 + d] == h.final_obs[4 + d]);  // and the one that goes on
  }
  const std::vector<double> states = env.states();
  for (size_t d = 0; d < 4; ++d)
    CHECK(static_cast<double>(static_cast<float>(states[d])) == h.obs[d]);
  CHECK(env.finished().count == 1);
  CHECK(env.finished(0).sum == 1);
  CHECK(env.finished(1).count == 0);
}

TEST_CASE("a time limit truncates and does not terminate") {
  Context ctx;
  Environments env = make_environments(ctx, "pendulum", 3, 3, {.limit = 4});
  env.reset();
  double sum = 0;
  for (i64 t = 1; t <= 8; ++t) {
    const Host h = move(ctx, env, {0, 1, -1});
    sum += h.reward[0];
    for (size_t i = 0; i < 3; ++i) {
      CHECK(h.truncated[i] == (t % 4 == 0 ? 1 : 0));
      CHECK(h.terminated[i] == 0);
    }
    if (t % 4 == 0)
      CHECK(h.obs != h.final_obs);
    else
      CHECK(h.obs == h.final_obs);
  }
  const Episodes all = env.finished();
  CHECK(all.count == 6);
  CHECK(all.steps == 24);
  CHECK(all.mean_length() == 4);
  CHECK(env.finished(0).sum == doctest::Approx(sum).epsilon(1e-6));
  env.forget();
  CHECK(env.finished().count == 0);
}

TEST_CASE("termination at the last step of the limit is termination") {
  Context ctx;
  Environments env = make_environments(ctx, "cartpole", 1, 3, {.limit = 1});
  env.reset();
  env.set_states(std::vector<double>{0, 0, 0.2, 1});
  const Host h = move(ctx, env, {1});
  CHECK(h.terminated[0] == 1);
  CHECK(h.truncated[0] == 0);
}

TEST_CASE("statistics: mean and deviation of returns, and only the episodes that count") {
  Context ctx;
  Environments env = make_environments(ctx, "cartpole", 16, 3),
               once = make_environments(ctx, "cartpole", 16, 3, {.counted = 1});
  env.reset();
  once.reset();
  std::vector<double> returns, first(16, 0), running(16, 0);
  std::vector<bool> over(16, false);
  for (i64 t = 0; t < 150; ++t) {
    const Host h = move(ctx, env, some_actions(env, t));
    move(ctx, once, some_actions(once, t));
    for (size_t i = 0; i < 16; ++i) {
      running[i] += h.reward[i];
      if (h.terminated[i] + h.truncated[i] == 0) continue;
      returns.push_back(running[i]);
      if (!over[i]) first[i] = running[i];
      over[i] = true;
      running[i] = 0;
    }
  }
  double sum = 0, squares = 0, firsts = 0;
  for (const double r : returns) {
    sum += r;
    squares += r * r;
  }
  for (const double r : first) firsts += r;
  const double n = static_cast<double>(returns.size());
  const Episodes all = env.finished();
  CHECK(all.count == static_cast<i64>(returns.size()));
  CHECK(all.mean() == doctest::Approx(sum / n));
  CHECK(all.sd() == doctest::Approx(std::sqrt(squares / n - sum / n * (sum / n))));
  CHECK(once.finished().count == 16);
  CHECK(once.finished().sum == firsts);
  const std::vector<double> before = once.states();
  once.restart();
  CHECK(once.finished().count == 0);
  Environments fresh = make_environments(ctx, "cartpole", 16, 3, {.counted = 1});
  fresh.reset();
  CHECK(once.states() == fresh.states());
}

TEST_CASE("threads, instruction sets and devices change no bit") {
  for (const std::string& name : environment_names()) {
    CAPTURE(name);
    const std::string truth =
        bytes_of({.isa = kernels::Isa::spec}, name, 150, name == "cartpole" ? 60 : 30);
    const i64 steps = name == "cartpole" ? 60 : 30;
    CHECK(bytes_of({.threads = 3}, name, 150, steps) == truth);
    CHECK(bytes_of({.eager = true}, name, 150, steps) == truth);
    if (name == "deep_sea_20") continue;
    for (const std::string& device : lat::test::devices())
      CHECK(bytes_of({.device = device}, name, 150, steps) == truth);
  }
}

TEST_CASE("large numbers of copies are shared among threads, to the same bits") {
  CHECK(bytes_of({.threads = 2}, "acrobot", 2000, 5) ==
        bytes_of({.isa = kernels::Isa::spec}, "acrobot", 2000, 5));
}

TEST_CASE("the working type of observations and rewards is the context's") {
  Context wide({.real = DType::f64}), narrow;
  Environments a = make_environments(wide, "pendulum", 2, 9),
               b = make_environments(narrow, "pendulum", 2, 9);
  const std::vector<double> x = to_host(a.reset()), y = to_host(b.reset());
  for (size_t k = 0; k < x.size(); ++k) CHECK(static_cast<float>(x[k]) == static_cast<float>(y[k]));
  const Host h = move(wide, a, {0.1, 0.2});
  CHECK(h.reward[0] != static_cast<double>(static_cast<float>(h.reward[0])));
}

TEST_CASE("hidden velocities") {
  Context ctx;
  Environments env = make_environments(ctx, "cartpole", 2, 4, {.hide_velocities = true});
  CHECK(env.observation().size == 2);
  const std::vector<double> seen = to_host(env.reset()), s = env.states();
  CHECK(seen == std::vector<double>{double(float(s[0])), double(float(s[2])), double(float(s[4])),
                                    double(float(s[6]))});
  const Host h = move(ctx, env, {0, 1});
  CHECK(h.obs.size() == 4);
  check_refused([&] { make_environments(ctx, "catch", 1, 0, {.hide_velocities = true}); },
                Code::usage, {"catch", "no velocities"});
}

TEST_CASE("the memory is all there is: set back, the same steps follow") {
  Context ctx;
  Environments env = make_environments(ctx, "mountain_car", 6, 4);
  env.reset();
  for (i64 t = 0; t < 250; ++t) move(ctx, env, some_actions(env, t));
  const std::vector<double> then = to_host(env.memory());
  const Host once = move(ctx, env, some_actions(env, 1000));
  for (i64 t = 0; t < 100; ++t) move(ctx, env, some_actions(env, t));
  set_values(env.memory(), then);
  const Host again = move(ctx, env, some_actions(env, 1000));
  CHECK(again.obs == once.obs);
  CHECK(again.reward == once.reward);

  Context other;
  Environments resumed = make_environments(other, "mountain_car", 6, 4);
  resumed.reset();
  set_values(resumed.memory(), then);
  CHECK(move(other, resumed, some_actions(env, 1000)).obs == once.obs);
}

TEST_CASE("a step that is not finite leaves the environments where they were") {
  Context ctx;
  Environments env = make_environments(ctx, "pendulum", 2, 4);
  env.reset();
  const std::vector<double> before = to_host(env.memory());
  set_values(ctx.ok(), std::vector<double>{0});
  move(ctx, env, {1, 1});
  CHECK(to_host(env.memory()) == before);
  set_values(ctx.ok(), std::vector<double>{1});
  move(ctx, env, {1, 1});
  CHECK(to_host(env.memory()) != before);
}

TEST_CASE("what is no action is noticed, and reaches nothing") {
  Context ctx;
  Environments env = make_environments(ctx, "cartpole", 3, 4);
  env.reset();
  move(ctx, env, {0, 1, 0});
  env.check();
  move(ctx, env, {0, 2, 0});
  move(ctx, env, {0, 1, -1});
  check_refused([&] { env.check(); }, Code::failed, {"cartpole", "copy 1", "step 2"});
  check_refused([&] { env.finished(); }, Code::failed, {"cartpole"});

  Environments box = make_environments(ctx, "pendulum", 2, 4);
  box.reset();
  move(ctx, box, {5, -70});  // clipped, as the original does
  box.check();
  move(ctx, box, {0, std::nan("")});
  check_refused([&] { box.check(); }, Code::failed, {"pendulum", "copy 1", "step 2"});
  for (const double x : box.states()) CHECK(std::isfinite(x));

  const double wrong[] = {0, 3, 1};
  check_refused([&] { env.check_actions(wrong, 17); }, Code::usage,
                {"cartpole", "step 17", "3", "0 .. 1"});
  const double nan[] = {0, std::nan("")};
  check_refused([&] { box.check_actions(nan, 5); }, Code::usage, {"pendulum", "step 5", "finite"});
}

TEST_CASE("bad input") {
  Context ctx;
  check_refused([&] { make_environments(ctx, "cartpol", 1, 0); }, Code::usage,
                {"cartpol", "Did you mean 'cartpole'?", "pendulum"});
  check_refused([&] { make_environments(ctx, "cartpole", 0, 0); }, Code::usage, {"0 copies"});
  Environments env = make_environments(ctx, "cartpole", 3, 4);
  check_refused([&] { env.observe(); }, Code::state, {"cartpole", "reset()"});
  check_refused([&] { env.step(ctx.empty({3}, DType::i32)); }, Code::state, {"reset()"});
  env.reset();
  check_refused(
      [&] {
        env.step(ctx.empty({3, 1}));
      },
      Code::shape, {"cartpole", "(3) i32", "(3,1) f32"});
  check_refused([&] { env.set_states(std::vector<double>(11)); }, Code::usage, {"11"});
  check_refused(
      [&] {
        trajectory("cartpole", std::vector<double>(4), std::vector<double>{0, 2});
      },
      Code::usage, {"step 1", "2"});
  check_refused([&] { trajectory("cartpole", std::vector<double>(3), {}); }, Code::usage,
                {"4 numbers"});
}

TEST_CASE("an environment's kernel is not saved with a program") {
  Context ctx;
  Environments env = make_environments(ctx, "cartpole", 2, 4);
  env.reset();
  Step play(ctx, "play", [&](Tensor a) { return env.step(a).reward; });
  const Tensor a = ctx.keep({2}, DType::i32);
  const Tensor reward = play(a);
  const ProgramEntry entries[] = {
      {"play", &play.program(), {{"a", play.arguments()[0]}}, {{"reward", reward}}}};
  check_refused([&] { program_file_bytes(ctx, entries, {}); }, Code::unsupported,
                {"play", "cartpole_step", "policy without its environment"});
}

TEST_CASE("deep sea: the right actions all the way, and only they, find the treasure") {
  // Which action is right is found by trying.
  std::vector<double> state{0, 0}, actions;
  double sum = 0;
  for (int row = 0; row < 10; ++row) {
    const double column = state[1];
    for (const double a : {0.0, 1.0}) {
      const Trajectory t = trajectory("deep_sea", state, std::vector<double>{a});
      if (t.state[3] <= column && column < 9) continue;
      if (column == 9 && t.state[3] < 9) continue;
      state = {t.state[2], t.state[3]};
      sum += t.reward[0];
      CHECK(t.terminated[0] == (row == 9));
      break;
    }
  }
  CHECK(sum == doctest::Approx(0.99));
}

TEST_CASE("catch: the ball takes nine steps, and must be met") {
  for (const double column : {0.0, 2.0, 4.0}) {
    const std::vector<double> left(9, 0.0), stay(9, 1.0);
    const Trajectory a = trajectory("catch", std::vector<double>{0, column, 2}, left);
    CHECK(a.terminated == std::vector<bool>{0, 0, 0, 0, 0, 0, 0, 0, 1});
    CHECK(a.reward.back() == (column == 0 ? 1 : -1));
    CHECK(trajectory("catch", std::vector<double>{0, column, 2}, stay).reward.back() ==
          (column == 2 ? 1 : -1));
    CHECK(a.obs[static_cast<size_t>(column)] == 1);  // the ball in the top row
    CHECK(a.obs[45 + 2] == 1);                       // the paddle in the last
  }
}

}  // namespace lat::rl
