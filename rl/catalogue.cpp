#include "rl/agent.h"

namespace lat::rl {

std::unique_ptr<Agent> make_ppo();
std::unique_ptr<Agent> make_a2c();
std::unique_ptr<Agent> make_reinforce();
std::unique_ptr<Agent> make_reinforce_baseline();
std::unique_ptr<Agent> make_trpo();
std::unique_ptr<Agent> make_dqn();
std::unique_ptr<Agent> make_double_dqn();
std::unique_ptr<Agent> make_recurrent_ppo();
std::unique_ptr<Agent> make_sac();
std::unique_ptr<Agent> make_sac_v1();
std::unique_ptr<Agent> make_discrete_sac();
std::unique_ptr<Agent> make_td3();
std::unique_ptr<Agent> make_ddpg();

const std::vector<Entry>& catalogue() {
  static const std::vector<Entry> kAgents{
      {"ppo", "Schulman et al. 2017, eqs. 7, 9; Raffin et al. 2022, eqs. 5, 6", Acts::both,
       make_ppo},
      {"recurrent_ppo", "Schulman et al. 2017, eq. 7; Hausknecht & Stone 2015", Acts::both,
       make_recurrent_ppo},
      {"a2c", "Mnih et al. 2016, algorithm S3", Acts::both, make_a2c},
      {"reinforce", "Williams 1992, theorem 1", Acts::both, make_reinforce},
      {"reinforce_baseline", "Williams 1992, theorem 1 and section 5", Acts::both,
       make_reinforce_baseline},
      {"trpo", "Schulman et al. 2015, eq. 14 and appendix C", Acts::both, make_trpo},
      {"dqn", "Mnih et al. 2015, algorithm 1", Acts::choice, make_dqn},
      {"double_dqn", "van Hasselt et al. 2016, eq. 4", Acts::choice, make_double_dqn},
      {"sac", "Haarnoja et al. 2018b, eqs. 5, 7, 18", Acts::box, make_sac},
      {"sac_v1", "Haarnoja et al. 2018a, eqs. 5 to 12", Acts::box, make_sac_v1},
      {"discrete_sac", "Christodoulou 2019, eqs. 4, 10 to 12", Acts::choice, make_discrete_sac},
      {"td3", "Fujimoto et al. 2018, algorithm 1", Acts::box, make_td3},
      {"ddpg", "Lillicrap et al. 2016, algorithm 1", Acts::box, make_ddpg},
  };
  return kAgents;
}

namespace {

using Keys = std::vector<std::pair<const char*, const char*>>;

// Of Q-learning with a target that stands still for hundreds of steps.
Keys slow_target(Keys keys) {
  const Keys shared{{"agent.steps", "16"},
                    {"agent.updates", "8"},
                    {"agent.copy_every", "600"},
                    {"agent.batch", "128"}};
  keys.insert(keys.begin(), shared.begin(), shared.end());
  return keys;
}

const Keys kSmallQ{{"agent.width", "128"}, {"agent.lr", "0.001"}};
const Keys kCatchQ{{"agent.width", "64"},       {"agent.lr", "0.0005"},
                   {"agent.steps", "16"},       {"agent.updates", "8"},
                   {"agent.copy_every", "500"}, {"agent.epsilon_until", "16000"}};
const Keys kSmallSac{{"agent.width", "64"}, {"agent.batch", "100"}};

}  // namespace

const std::vector<Preset>& presets() {
  static const std::vector<Preset> kPresets{
      {"ppo", "cartpole", 100000, {}},
      {"ppo",
       "acrobot",
       500000,
       {{"agent.envs", "16"},
        {"agent.steps", "128"},
        {"agent.gamma", "0.99"},
        {"agent.lambda", "0.94"},
        {"agent.epochs", "4"},
        {"agent.lr_last", "0"},
        {"agent.lr_until", "500000"}}},
      {"ppo",
       "pendulum",
       100000,
       {{"agent.envs", "16"},
        {"agent.steps", "64"},
        {"agent.gamma", "0.9"},
        {"agent.lambda", "0.95"},
        {"agent.epochs", "10"},
        {"agent.batch", "128"},
        {"agent.noise_every", "4"},
        {"agent.log_std", "-1"},
        {"agent.lr_last", "0.1"}}},
      {"ppo",
       "catch",
       100000,
       {{"agent.envs", "16"},
        {"agent.gamma", "0.99"},
        {"agent.lambda", "0.95"},
        {"agent.epochs", "4"},
        {"agent.batch", "128"},
        {"agent.entropy", "0.01"}}},
      {"recurrent_ppo",
       "cartpole",
       500000,
       {{"env.hide_velocities", "yes"},
        {"agent.gamma", "0.98"},
        {"agent.lr", "0.003"},
        {"agent.lr_last", "0.1"},
        {"agent.reward_scale", "0.1"}}},
      {"a2c", "cartpole", 500000, {}},
      {"a2c",
       "catch",
       100000,
       {{"agent.envs", "16"}, {"agent.steps", "10"}, {"agent.entropy", "0.01"}}},
      {"reinforce", "cartpole", 250000, {}},
      {"reinforce_baseline", "cartpole", 1000000, {}},
      {"trpo", "cartpole", 100000, {}},
      {"dqn", "cartpole", 50000, kSmallQ},
      {"dqn", "acrobot", 100000,
       slow_target({{"agent.width", "128"},
                    {"agent.lr", "0.001"},
                    {"agent.epsilon", "0.1"},
                    {"agent.epsilon_until", "12000"}})},
      {"dqn", "mountain_car", 120000,
       slow_target({{"agent.lr", "0.001"},
                    {"agent.gamma", "0.98"},
                    {"agent.epsilon", "0.07"},
                    {"agent.epsilon_until", "24000"}})},
      {"dqn", "catch", 100000, kCatchQ},
      {"double_dqn", "cartpole", 50000, kSmallQ},
      {"sac", "pendulum", 20000, kSmallSac},
      {"sac",
       "mountain_car_continuous",
       50000,
       {{"agent.width", "64"},
        {"agent.steps", "32"},
        {"agent.updates", "32"},
        {"agent.start", "10000"},
        {"agent.tau", "0.01"},
        {"agent.noise", "0.5"}}},
      {"sac_v1", "pendulum", 20000, kSmallSac},
      {"discrete_sac", "cartpole", 100000, {}},
      {"td3", "pendulum", 20000, {}},
      {"ddpg", "pendulum", 20000, {}},
  };
  return kPresets;
}

}  // namespace lat::rl
