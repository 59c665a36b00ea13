#pragma once
// Calls of the likelihood family, for every instruction set and for devices.
#include "tests/kernels/call.h"

namespace lat::test {

// Classes of which some lie outside [0, cols).
inline Values labels(i64 rows, i64 cols) {
  Values v(static_cast<size_t>(rows));
  for (size_t r = 0; r < v.size(); ++r) v[r] = double(i64(r * 7) % (cols + 2) - 1);
  return v;
}

inline std::vector<Call> likelihood_calls(i64 rows, i64 cols, bool special) {
  const i64 n = rows * cols;
  const auto draw = [&](i64 size, u64 seed) {
    return special ? wild(size, seed) : numbers(size, -3, 3, seed);
  };
  const Values x = draw(n, 1), mu = draw(n, 2), logvar = draw(n, 3), d = draw(rows, 4);
  const Values label = labels(rows, cols);
  std::vector<Call> calls = {
      Call("gaussian_kl").out(rows).in(mu).in(logvar),
      Call("gaussian_kl_d1").out(n).out(n).in(d).in(mu).in(logvar),
      Call("gaussian_log_prob").out(rows).in(x).in(mu).in(logvar),
      Call("gaussian_log_prob_d1").out(n).out(n).out(n).in(d).in(x).in(mu).in(logvar),
      Call("bernoulli_log_prob").out(rows).in(mu).in(x),
      Call("bernoulli_log_prob_d1").out(n).in(d).in(mu).in(x),
      Call("categorical_log_prob").out(rows).in(x).in_i32(label),
      Call("categorical_log_prob_d1").out(n).in(d).in(x).in_i32(label),
  };
  for (Call& call : calls) call.integers({rows, cols});
  return calls;
}

// gaussian_log_prob_d1 with one output, the others null.
inline Call gaussian_slope_alone(int output, i64 rows, i64 cols) {
  const i64 n = rows * cols;
  Call call("gaussian_log_prob_d1");
  for (const int k : {0, 1, 2}) k == output ? call.out(n) : call.null('w');
  call.in(numbers(rows)).in(numbers(n, -2, 2, 1)).in(numbers(n, -2, 2, 2));
  return call.in(numbers(n, -2, 2, 3)).integers({rows, cols});
}

}  // namespace lat::test
