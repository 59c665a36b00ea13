#pragma once
// Calls of the kernels that join rows, for the CPU and for devices.
#include "tests/kernels/call.h"

namespace lat::test {

template <class Body>
void for_row_calls(i64 rows, i64 cols, Body&& body) {
  for (const bool special : {false, true}) {
    const i64 n = rows * cols;
    const Values x = special ? wild(n, 3) : numbers(n, -3, 3, 3);
    const Values dy = special ? wild(n, 4) : numbers(n, -3, 3, 4);
    body(Call("row_sum").out(rows).in(x).integers({rows, cols}).real(0.3));
    body(Call("row_max").out(rows).in(x).integers({rows, cols}));
    body(Call("log_softmax").out(n).in(x).integers({rows, cols}));
    body(Call("log_softmax_d1").out(n).in(dy).in(x).integers({rows, cols}));
  }
}

}  // namespace lat::test
