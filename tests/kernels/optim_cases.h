#pragma once
// Calls of optimiser kernels, for the CPU and for devices.
#include <span>

#include "tests/kernels/call.h"

namespace lat::test {

inline Call adam(const Values& theta, const Values& g, const Values& m, const Values& v, double lr,
                 const Values& state, double ok, double decay = 0) {
  return Call("adam")
      .inout(theta)
      .inout(g)
      .inout(m)
      .inout(v)
      .in({lr})
      .in_double(state)
      .in_i32({ok})
      .integer(i64(theta.size()))
      .real(0.5)
      .real(0.9)
      .real(0.999)
      .real(1e-8)
      .real(decay);
}

template <class Body>
void for_optim_calls(std::span<const i64> sizes, Body&& body) {
  for (const i64 n : sizes)
    for (const double ok : {0.0, 1.0}) {
      const Values theta = wild(n, 1), g = wild(n, 2), m = wild(n, 3);
      Values v = numbers(n, 0, 2, 4);
      if (n > 3) v[1] = 0, v[2] = INFINITY, v[3] = 0x1p-149;
      body(adam(theta, g, m, v, 0.01, {3, 0.729, 0.997}, ok));
      body(adam(theta, g, m, v, 0.01, {3, 0.729, 0.997}, ok, 0.1));
      body(Call("sgd").inout(theta).inout(g).in({0.1}).in_i32({ok}).integer(n).real(0.7));
      body(Call("lerp_into").inout(theta).in(g).in({0.005}).in_i32({ok}).integer(n));
      body(Call("assign").inout(theta).in(g).in_i32({ok}).integer(n));
      body(Call("all_finite").inout_i32({ok}).in(numbers(n)).integer(n));
      body(Call("all_finite").inout_i32({ok}).in(wild(n)).integer(n));
      const i64 chunks = ceil_div(n, kRowChunk);
      for (const Values& values : {numbers(n), wild(n)}) {
        body(Call("chunk_squares").out(chunks).in(values).integer(n));
        body(Call("scale_by").inout(values).in({0.3}).integer(n));
      }
      for (const i64 planes : {0, 1, 2, 3, 4, 5, 8})
        body(Call("join_shards").inout(wild(planes * n)).integer(planes).integer(n));
    }
  for (const i64 planes : {6, 7, 9, 16, 23})
    body(Call("join_shards").inout(numbers(planes * 300)).integer(planes).integer(300));
  for (const i64 chunks : {0, 1, 2, 40})
    for (const double ok : {0.0, 1.0})
      for (const double most : {0.5, 1e6}) {
        const auto clip = [&](Call call, const Values& sums) {
          body(call.inout_i32({ok}).in(sums).integer(chunks).real(most));
        };
        clip(Call("clip_factor").out(1).out(1), numbers(chunks, 0, 9));
        for (const double bad : {double(NAN), double(INFINITY), 3e38, 0.0})
          clip(Call("clip_factor").out(1).out(1), Values(size_t(chunks), bad));
      }
  for (const double ok : {0.0, 1.0})
    body(Call("adam_count").inout_double({4, 0.6, 0.9}).in_i32({ok}).real(0.9).real(0.999));
}

}  // namespace lat::test
