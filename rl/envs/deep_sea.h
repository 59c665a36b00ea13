#pragma once
// A diver in an N by N grid who goes down a row a step, left or right. Treasure lies in the corner that N steps to the
// right lead to, and every one of them costs: only who looks far ahead finds it. Which action is right differs from
// cell to cell.                     Osband et al. 2019, "Deep exploration via randomized value functions"; as bsuite's
//                                   deep_sea, deterministic
#include "kernels/common/philox.h"
#include "rl/envs/environment.h"

namespace lat::rl::LAT_ISA {

template <i64 N>
struct DeepSea {
  static constexpr Info kInfo{.name = N == 10 ? "deep_sea" : "deep_sea_20",
                              .source = "Osband et al. 2019; bsuite deep_sea",
                              .states = 2,  // row, column
                              .observed = N * N,
                              .actions = 2,
                              .discrete = true,
                              .uniforms = 0,
                              .limit = N,
                              .threshold = 0.99,
                              .observed_low = {0, 0, 0, 0, 0, 0},
                              .observed_high = {1, 1, 1, 1, 1, 1}};
  static constexpr bool kOneByOne = true;  // indices, which vectors have not

  // The action that leads to the right: the same in every run.
  static LAT_INLINE bool right(i64 row, i64 column, double action) {
    const Philox bits = philox({{u32(row), u32(column), u32(N), 0}}, 0x6465657073656121u);
    return i64(action) == i64(bits.word[0] & 1u);
  }

  static LAT_INLINE void reset(double (&s)[2], const double (&)[1]) { s[0] = s[1] = 0; }

  static LAT_INLINE Outcome<double> step(double (&s)[2], const double (&action)[1]) {
    auto& [row, column] = s;
    double reward = 0;
    if (right(i64(row), i64(column), action[0])) {
      reward = (column == double(N - 1) ? 1.0 : 0.0) - 0.01 / double(N);
      column = min(column + 1, double(N - 1));
    } else {
      column = max(column - 1, 0.0);
    }
    row = row + 1;
    return {reward, row >= double(N) ? 1.0 : 0.0};
  }

  // The cell, one of N^2; none below the grid.
  static LAT_INLINE void observe(const double (&s)[2], double (&o)[N * N]) {
    for (i64 k = 0; k < N * N; ++k) o[k] = 0;
    const i64 row = i64(s[0]), column = i64(s[1]);
    if (row >= 0 && row < N && column >= 0 && column < N) o[row * N + column] = 1;
  }
};

}  // namespace lat::rl::LAT_ISA
