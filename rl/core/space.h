#pragma once
// What can be observed, or done, at one moment.
#include <string>
#include <vector>

#include "engine/core/tensor.h"

namespace lat::rl {

// A choice among `size`, as i32 (E); or a box of `size` real numbers between low and high, (E,size).
struct Space {
  bool discrete = false;
  i64 size = 0;
  std::vector<double> low, high;  // of a box, one for each number; infinite where nothing bounds it

  bool operator==(const Space&) const = default;
  std::string text() const;  // "one of 2", "3 numbers"
};

}  // namespace lat::rl
