#pragma once
// An agent in its environments: one object that trains, evaluates, saves and resumes. The program and the tests drive it;
// it prints nothing.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/train/checkpoint.h"
#include "rl/agent.h"
#include "rl/core/evaluation.h"

namespace lat::rl {

class Training {
 public:
  // `agent` with its settings made. Code::usage where it cannot act in this environment, naming agents that can.
  Training(const Context::Options& context, const Entry& entry, std::unique_ptr<Agent> agent,
           const std::string& environment, const EnvironmentOptions& options = {});
  ~Training();

  // One round of acting and learning. Code::failed when a value is not finite: agent,
  // environment and step are named, and what was not finite.
  void step();
  // Steps of environments so far, all copies together.
  i64 done() const { return done_; }

  // What the last round reported, and the mean return of the episodes that ended since the last call ("return"), where
  // there were any. A device is waited for.
  std::vector<std::pair<std::string, double>> figures();

  // Whole episodes, the actions greedy, from starts that training does not meet; always the same ones.
  Episodes evaluate(i64 episodes = 100);

  void save(const std::string& folder, const Metadata& metadata);
  // All that changes: values, moments, memory, environments, random streams. Code::input where the run was in another
  // environment or by another agent.
  void resume(const std::string& folder);

  i64 parameters() const;
  // SHA-256 of all parameters, Params after Params.
  std::string hash() const;

  Context& ctx() { return *ctx_; }
  Agent& agent() { return *agent_; }
  Environments& environments() { return *env_; }
  const Entry& entry() const { return entry_; }

 private:
  struct Judge;
  [[noreturn]] void not_finite();
  std::vector<CheckpointFile> files();

  std::unique_ptr<Context> ctx_;
  const Entry& entry_;
  std::unique_ptr<Environments> env_;
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<Judge> judge_;
  i64 done_ = 0;
  std::vector<double>
      before_;  // memory of the environments as the last round began; on the CPU alone
  Episodes known_;
};

}  // namespace lat::rl
