#pragma once
// Cases of rows put into a ring and of chosen columns, for every processor.
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

template <class F>
void for_choice_calls(F&& f) {
  for (const i64 rows : {0, 1, 3, 300})
    for (const i64 cols : {1, 2, 7, 130}) {
      Values index(static_cast<size_t>(rows));
      for (i64 r = 0; r < rows; ++r)
        index[static_cast<size_t>(r)] = static_cast<double>(r * 5 % cols);
      f(Call("arg_max").out_i32(rows).in(wild(rows * cols, 7)).integers({rows, cols}));
      f(Call("one_hot").out(rows * cols).in_i32(index).integers({rows, cols}));
    }
}

}  // namespace lat::test
