// Agents through the program: train, resume, eval, play, and what is told to whom asks for what cannot be.
#include "tests/tools/program.h"
#include "tools/latent/json.h"

namespace lat::test {

namespace {

std::string value(const Outcome& o, const std::string& key) {
  REQUIRE_MESSAGE(o.code == 0, o.err);
  const auto all = tools::flat_json("result", o.out);
  REQUIRE_MESSAGE(all.contains(key), key);
  return all.at(key);
}

}  // namespace

TEST_CASE("an agent is trained, judged and goes on to the same bits") {
  for (const auto& [agent, env, half, whole] : {std::tuple{"ppo", "cartpole", "2048", "4096"},
                                                {"dqn", "cartpole", "2048", "4096"},
                                                {"sac", "pendulum", "1200", "1400"}}) {
    CAPTURE(std::string(agent));
    const Folder in;
    const Outcome all = run(in, {"train", agent, "--env", env, "--steps", whole, "--seed", "3",
                                 "--threads", "1", "--out", "all", "--json"});
    for (const char* key : {"run", "model", "data", "seed", "threads", "device", "numerics",
                            "steps", "epochs", "seconds", "parameters", "hash", "test/return_mean",
                            "test/return_std", "test/episodes", "test/steps_per_second"})
      value(all, key);
    CHECK(value(all, "model") == agent);
    CHECK(value(all, "data") == env);
    CHECK(value(all, "steps") == whole);
    CHECK(std::stod(value(all, "test/episodes")) == 100);
    REQUIRE(run(in, {"train", agent, "--env", env, "--steps", half, "--seed", "3", "--threads", "2",
                     "--out", "part"})
                .code == 0);
    const Outcome rest = run(in, {"train", "--resume", "part", "--steps", whole, "--json"});
    CHECK(value(rest, "hash") == value(all, "hash"));
    CHECK(value(rest, "test/return_mean") == value(all, "test/return_mean"));
    const Outcome judged = run(in, {"eval", "part", "--json", "--expect", "return_mean>=-2000"});
    CHECK(value(judged, "test/return_mean") == value(all, "test/return_mean"));
    CHECK(judged.err.find("met") != std::string::npos);
    CHECK(run(in, {"eval", "part", "--expect", "return_mean>=2000"}).code == 5);
    CHECK(get(in / "part/metrics.jsonl").find("\"step\": " + std::string(whole)) !=
          std::string::npos);
  }
}

TEST_CASE("an agent's file of settings says what it is") {
  const Folder in;
  const Outcome shown = run(in, {"config", "show", "td3"});
  REQUIRE(shown.code == 0);
  in.write("mine.toml", shown.out);
  const Outcome o =
      run(in, {"train", "mine.toml", "--steps", "40", "--json", "--set", "agent.start=20"});
  CHECK(value(o, "model") == "td3");
  CHECK(value(o, "data") == "pendulum");
  const Outcome elsewhere = run(in, {"config", "show", "ppo", "--env", "pendulum"});
  CHECK(contains(elsewhere.out, "name = \"pendulum\""));
  CHECK(contains(elsewhere.out, "preset ppo on pendulum"));
  check_refused(in, {"config", "show", "vae", "--env", "pendulum"}, 2,
                {"--env", "'vae' is a model"});
}

TEST_CASE("an episode is drawn with what the agent thinks of its actions") {
  const Folder in;
  REQUIRE(run(in, {"train", "ppo", "--env", "cartpole", "--steps", "256", "--out", "run"}).code ==
          0);
  const Outcome o = run(in, {"play", "run", "--keys", "rfn"});
  REQUIRE(o.code == 0);
  for (const char* part : {"frame 003", "ppo in cartpole   episode 0   step 1   return 1.00",
                           "episode 1   step 0", "left  probability 0.", "right  probability 0."})
    CHECK_MESSAGE(o.out.find(part) != std::string::npos, o.out);
  REQUIRE(run(in, {"play", "run", "--keys", "r", "-o", "frames"}).code == 0);
  CHECK(fs::file_size(in / "frames/frame-001.png") > 500);
  check_refused(in, {"play", "run", "--keys", "z"}, 2, {"is no key of an agent's run"});
  check_refused(in, {"sample", "run"}, 2, {"is the run of an agent"});
}

TEST_CASE("what an agent cannot do is told") {
  const Folder in;
  check_refused(in, {"train", "sac", "--env", "cartpole"}, 2, {"These can: ppo"});
  check_refused(in, {"train", "ppo", "--env", "cartpol"}, 2, {"Did you mean 'cartpole'?"});
  check_refused(in, {"train", "ppo", "--data", "digits"}, 2, {"--env"});
  check_refused(in, {"train", "vae", "--env", "cartpole"}, 2, {"is for agents"});
  check_refused(in, {"train", "ppo", "--set", "agent.gama=1"}, 2, {"Did you mean 'agent.gamma'?"});
  check_refused(in, {"train", "dqn", "--set", "agent.replay=1000000000"}, 4, {"replay"});
  REQUIRE(run(in, {"train", "ppo", "--env", "cartpole", "--steps", "256", "--out", "run"}).code ==
          0);
  check_refused(in, {"train", "--resume", "run", "--env", "catch", "--steps", "512"}, 2,
                {"the environment was cartpole, now it is catch"});
  check_refused(in, {"train", "--resume", "run", "--set", "agent.lr=1", "--steps", "512"}, 2,
                {"agent.lr"});
}

}  // namespace lat::test
