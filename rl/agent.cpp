#include "rl/agent.h"

#include <algorithm>

namespace lat::rl {

Thought thought(const Policy& pi) {
  if (pi.logits) return {"probability", softmax(pi.logits)};
  return {"action", pi.mu};
}

double linearly(double first, double last, i64 done, i64 end) {
  const double t =
      end > 0 ? std::min(1.0, static_cast<double>(done) / static_cast<double>(end)) : 1;
  return first + (last - first) * t;
}

const Entry& find_agent(const std::string& name) {
  std::vector<std::string> names;
  for (const Entry& e : catalogue()) {
    if (name == e.name) return e;
    names.push_back(e.name);
  }
  fail(Code::usage, "agent", "no agent is called '", name, "'.", suggestion(name, names),
       "  (latent config list)");
}

void check_space(const Entry& agent, const std::string& environment, const Space& action) {
  const auto can = [&](const Entry& e) {
    return e.acts == Acts::both || (e.acts == Acts::choice) == action.discrete;
  };
  if (can(agent)) return;
  std::string others;
  for (const Entry& e : catalogue())
    if (can(e)) others += cat(others.empty() ? "" : ", ", e.name);
  fail(Code::usage, agent.name, "acts in ",
       agent.acts == Acts::choice ? "a choice of actions" : "a box of real numbers", "; ",
       environment, " takes ", action.text(), ". These can: ", others);
}

const Preset* find_preset(const std::string& agent, const std::string& environment) {
  for (const Preset& p : presets())
    if (agent == p.agent && environment == p.environment) return &p;
  return nullptr;
}

std::string usual_environment(const std::string& agent) {
  for (const Preset& p : presets())
    if (agent == p.agent) return p.environment;
  return "cartpole";
}

}  // namespace lat::rl
