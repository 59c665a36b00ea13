#pragma once
// The kernels of rl, by instruction set as those of the kernel table, and what the host knows of environments. Recorded
// by Context::device_call; rl/kernels.cu holds the same for devices.
#include "kernels/table.h"
#include "rl/envs/info.h"

namespace lat::rl {

struct EnvironmentRow {
  Info info;
  kernels::Kernel reset, observe, step;
  // One copy, for trajectories without resets: what is seen in a state, and a step that changes it.
  void (*see)(const double* state, double* observation);
  void (*advance)(double* state, const double* action, double* reward, double* terminated);
};

struct Table {
  const EnvironmentRow* environments;
  i64 count;
  kernels::Kernel replay_put[2], replay_sample[2];  // [0] numbers as actions, [1] choices
  kernels::Kernel join_moments, standardise;
};

// For an instruction set that the machine has; one without rows of its own is served by the plain loops.
const Table& table_of(kernels::Isa isa);

}  // namespace lat::rl
