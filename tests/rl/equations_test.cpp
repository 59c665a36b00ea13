// What must be true of every update of an agent, whatever it has learned.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "rl/core/twin.h"
#include "rl/training.h"

namespace lat::rl {

namespace {

using Keys = std::vector<std::pair<const char*, const char*>>;

std::unique_ptr<Training> make(const std::string& name, const std::string& environment,
                               const Keys& keys, const EnvironmentOptions& world = {}) {
  const Entry& entry = find_agent(name);
  std::unique_ptr<Agent> agent = entry.make();
  for (const auto& [key, value] : keys) REQUIRE(agent->set(key, value));
  return std::make_unique<Training>(Context::Options{}, entry, std::move(agent), environment,
                                    world);
}

std::map<std::string, double> figures(Training& t) {
  const auto list = t.figures();
  return {list.begin(), list.end()};
}

std::vector<double> kept(Training& t, const std::string& name) {
  for (const auto& [buffer, tensor] : t.agent().kept().buffers)
    if (buffer == name) return to_host(tensor);
  FAIL("keeps no " << name);
  return {};
}

}  // namespace

TEST_CASE("ppo's first update: every ratio is 1, nothing is clipped, the advantages have mean 0") {
  for (const char* environment : {"cartpole", "pendulum"}) {
    const auto t = make("ppo", environment, {{"agent.epochs", "1"}, {"agent.gamma", "0.99"}});
    for (int round = 0; round < 5; ++round) {
      t->step();
      const auto f = figures(*t);
      CHECK(f.at("clipped") == 0);
      CHECK(std::fabs(f.at("surrogate")) < 1e-6);  // the mean of rho A
    }
  }
}

TEST_CASE("a trust region is never left") {
  for (const char* environment : {"cartpole", "pendulum"}) {
    const auto t =
        make("trpo", environment,
             {{"agent.steps", "64"}, {"agent.value_epochs", "1"}, {"agent.delta", "0.003"}});
    int moved = 0;
    for (int round = 0; round < 40; ++round) {
      t->step();
      const auto f = figures(*t);
      CHECK(f.at("kl") <= 0.003 * (1 + 1e-6));
      CHECK(f.at("kl") >= 0);
      moved += f.at("step") > 0 ? 1 : 0;
    }
    CHECK(moved > 20);
  }
}

TEST_CASE("values of what ends stay within what can be earned") {
  // Catch pays 1 at most, once. An agent that looks beyond the end expects more and more.
  const Keys fast{{"agent.copy_every", "64"}, {"agent.steps", "32"},  {"agent.updates", "32"},
                  {"agent.width", "32"},      {"agent.start", "200"}, {"agent.lr", "0.003"}};
  for (const char* agent : {"dqn", "double_dqn"}) {
    const auto t = make(agent, "catch", fast);
    while (t->done() < 8000) t->step();
    CHECK(std::fabs(figures(*t).at("q")) < 1.3);
  }
}

TEST_CASE("what a time limit cuts off still has its value") {
  // Two steps an episode, and no end of its own: the value is that of going on for ever.
  const EnvironmentOptions brief{.limit = 2};
  {
    const auto t = make("dqn", "cartpole",
                        {{"agent.copy_every", "32"},
                         {"agent.steps", "32"},
                         {"agent.updates", "32"},
                         {"agent.width", "32"},
                         {"agent.start", "200"},
                         {"agent.gamma", "0.9"}},
                        brief);
    while (t->done() < 4000) t->step();
    CHECK(figures(*t).at("q") > 6);  // 10; 2 at most where a cut is an end
  }
  for (const char* agent : {"sac", "td3", "ddpg"}) {
    CAPTURE(std::string(agent));
    const auto t = make(agent, "pendulum",
                        {{"agent.width", "32"},
                         {"agent.batch", "64"},
                         {"agent.start", "200"},
                         {"agent.gamma", "0.9"},
                         {"agent.tau", "0.05"}},
                        brief);
    while (t->done() < 3000) t->step();
    CHECK(figures(*t).at("q") < -25);  // about -7 where a cut is an end
  }
}

TEST_CASE("a target stands still between copies, and then is Q") {
  const auto t = make("dqn", "cartpole",
                      {{"agent.copy_every", "64"},
                       {"agent.steps", "16"},
                       {"agent.updates", "4"},
                       {"agent.start", "64"},
                       {"agent.width", "16"}});
  std::vector<double> before = kept(*t, "target");
  while (t->done() < 512) {
    const std::vector<double> q = to_host(t->agent().kept().params[0]->memory_of_values());
    t->step();
    const std::vector<double> now = kept(*t, "target");
    if (t->done() % 64 == 0)
      CHECK(now == q);  // as it was before this round's updates
    else
      CHECK(now == before);
    before = now;
  }
}

TEST_CASE("a moving target goes its share of the way") {
  for (const char* agent : {"sac", "discrete_sac"}) {
    CAPTURE(std::string(agent));
    const bool choice = std::string(agent) == "discrete_sac";
    const auto t = make(agent, choice ? "cartpole" : "pendulum",
                        {{"agent.steps", "1"},
                         {"agent.updates", "1"},
                         {"agent.start", "20"},
                         {"agent.tau", "0.25"},
                         {"agent.width", "16"},
                         {"agent.batch", "16"}});
    while (t->done() < 40) {
      const std::vector<double> before = kept(*t, "target");
      t->step();
      const std::vector<double> now = kept(*t, "target");
      const std::vector<double> q = to_host(t->agent().kept().params[1]->memory_of_values());
      if (t->done() <= 20) continue;
      for (size_t i = 0; i < q.size(); i += 7)
        CHECK(now[i] == doctest::Approx(before[i] + 0.25 * (q[i] - before[i])).epsilon(1e-5));
    }
  }
}

TEST_CASE("the temperature falls while the entropy is above its aim, and rises while it is below") {
  for (const auto& [agent, environment, aim] :
       {std::tuple{"sac", "pendulum", -1.0}, {"discrete_sac", "cartpole", 0.3 * std::log(2)}}) {
    for (const char* alpha : {"0.0001", "20"}) {
      const auto t = make(agent, environment,
                          {{"agent.start", "100"},
                           {"agent.alpha", alpha},
                           {"agent.width", "32"},
                           {"agent.batch", "32"},
                           {"agent.steps", "1"},
                           {"agent.updates", "1"}});
      while (t->done() < 400) t->step();
      double last = figures(*t).at("alpha"), agreed = 0, all = 0;
      double gap = 0;  // Adam remembers: what the entropies of late were
      while (t->done() < 700) {
        t->step();
        const auto f = figures(*t);
        gap = 0.9 * gap + 0.1 * (f.at("entropy") - aim);
        if (std::fabs(gap) > 0.1) {
          ++all;
          agreed += (f.at("alpha") < last) == (gap > 0) ? 1 : 0;
        }
        last = f.at("alpha");
      }
      CHECK(agreed >= 0.9 * all);
    }
  }
}

TEST_CASE("the least of two critics is below both") {
  Context ctx;
  Params params;
  const TwinCritics critics(params, 5, 2, 16);
  params.materialise(ctx);
  const Scratch scratch(ctx);
  const Tensor s = normal(Rng(ctx), {64, 3}), a = normal(Rng(ctx), {64, 2});
  const auto [q1, q2] = critics(s, a);
  const std::vector<double> x = to_host(q1), y = to_host(q2), least = to_host(critics.least(s, a));
  for (size_t i = 0; i < least.size(); ++i) CHECK(least[i] == std::min(x[i], y[i]));
}

}  // namespace lat::rl
