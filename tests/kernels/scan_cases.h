#pragma once
// Calls of linear recurrences, for the CPU and for devices.
#include "tests/kernels/call.h"

namespace lat::test {

template <class Body>
void for_scan_calls(i64 steps, i64 cols, Body&& body) {
  const i64 n = steps * cols;
  for (const bool special : {false, true}) {
    u64 seed = 0;
    const auto draw = [&](i64 size, double most) {
      return special ? wild(size, ++seed) : numbers(size, -most, most, ++seed);
    };
    const Values a = draw(n, 1), b = draw(n, 3), start = draw(cols, 3), dy = draw(n, 3),
                 y = draw(n, 3);
    for (const i64 reverse : {0, 1}) {
      const std::vector<i64> sizes = {steps, cols, reverse};
      body(Call("scan").out(n).in(a).in(b).in(start).integers(sizes));
      body(Call("scan").out(n).in(a).in(b).null('r').integers(sizes));
      body(Call("scan_d1").out(n).out(n).out(cols).in(dy).in(a).in(y).in(start).integers(sizes));
      body(Call("scan_d1").out(n).out(n).null('w').in(dy).in(a).in(y).null('r').integers(sizes));
      body(Call("scan_d1").null('w').out(n).null('w').in(dy).in(a).in(y).in(start).integers(sizes));
    }
  }
}

}  // namespace lat::test
