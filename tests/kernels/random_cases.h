#pragma once
// Calls of the random family, for every instruction set and for devices.
#include "tests/kernels/call.h"

namespace lat::test {

// n elements of rows of 37 that begin with the row `row` of the batch.
inline std::vector<Call> random_calls(i64 n, double row) {
  const Values clock = {5, row};
  const std::vector<i64> place = {n, 37, 12345, i64(3) << 32 | 17};
  return {
      Call("normal").out(n).in_u64(clock).integers(place),
      Call("uniform").out(n).in_u64(clock).integers(place),
      Call("bernoulli").out(n).in(wild(n)).in_u64(clock).integers(place),
      Call("reparameterise")
          .out(n)
          .out(n)
          .in(wild(n, 1))
          .in(wild(n, 2))
          .in_u64(clock)
          .integers(place),
      Call("reparameterise_d1").out(n).in(wild(n, 1)).in(wild(n, 2)).in(wild(n, 3)).integer(n),
      Call("advance").inout_u64({41, row}),
  };
}

}  // namespace lat::test
