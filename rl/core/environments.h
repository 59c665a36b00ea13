#pragma once
// E copies of an environment that step together, as one recorded call: time limits, auto-reset, statistics of finished
// episodes. All that changes lies in one buffer on the context's device, so that a Step may hold acting, stepping and
// learning, and a checkpoint of that buffer resumes to the bit.
//
//   Environments env = make_environments(ctx, "cartpole", 8, seed);
//   env.reset();
//   Step collect(ctx, "collect", [&] {
//     const Tensor obs = env.observe();              // (E,D)
//     const Stepped next = env.step(act(obs));       // of the state that follows
//     ...
//   });
//
// How an episode ends is two different things. *Terminated*: the environment came to its own end, and nothing follows.
// *Truncated*: the time limit cut it off; what would have followed has a value, that of final_obs.
#include <span>
#include <string>
#include <vector>

#include "engine/core/context.h"
#include "rl/core/space.h"

namespace lat::rl {

struct EnvironmentRow;  // rl/envs/table.h

// What a step of E environments gives. Where an episode ended, the next one has begun.
struct Stepped {
  Tensor obs;         // (E,D) of the state to act from next: of the new episode where one has begun
  Tensor final_obs;   // (E,D) of the state that the action led to, before any reset
  Tensor reward;      // (E)
  Tensor terminated;  // (E) 1 or 0
  Tensor truncated;   // (E) 1 or 0; never where terminated is 1

  template <class F>
  void each_tensor(F&& f) {
    for (Tensor* t : {&obs, &final_obs, &reward, &terminated, &truncated}) f(*t);
  }
};

// Finished episodes: their number, the sums of their returns and of the squares, and their steps.
struct Episodes {
  i64 count = 0;
  double sum = 0, squares = 0;
  i64 steps = 0;

  double mean() const;  // of the returns; 0 without episodes
  double sd() const;    // of the returns over the episodes
  double mean_length() const;
};

// Which random numbers starts are drawn from: equal seeds of different streams have no start in common.
enum class Stream : i64 { training = 0, evaluation = 1, demonstration = 2 };

struct EnvironmentOptions {
  bool hide_velocities = false;  // the agent sees positions alone, and has to remember
  i64 limit = 0;                 // steps of an episode at most; 0: the environment's own
  i64 counted = 0;               // episodes of each copy that enter the statistics; 0: all
  Stream stream = Stream::training;
};

class Environments {
 public:
  Environments(Context& ctx, const EnvironmentRow& row, i64 copies, u64 seed,
               EnvironmentOptions options);

  const std::string& name() const { return name_; }
  i64 copies() const { return copies_; }  // E
  const Space& observation() const { return observation_; }
  const Space& action() const { return action_; }
  i64 limit() const { return limit_; }
  u64 seed() const { return seed_; }
  const EnvironmentOptions& options() const { return options_; }
  Context& ctx() const { return ctx_; }

  // Begins an episode in every copy, which is the next of each; recorded where a Step records. Needed once before the
  // first step. Returns what is seen: (E,D).
  Tensor reset();
  // As if just made, and reset: the same starts in the same order. Not inside of a recorded body.
  void restart();
  // What is seen in the states at hand: (E,D). Code::state before the first reset(), for step() too.
  Tensor observe();
  // action (E) i32, or (E,A) of the context's real type. Code::shape for another one. An action outside of the space is
  // noticed by finished() and check(), and taken for 0 here.
  Stepped step(const Tensor& action);

  // Episodes finished since the beginning or forget(). Waits for the device; not inside of a recorded body.
  Episodes finished() const;
  void forget();
  // The return and the length of the episodes that copy i has finished.
  Episodes finished(i64 i) const;
  // Code::failed when an action was outside of the space, or no number: environment, copy and step.
  void check() const;
  // The same for actions of the host before they are sent, `step` in the message: (E), or (E,A) row after row.
  void check_actions(std::span<const double> actions, i64 step) const;

  // All that changes, (rows,E) f64: the state, counters and sums. A checkpoint saves it, and sets it after reset().
  const Tensor& memory() const { return memory_.tensor(); }
  // The states alone: `values` is (E,S), row after row; the episode at hand begins anew, with no steps behind it.
  void set_states(std::span<const double> values);
  std::vector<double> states() const;  // (E,S)

 private:
  i64 seen() const;
  void check_begun() const;
  std::vector<double> read() const;
  void write(const std::vector<double>& values);
  Episodes finished(i64 first, i64 last) const;
  void check(const std::vector<double>& all) const;

  Context& ctx_;
  const EnvironmentRow& row_;
  std::string name_;
  i64 copies_;
  u64 seed_;
  EnvironmentOptions options_;
  i64 limit_;
  Space observation_, action_;
  Buffer memory_;
  bool begun_ = false;  // there are states
};

// `copies` of the environment called `name`. Code::usage with the nearest name when there is none.
Environments make_environments(Context& ctx, const std::string& name, i64 copies, u64 seed,
                               EnvironmentOptions options = {});

// The names that make_environments knows, in the order of the catalogue.
const std::vector<std::string>& environment_names();
std::string environment_list();  // "cartpole, acrobot, ..."

// The mean return over episodes that counts as solved.
double environment_threshold(const std::string& name);

// T given actions from a given state, in double precision and without any reset: physics alone.
struct Trajectory {
  i64 steps = 0, observed = 0, states = 0;  // T, D, S
  std::vector<double> obs = {};             // (T+1,D)
  std::vector<double> state = {};           // (T+1,S)
  std::vector<double> reward = {};          // (T)
  std::vector<bool> terminated = {};        // (T)
};
// Code::usage for an unknown name, a state of another size, an action outside of the space; the step is named.
Trajectory trajectory(const std::string& name, std::span<const double> state,
                      std::span<const double> actions);

}  // namespace lat::rl
