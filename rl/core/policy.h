#pragma once
// What the agents of policy gradients act by: a distribution over the actions of a space, and the network it comes from.
#include <string>
#include <vector>

#include "engine/lat.h"
#include "rl/core/space.h"

namespace lat::rl {

// pi(.|s): categorical over a discrete space, the action i32 (B); normal over a box, the action (B,A) in units in which
// the box is [-1, 1], not clipped to it.
struct Policy {
  Tensor logits;      // (B,K), or empty
  Tensor mu, logvar;  // (B,A), or empty

  Tensor sample(Rng rng) const;
  Tensor mode() const { return logits ? arg_max(logits) : mu; }
  Tensor log_prob(const Tensor& action) const;  // (B)
  Tensor entropy() const;                       // (B)
};
Tensor kl(const Policy& p, const Policy& q);  // (B)

// A policy without gradients, for the one that acted.
Policy stop_gradient(const Policy& p);

// in, `layers` times `width`, out
std::vector<i64> widths(i64 in, i64 layers, i64 width, i64 out);

// An Mlp of tanh layers that gives logits, or mu beside a logvar of its own for each number. Weights start orthogonal:
// sqrt(2) times in hidden layers, 0.01 times in the last (Andrychowicz et al. 2021, "What Matters").
class PolicyNet {
 public:
  PolicyNet(Params& params, const std::string& name, const Space& action, i64 in, i64 layers,
            i64 width, double log_std);
  Policy operator()(const Tensor& s) const;  // s (B,D)

 private:
  const Params* params_;
  Mlp net_;
  Slot log_std_;
};

// The same net with one number as its last layer, once times orthogonal: V(s).
class ValueNet {
 public:
  ValueNet(Params& params, const std::string& name, i64 in, i64 layers, i64 width);
  Tensor operator()(const Tensor& s) const;  // (...,D) -> (...)

 private:
  Mlp net_;
};

// Between [-1, 1] and the units of a box.
class ActionUnits {
 public:
  ActionUnits(Context& ctx, const Space& action);
  // What an environment takes: clipped, then scaled (B,A); a choice stays what it is.
  Tensor to_environment(const Tensor& action) const;

 private:
  Buffer middle_, half_;  // (A)
};

}  // namespace lat::rl
