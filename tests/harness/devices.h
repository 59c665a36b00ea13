#pragma once
// Devices but the CPU: the emulator under its schedules, and a GPU where there is one.
#include <string>
#include <vector>

#include "engine/core/accelerator.h"

namespace lat::test {

inline std::vector<std::string> devices() {
  std::vector<std::string> names{"emulated", "emulated:reverse", "emulated:unfair"};
  if (const std::string best = Accelerator::best(); best != "cpu") names.push_back(best);
  return names;
}

}  // namespace lat::test
