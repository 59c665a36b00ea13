#pragma once
// Calls of the kernels that normalise, for the CPU and for devices.
#include "tests/kernels/call.h"

namespace lat::test {

struct Groups {
  i64 batch, places, groups, each;
};

template <class Body>
void for_norm_calls(Groups s, Body&& body) {
  const i64 rows = s.batch * s.groups, channels = s.groups * s.each;
  const i64 n = s.batch * s.places * channels;
  const std::vector<i64> sizes = {s.batch, s.places, s.groups, s.each};
  for (const bool special : {false, true}) {
    u64 seed = 0;
    const auto draw = [&](i64 size) {
      return special ? wild(size, ++seed) : numbers(size, -3, 3, ++seed);
    };
    const Values x = draw(n), dy = draw(n), gain = draw(channels), bias = draw(channels),
                 mean = draw(rows), inv = draw(rows);
    const auto maybe = [](Call call, bool is, const Values& v) {
      return is ? call.in(v) : call.null('r');
    };
    for (const bool with_gain : {false, true}) {
      for (const bool with_bias : {false, true})
        body(maybe(maybe(Call("norm").out(n).out(rows).out(rows).in(x), with_gain, gain), with_bias,
                   bias)
                 .integers(sizes)
                 .real(1e-5));
      for (const int outputs : {1, 2, 3}) {
        Call d1("norm_d1");
        outputs & 1 ? d1.out(n) : d1.null('w');
        outputs & 2 ? d1.out(n) : d1.null('w');
        body(maybe(d1.in(dy).in(x).in(mean).in(inv), with_gain, gain).integers(sizes));
      }
    }
  }
}

}  // namespace lat::test
