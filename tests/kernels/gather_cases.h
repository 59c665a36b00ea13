#pragma once
// Cases of rows put into a ring, for every processor.
#include "tests/kernels/call.h"

namespace lat::test {

template <class F>
void for_put_row_calls(F&& f) {
  for (const i64 n : {0, 1, 3, 300})
    for (const i64 rows : {1, 5})
      for (const double tick : {1.0, 2.0, 5.0, 6.0, 1e9})
        for (const i64 first : {0, 2})
          f(Call("put_row")
                .inout(wild(rows * (n + 3), 5))
                .in_u64({tick, 7})
                .in(wild(n, 6))
                .integers({rows, n + 3, first, n}));
}

}  // namespace lat::test
