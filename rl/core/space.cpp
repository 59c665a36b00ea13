#include "rl/core/space.h"

namespace lat::rl {

std::string Space::text() const {
  return discrete ? cat("one of ", size) : cat(size, size == 1 ? " number" : " numbers");
}

}  // namespace lat::rl
