#pragma once
// Runs of agents: settings, training that people watch, evaluation, playing.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rl/training.h"
#include "tools/latent/run_folder.h"

namespace lat::tools {

// Every key of an agent in an environment, with its value and where it came from: default < preset of the pair < file <
// --set.
class AgentConfig {
 public:
  // "" is the agent's usual environment. Code::usage for names that are none.
  AgentConfig(const std::string& agent, const std::string& environment);
  // An agent's name, or FILE.toml that begins with  preset = "ppo"  and may give steps, seed, [agent], [env].
  static AgentConfig read(const std::string& agent_or_file, const std::string& environment);
  // What json() wrote.
  static AgentConfig open(const std::string& path);

  void set(const std::string& key, const std::string& text, const std::string& origin);
  void assign(const std::string& text, const std::string& origin);  // "key=value"
  std::vector<Field> keys();
  std::string origin(const std::string& key) const;
  Json json();
  std::string toml();

  const rl::Entry* entry;
  std::string environment;
  u64 seed = 0;
  Stop stop;
  std::unique_ptr<rl::Agent> agent;

  // The agent moves into it.
  std::unique_ptr<rl::Training> training(const Machine& machine);

 private:
  struct World {
    bool hide_velocities = false;
    i64 limit = 0;
    template <class F>
    void fields(F&& f) {
      f("hide_velocities", hide_velocities, "the agent sees positions alone");
      f("limit", limit, "steps of an episode at most; 0: the environment's own", 0, 1e9);
    }
  };
  World world_;
  std::map<std::string, std::string> origins_;
};

// Whether `what` names an agent or a file of one, or `run` is the folder of one's run.
bool is_agent_run(const std::string& what, const std::string& run);

struct AgentFlags {
  std::string what, environment, seed, out, resume;
  Stop stop;
  std::vector<std::string> set;
  MachineFlags machine;
  bool json = false;
  std::string command;
};
int train_agent(const AgentFlags& flags);

// return_mean, return_std, episodes, length
using AgentFigures = std::vector<std::pair<std::string, double>>;
// The returns of the run's agent over 100 episodes, printed.
AgentFigures eval_agent(const std::string& run, const MachineFlags& machine, bool json);

// The agent of a run with its newest checkpoint.
struct LoadedAgent {
  RunFolder folder;
  std::unique_ptr<rl::Training> training;
};
LoadedAgent load_agent(const std::string& run, const MachineFlags& machine);

// Episode after episode, drawn: key by key on this terminal, or where `keys` are given a frame for each to standard
// output, to PNG files below `out` where that is given.
int play_agent(const std::string& run, const std::string& episode, const std::string& keys,
               const std::string& out, const MachineFlags& machine);

}  // namespace lat::tools
