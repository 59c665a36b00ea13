#pragma once
// What is constant of an environment, and what a copy of one keeps.
#include "kernels/common/types.h"

namespace lat::rl {

using kernels::i32;
using kernels::i64;
using kernels::u32;
using kernels::u64;

// Bounds of observations: one for each number, the sixth for all that follow; of actions: one for all.
struct Info {
  const char* name;
  const char* source;
  i64 states;    // S
  i64 observed;  // D
  i64 actions;   // choices, or A numbers
  bool discrete;
  i64 uniforms;      // random numbers that a start needs
  i64 limit;         // steps of an episode
  double threshold;  // the mean return that counts as solved
  double observed_low[6], observed_high[6];
  double action_low = 0, action_high = 0;
  u32 velocities = 0;  // bit d: observation d is a velocity
};

constexpr double kNoBound = __builtin_inf();

// Rows of an environment's memory behind the state.
enum Row : i64 {
  kSteps,    // of the episode at hand
  kEpisode,  // its number, from 1
  kReturn,   // its rewards so far
  kEpisodes,
  kReturns,
  kSquares,
  kLengths,  // sums over finished episodes
  kInvalid,  // where not 0: the first step, of its episode, with an action that was none
  kRows
};

// The attributes of a step.
struct Rules {
  i64 n;        // copies
  i64 limit;    // steps of an episode
  i64 seen;     // bit d: observation d is shown; -1: all are
  i64 counted;  // episodes of a copy that enter the statistics; 0: all
  i64 seed, stream;
};

}  // namespace lat::rl
