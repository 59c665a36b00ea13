#pragma once
// Calls of matrix products.
#include "tests/kernels/call.h"

namespace lat::test {

struct Shape {
  i64 batch, m, n, k, flags;
};

enum class Form { plain, into, linear };

struct MatmulInputs {
  Values a, b, bias, c;
};

inline MatmulInputs inputs(const Shape& s, Factors kind) {
  const i64 a = (s.flags & 4 ? 1 : s.batch) * s.m * s.k,
            b = (s.flags & 8 ? 1 : s.batch) * s.k * s.n;
  const u64 seed = u64(s.m * 31 + s.n * 7 + s.k * 3 + s.flags);
  return {factors(a, seed, kind), factors(b, seed + 1, kind),
          factors(s.batch * s.n + s.n, seed + 2, kind),
          factors(s.batch * s.m * s.n, seed + 3, kind)};
}

inline Call product(const Shape& s, Form form, const MatmulInputs& in, bool bias = false,
                    i64 act = 0) {
  Call call(form == Form::plain ? "matmul" : form == Form::into ? "matmul_into" : "linear_act");
  form == Form::into ? call.inout(in.c) : call.out(s.batch * s.m * s.n);
  call.in(in.a).in(in.b);
  if (form == Form::linear) bias ? call.in(in.bias) : call.null('r');
  call.integers({s.batch, s.m, s.n, s.k, s.flags});
  if (form == Form::linear) call.integer(act);
  return call;
}

}  // namespace lat::test
