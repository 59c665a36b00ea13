#pragma once
// Calls of convolutions.
#include "tests/kernels/call.h"

namespace lat::test {

struct Layer {
  i64 B, H, W, C, K, R, S, stride, pad;
  i64 P_given = -1;  // the height of y where it is not the usual one

  i64 P() const { return P_given >= 0 ? P_given : (H + 2 * pad - R) / stride + 1; }
  i64 Q() const { return (W + 2 * pad - S) / stride + 1; }
  i64 x_size() const { return B * H * W * C; }
  i64 y_size() const { return B * P() * Q() * K; }
  i64 f_size() const { return R * S * C * K; }
};

enum class Pass { forward, data, filter, filter_into, filter_and_bias_into };

struct ConvInputs {
  Values x, y, f, bias, filters;  // filters: what filter_into adds to
};

inline ConvInputs inputs(const Layer& l, Factors kind) {
  const u64 seed = u64(l.H * 31 + l.W * 7 + l.C * 3 + l.K);
  return {factors(l.x_size(), seed, kind), factors(l.y_size(), seed + 1, kind),
          factors(l.f_size(), seed + 2, kind), factors(l.C + l.K, seed + 3, kind),
          factors(l.f_size(), seed + 4, kind)};
}

inline Call pass_of(const Layer& l, Pass pass, const ConvInputs& in, bool bias = false,
                    i64 act = 0) {
  const bool into = pass == Pass::filter_into || pass == Pass::filter_and_bias_into;
  const bool filter = pass == Pass::filter || into;
  Call call(pass == Pass::forward  ? "conv2d"
            : pass == Pass::data   ? "conv2d_data"
            : pass == Pass::filter ? "conv2d_filter"
                                   : "conv2d_filter_into");
  if (into) {
    call.inout(in.filters);
    if (pass == Pass::filter_into)
      call.null('a');
    else
      call.inout(Values(in.bias.begin(), in.bias.begin() + l.K));
  } else {
    call.out(pass == Pass::forward ? l.y_size() : filter ? l.f_size() : l.x_size());
  }
  call.in(pass == Pass::data ? in.y : in.x).in(filter ? in.y : in.f);
  if (!filter) bias ? call.in(in.bias) : call.null('r');
  call.integers({l.B, l.H, l.W, l.C, l.K, l.R, l.S, l.P(), l.Q(), l.stride, l.pad});
  if (!filter) call.integer(act);
  return call;
}

// What every rung of the ladder computes.
constexpr Layer kLadderLayers[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 0},     {2, 5, 7, 3, 5, 3, 3, 1, 1},    {1, 8, 9, 2, 33, 4, 4, 2, 1},
    {2, 7, 6, 1, 40, 4, 2, 2, 3},    {1, 9, 33, 5, 16, 3, 3, 1, 1},  {1, 6, 5, 4, 7, 3, 5, 3, 2},
    {1, 3, 4, 70, 9, 3, 3, 1, 1},    {2, 5, 3, 129, 3, 2, 2, 1, 0},  {1, 2, 2, 1, 3, 5, 5, 1, 2},
    {0, 4, 4, 2, 3, 3, 3, 1, 1},     {3, 11, 13, 6, 20, 3, 3, 1, 1}, {1, 6, 6, 3, 8, 1, 1, 1, 0},
    {1, 10, 10, 58, 35, 3, 3, 2, 1},
};

}  // namespace lat::test
