#pragma once
// Calls of recurrent kernels, for the CPU and for devices.
#include "tests/kernels/call.h"

namespace lat::test {

struct Cells {
  i64 rows, cols;
};

inline Values every_third_held(i64 rows) {
  Values v(static_cast<size_t>(rows), 1);
  for (size_t r = 0; r < v.size(); r += 3) v[r] = 0;
  return v;
}

template <class Body>
void for_recurrent_calls(Cells s, Body&& body) {
  for (const bool special : {false, true})
    for (const bool masked : {false, true}) {
      const i64 n = s.rows * s.cols;
      u64 seed = 0;
      const auto draw = [&](i64 size) {
        return special ? wild(size, ++seed) : numbers(size, -3, 3, ++seed);
      };
      const Values x = draw(4 * n), p = draw(4 * n), h = draw(n), c = draw(n), y = draw(n),
                   more = draw(n);
      const Values gates = numbers(4 * n, 0, 1), mask = every_third_held(s.rows);
      const std::vector<i64> size = {s.rows, s.cols};
      const auto first = [&](const Values& v, i64 k) { return Values(v.begin(), v.begin() + k); };
      const auto maybe = [&](Call call) { return masked ? call.in_u8(mask) : call.null('R'); };
      const auto half = [&](Call call, const Values& v) {
        return masked ? call.in(v) : call.null('r');
      };
      body(maybe(Call("gru_cell").out(n).out(3 * n).in(first(x, 3 * n)).in(first(p, 3 * n)).in(h))
               .integers(size));
      body(half(Call("gru_cell_d1").out(3 * n).out(3 * n).out(n).in(y), more)
               .in(first(gates, 3 * n))
               .in(first(p, 3 * n))
               .in(h)
               .integers(size));
      body(maybe(half(Call("lstm_cell").out(n).out(n).out(4 * n).in(x), p).in(h).in(c))
               .integers(size));
      Call d1 = Call("lstm_cell_d1").out(4 * n).out(n);
      masked ? d1.out(n) : d1.null('w');
      body(maybe(half(half(half(d1.in(y), more), h), more).in(gates).in(c).in(h)).integers(size));
    }
}

}  // namespace lat::test
