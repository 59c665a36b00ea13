#pragma once
// The contract of an agent: it acts, and learns from what comes of it. One file and one catalogue line make an agent;
// each file holds config, networks, acting, learning, in that order, its loop included. What agents share has no
// mathematics in it.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/lat.h"
#include "engine/train/fields.h"
#include "rl/core/environments.h"
#include "rl/core/policy.h"

namespace lat::rl {

// Numbers that a step reports: a name and () each.
struct Figures {
  std::vector<std::string> names;
  std::vector<Tensor> values;

  void add(const std::string& name, const Tensor& value) {
    names.push_back(name);
    values.push_back(value);
  }
  template <class F>
  void each_tensor(F&& f) {
    for (Tensor& t : values) f(t);
  }
};

// The recorded step of an agent: acting, stepping the environments, storing, sampling, updating. The key is the phase.
struct LearnBody {
  std::function<Figures(Key)> f;
  Figures operator()(Key key) const { return f(key); }
};
using Learn = Step<LearnBody>;

// Everything of an agent that changes while it learns: checkpoints, counts and hashes are made of it.
struct Kept {
  struct Optimiser {
    std::string name;
    Params* params;
    Adam* adam;
  };
  std::vector<Params*> params;
  std::vector<Optimiser> optimisers;
  std::vector<std::pair<std::string, Tensor>> buffers;
  std::vector<StepBase*> steps;

  // What a replay memory or a normaliser keeps.
  template <class T>
  void add(const T& what) {
    what.each_state(
        [&](const std::string& name, const Tensor& t) { buffers.emplace_back(name, t); });
  }
};

// Of each of K actions of a choice its probability or its Q, of a box the action it prefers in units of [-1, 1]: (B,K)
// or (B,A).
struct Thought {
  const char* what;
  Tensor values;
};
Thought thought(const Policy& pi);

// From `first` to `last` while `done` goes from 0 to `end`.
double linearly(double first, double last, i64 done, i64 end);

class Agent {
 public:
  virtual ~Agent() = default;
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Every config key with its value, and setting one by text before the agent is built.
  virtual std::vector<Field> fields() = 0;
  virtual bool set(const std::string& key, const std::string& text) = 0;

  // Copies of the environment that it acts in at once.
  virtual i64 copies() const = 0;
  // Networks, optimisers and memory for these environments, which must outlive it and have begun. Code::usage where a
  // setting does not fit.
  virtual void build(Environments& env) = 0;

  // Steps of environments that one learn() makes, all copies together.
  virtual i64 steps_each() const = 0;
  // Acts and learns once, after `done` steps of environments, where schedules stand.
  virtual void learn(i64 done) = 0;
  // What the last learn() reported.
  virtual const Figures& figures() const = 0;

  // The greedy action for what is seen, in the units of the environment: obs (B,D) -> (B) i32 or (B,A). `memory` (B,H) is
  // what a recurrent agent remembers, zeros where an episode begins; others leave it alone. An op of a Step's body.
  virtual Tensor act(const Tensor& obs, Tensor& memory) = 0;
  virtual i64 memory_size() const { return 0; }  // H
  // What it thinks of the actions, for people. An op of a Step's body.
  virtual Thought think(const Tensor& obs, Tensor& memory) = 0;

  virtual Kept kept() = 0;

 protected:
  Agent() = default;
};

// An agent whose config is a member `config`.
template <class Config>
class AgentOf : public Agent {
 public:
  std::vector<Field> fields() override { return list_fields(config, "agent"); }
  bool set(const std::string& key, const std::string& text) override {
    return set_field(config, "agent", key, text);
  }
  i64 copies() const override { return config.envs; }
  i64 steps_each() const override { return config.envs * config.steps; }
  Config config;

 protected:
  Environments* env_ = nullptr;
};

// Which spaces of actions an agent can act in.
enum class Acts { choice, box, both };

// A line of the catalogue.
struct Entry {
  const char* name;
  const char* source;  // paper and equation
  Acts acts;
  std::unique_ptr<Agent> (*make)();
};

const std::vector<Entry>& catalogue();
// Code::usage with the nearest name.
const Entry& find_agent(const std::string& name);
// Code::usage where the agent cannot act in this space, naming those that can.
void check_space(const Entry& agent, const std::string& environment, const Space& action);

// Tuned settings for an agent in an environment, and how many steps of it they need.
struct Preset {
  const char* agent;
  const char* environment;
  i64 steps;
  std::vector<std::pair<const char*, const char*>> keys;
};
const std::vector<Preset>& presets();
// That of the pair; where there is none, null: the agent's defaults then stand.
const Preset* find_preset(const std::string& agent, const std::string& environment);
// The environment of an agent's first preset.
std::string usual_environment(const std::string& agent);

}  // namespace lat::rl
