#pragma once
// Devices but the CPU: the emulator under its schedules, and a GPU where there is one.
#include <string>
#include <vector>

#include "engine/core/accelerator.h"

namespace lat::test {

inline std::vector<std::string> devices() {
#ifdef __SANITIZE_THREAD__  // which takes long to follow so many fibers
  std::vector<std::string> names{"emulated:unfair"};
#else
  std::vector<std::string> names{"emulated", "emulated:reverse", "emulated:unfair"};
#endif
  if (const std::string best = Accelerator::best(); best != "cpu") names.push_back(best);
  return names;
}

}  // namespace lat::test
