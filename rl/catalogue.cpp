#include "rl/agent.h"

namespace lat::rl {

std::unique_ptr<Agent> make_ppo();
std::unique_ptr<Agent> make_a2c();
std::unique_ptr<Agent> make_reinforce();
std::unique_ptr<Agent> make_reinforce_baseline();
std::unique_ptr<Agent> make_trpo();
std::unique_ptr<Agent> make_dqn();
std::unique_ptr<Agent> make_double_dqn();
std::unique_ptr<Agent> make_sac();
std::unique_ptr<Agent> make_discrete_sac();
std::unique_ptr<Agent> make_td3();
std::unique_ptr<Agent> make_ddpg();

const std::vector<Entry>& catalogue() {
  static const std::vector<Entry> kAgents{
      {"ppo", "Schulman et al. 2017, eqs. 7, 9; Raffin et al. 2022, eqs. 5, 6", Acts::both,
       make_ppo},
      {"a2c", "Mnih et al. 2016, algorithm S3", Acts::both, make_a2c},
      {"reinforce", "Williams 1992, theorem 1", Acts::both, make_reinforce},
      {"reinforce_baseline", "Williams 1992, theorem 1 and section 5", Acts::both,
       make_reinforce_baseline},
      {"trpo", "Schulman et al. 2015, eq. 14 and appendix C", Acts::both, make_trpo},
      {"dqn", "Mnih et al. 2015, algorithm 1", Acts::choice, make_dqn},
      {"double_dqn", "van Hasselt et al. 2016, eq. 4", Acts::choice, make_double_dqn},
      {"sac", "Haarnoja et al. 2018b, eqs. 5, 7, 18", Acts::box, make_sac},
      {"discrete_sac", "Christodoulou 2019, eqs. 4, 10 to 12", Acts::choice, make_discrete_sac},
      {"td3", "Fujimoto et al. 2018, algorithm 1", Acts::box, make_td3},
      {"ddpg", "Lillicrap et al. 2016, algorithm 1", Acts::box, make_ddpg},
  };
  return kAgents;
}

const std::vector<Preset>& presets() {
  static const std::vector<Preset> kPresets{
      {"ppo", "cartpole", 100000, {}},
      {"a2c", "cartpole", 500000, {}},
      {"reinforce", "cartpole", 250000, {}},
      {"reinforce_baseline", "cartpole", 1000000, {}},
      {"trpo", "cartpole", 100000, {}},
      {"dqn", "cartpole", 50000, {}},
      {"double_dqn", "cartpole", 50000, {}},
      {"sac",
       "pendulum",
       20000,
       {{"agent.batch", "100"}, {"agent.width", "64"}, {"agent.start", "1000"}}},
      {"discrete_sac", "cartpole", 100000, {}},
      {"td3", "pendulum", 20000, {}},
      {"ddpg", "pendulum", 20000, {}},
  };
  return kPresets;
}

}  // namespace lat::rl
