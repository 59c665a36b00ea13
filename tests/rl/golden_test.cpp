// Trajectories of the original environments (data/gym_golden), step by step and rolled out; for the continuous car also
// those of the same equations in double precision.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "engine/data/file.h"
#include "rl/core/environments.h"

namespace lat::rl {
namespace {

using nlohmann::json;

struct Golden {
  const char* environment;
  const char* file;
  double step, roll_out;  // largest difference of a state
};
constexpr Golden kGolden[] = {
    {"cartpole", "CartPole-v1.json", 1e-12, 1e-9},
    {"acrobot", "Acrobot-v1.json", 1e-12, 1e-9},
    {"mountain_car", "MountainCar-v0.json", 1e-12, 1e-9},
    {"mountain_car_continuous", "MountainCarContinuous-v0.double.json", 1e-12, 1e-9},
    {"mountain_car_continuous", "MountainCarContinuous-v0.json", 1e-6, 1e-6},
    {"pendulum", "Pendulum-v1.json", 1e-12, 1e-9},
};

json read_golden(const std::string& folder, const char* name) {
  const std::string text = read_file(folder + "/gym_golden/" + name, 1 << 24);
  return json::parse(text);
}

double most_between(const std::vector<double>& a, const double* b) {
  double most = 0;
  for (size_t k = 0; k < a.size(); ++k) most = std::max(most, std::fabs(a[k] - b[k]));
  return most;
}

}  // namespace

TEST_CASE("golden trajectories: states, observations, rewards and ends of the originals") {
  const char* const folder = std::getenv("LATENT_DATA");
  if (!folder) {
    MESSAGE("LATENT_DATA not set: golden trajectories skipped");
    return;
  }
  for (const Golden& golden : kGolden) {
    const json file = read_golden(folder, golden.file);
    REQUIRE(file.at("episodes").size() == 5);
    for (const json& episode : file.at("episodes")) {
      CAPTURE(golden.file);
      const std::string name = episode.at("name");
      CAPTURE(name);
      const std::vector<double> start = episode.at("init_state"), actions = episode.at("actions"),
                                rewards = episode.at("rewards");
      const std::vector<std::vector<double>> states = episode.at("states"),
                                             seen = episode.at("obs");
      const std::vector<bool> terminated = episode.at("terminated");
      const size_t S = start.size();

      // One step from every recorded state.
      double step_off = 0, reward_off = 0, seen_off = 0;
      for (size_t t = 0; t < actions.size(); ++t) {
        const Trajectory one =
            trajectory(golden.environment, t == 0 ? start : states[t - 1], {&actions[t], 1});
        step_off = std::max(step_off, most_between(states[t], one.state.data() + S));
        reward_off = std::max(reward_off, std::fabs(one.reward[0] - rewards[t]));
        CHECK(one.terminated[0] == terminated[t]);
        for (size_t d = 0; d < seen[t].size(); ++d) {
          const double ours = one.obs[seen[t].size() + d];
          seen_off = std::max(seen_off, std::fabs(ours - seen[t][d]) / (1 + std::fabs(ours)));
        }
      }
      CHECK(step_off <= golden.step);
      CHECK(reward_off <= golden.step);
      CHECK(seen_off <= std::max(golden.step, 1e-7));

      // From the start on.
      const Trajectory whole = trajectory(golden.environment, start, actions);
      double off = 0;
      for (size_t t = 0; t < actions.size(); ++t)
        off = std::max(off, most_between(states[t], whole.state.data() + (t + 1) * S));
      CHECK(off <= golden.roll_out);
      CHECK(whole.terminated.back() == terminated.back());
    }
  }
}

}  // namespace lat::rl
