// Agents as a whole: they learn what they should, exactly, whatever the threads, and go on where they were.
#include <doctest/doctest.h>

#include <cmath>

#include "rl/training.h"
#include "tests/harness/devices.h"
#include "tests/harness/folder.h"

namespace lat::rl {

namespace {

using Keys = std::vector<std::pair<const char*, const char*>>;

// By the settings of the pair, and `keys` above them.
std::unique_ptr<Training> make(const std::string& name, const std::string& environment,
                               const Keys& keys = {}, const Context::Options& options = {},
                               const EnvironmentOptions& world = {}) {
  const Entry& entry = find_agent(name);
  std::unique_ptr<Agent> agent = entry.make();
  EnvironmentOptions seen = world;
  if (const Preset* preset = find_preset(name, environment))
    for (const auto& [key, value] : preset->keys) {
      if (std::string(key) == "env.hide_velocities")
        seen.hide_velocities = true;
      else
        CHECK(agent->set(key, value));
    }
  for (const auto& [key, value] : keys) CHECK(agent->set(key, value));
  return std::make_unique<Training>(options, entry, std::move(agent), environment, seen);
}

void run(Training& t, i64 steps) {
  while (t.done() < steps) t.step();
}

std::string hash_of(const std::string& name, const std::string& environment, i64 steps,
                    const Keys& keys, const Context::Options& options) {
  const auto t = make(name, environment, keys, options);
  run(*t, steps);
  return t->hash();
}

struct Quick {
  const char *agent, *environment;
  i64 steps;
  Keys keys;
};
// Every agent, small, with at least one round of updates.
const std::vector<Quick> kAll{
    {"ppo", "cartpole", 512, {{"agent.epochs", "2"}}},
    {"ppo", "pendulum", 2048, {{"agent.epochs", "1"}}},
    {"recurrent_ppo", "cartpole", 256, {{"agent.steps", "16"}, {"agent.epochs", "1"}}},
    {"a2c", "cartpole", 256, {}},
    {"reinforce", "cartpole", 5000, {}},
    {"reinforce_baseline", "cartpole", 5000, {{"agent.value_updates", "2"}}},
    {"trpo", "cartpole", 1024, {{"agent.value_epochs", "1"}}},
    {"dqn", "cartpole", 512, {{"agent.start", "100"}, {"agent.updates", "4"}}},
    {"double_dqn", "cartpole", 512, {{"agent.start", "100"}, {"agent.updates", "4"}}},
    {"sac", "pendulum", 40, {{"agent.start", "20"}}},
    {"sac", "mountain_car_continuous", 128, {{"agent.start", "50"}, {"agent.batch", "16"}}},
    {"sac_v1", "pendulum", 40, {{"agent.start", "20"}}},
    {"discrete_sac", "cartpole", 40, {{"agent.start", "20"}}},
    {"td3", "pendulum", 40, {{"agent.start", "20"}}},
    {"ddpg", "pendulum", 40, {{"agent.start", "20"}}},
};

}  // namespace

TEST_CASE("agents learn within seconds") {
  struct Row {
    const char *agent, *environment;
    i64 steps;
    double least;
  };
  for (const Row& row : {Row{"ppo", "cartpole", 40000, 400},
                         {"a2c", "catch", 60000, 0.9},
                         {"reinforce_baseline", "cartpole", 120000, 200},
                         {"sac", "pendulum", 8000, -400},
                         {"td3", "pendulum", 12000, -400}}) {
    CAPTURE(std::string(row.agent));
    const auto t = make(row.agent, row.environment, {}, {.seed = 3});
    const double before = t->evaluate(20).mean();
    run(*t, row.steps);
    const Episodes after = t->evaluate(50);
    CHECK(after.count == 50);
    CHECK(after.mean() >= row.least);
    CHECK(after.mean() > before);
  }
}

TEST_CASE("the same bits for any number of threads, call by call, and on every instruction set") {
  for (const Quick& q : kAll) {
    CAPTURE(std::string(q.agent));
    CAPTURE(std::string(q.environment));
    const std::string hash = hash_of(q.agent, q.environment, q.steps, q.keys, {.seed = 5});
    CHECK(hash == hash_of(q.agent, q.environment, q.steps, q.keys, {.threads = 3, .seed = 5}));
    CHECK(hash == hash_of(q.agent, q.environment, q.steps, q.keys, {.seed = 5, .eager = true}));
    CHECK(hash != hash_of(q.agent, q.environment, q.steps, q.keys, {.seed = 6}));
    if (kernels::has_isa(kernels::Isa::v3))
      CHECK(hash ==
            hash_of(q.agent, q.environment, q.steps, q.keys, {.isa = kernels::Isa::v3, .seed = 5}));
  }
}

TEST_CASE("whole steps run on a device to the same bits") {
  for (const std::string& device : test::devices()) {
    CAPTURE(device);
    const Keys ppo{{"agent.envs", "4"},
                   {"agent.steps", "8"},
                   {"agent.batch", "16"},
                   {"agent.epochs", "2"},
                   {"agent.width", "16"}};
    CHECK(hash_of("ppo", "cartpole", 64, ppo, {.device = device}) ==
          hash_of("ppo", "cartpole", 64, ppo, {}));
    const Keys sac{
        {"agent.start", "4"}, {"agent.batch", "8"}, {"agent.width", "16"}, {"agent.replay", "64"}};
    CHECK(hash_of("sac", "pendulum", 10, sac, {.device = device}) ==
          hash_of("sac", "pendulum", 10, sac, {}));
  }
}

TEST_CASE("a run that is resumed ends with the bits of one that was not") {
  for (const Quick& q : kAll) {
    CAPTURE(std::string(q.agent));
    CAPTURE(std::string(q.environment));
    const test::Folder folder;
    const auto whole = make(q.agent, q.environment, q.keys, {.seed = 2});
    const auto first = make(q.agent, q.environment, q.keys, {.seed = 2});
    run(*whole, 3 * q.steps);
    run(*first, q.steps);
    first->evaluate(3);  // leaves no trace
    first->save(folder.path, {});
    const auto second = make(q.agent, q.environment, q.keys, {.threads = 2, .seed = 2});
    second->step();  // of which nothing stays
    second->resume(folder.path);
    CHECK(second->done() == first->done());
    CHECK(second->hash() == first->hash());
    run(*second, 3 * q.steps);
    CHECK(second->hash() == whole->hash());
    CHECK(second->evaluate(5).mean() == whole->evaluate(5).mean());
  }
}

TEST_CASE("what does not fit is refused, and says what does") {
  CHECK_THROWS_WITH_AS(make("sac", "cartpole"),
                       doctest::Contains("takes one of 2. These can: ppo, recurrent_ppo"), Error);
  CHECK_THROWS_WITH_AS(make("dqn", "pendulum"), doctest::Contains("These can: ppo, recurrent_ppo"),
                       Error);
  CHECK_THROWS_WITH_AS(make("ppp", "cartpole"), doctest::Contains("Did you mean 'ppo'?"), Error);
  CHECK_THROWS_WITH_AS(make("ppo", "cartpol"), doctest::Contains("cartpole"), Error);
  CHECK_THROWS_WITH_AS(make("ppo", "cartpole", {{"agent.batch", "100"}}),
                       doctest::Contains("do not divide"), Error);
  CHECK_THROWS_WITH_AS(make("ppo", "cartpole", {{"agent.noise_every", "4"}}),
                       doctest::Contains("is for boxes"), Error);
  CHECK_THROWS_WITH_AS(make("dqn", "cartpole", {{"agent.replay", "1000000000"}}),
                       doctest::Contains("memory"), Error);
  const test::Folder folder;
  const auto t = make("dqn", "cartpole");
  t->save(folder.path, {});
  CHECK_THROWS_WITH_AS(make("dqn", "catch")->resume(folder.path),
                       doctest::Contains("the environment was cartpole, now it is catch"), Error);
  CHECK_THROWS_WITH_AS(make("double_dqn", "cartpole")->resume(folder.path),
                       doctest::Contains("the agent was dqn, now it is double_dqn"), Error);
}

TEST_CASE("an observation that is no number stops training, named") {
  const auto t = make("ppo", "cartpole", {{"agent.epochs", "1"}});
  t->step();
  const std::string hash = t->hash();
  std::vector<double> states = t->environments().states();
  states[5] = NAN;
  t->environments().set_states(states);
  try {
    t->step();
    FAIL("nothing was said");
  } catch (const Error& e) {
    const std::string text = e.what();
    CHECK(e.code == Code::failed);
    for (const char* part : {"ppo", "cartpole", "copy 1", "observation", "step 256"})
      CHECK_MESSAGE(text.find(part) != std::string::npos, text);
  }
  CHECK(t->hash() == hash);
}

TEST_CASE("every preset fits its agent and environment") {
  for (const Preset& p : presets()) {
    CAPTURE(std::string(p.agent));
    CAPTURE(std::string(p.environment));
    CHECK(make(p.agent, p.environment)->agent().steps_each() > 0);
  }
  for (const Entry& e : catalogue()) {
    CAPTURE(std::string(e.name));
    CHECK(find_preset(e.name, usual_environment(e.name)));
  }
}

}  // namespace lat::rl
