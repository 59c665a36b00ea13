#pragma once
// A ball falls down a board of 10 by 5, a row a step; the paddle below must be where it lands.
//                                   as bsuite's catch
#include "rl/envs/environment.h"

namespace lat::rl::LAT_ISA {

struct Catch {
  static constexpr i64 kRows = 10, kColumns = 5;
  static constexpr Info kInfo{.name = "catch",
                              .source = "Mnih et al. 2014; bsuite catch",
                              .states = 3,  // row and column of the ball, column of the paddle
                              .observed = kRows * kColumns,
                              .actions = 3,
                              .discrete = true,
                              .uniforms = 1,
                              .limit = kRows,
                              .threshold = 0.95,
                              .observed_low = {0, 0, 0, 0, 0, 0},
                              .observed_high = {1, 1, 1, 1, 1, 1}};
  static constexpr bool kOneByOne = true;  // indices, which vectors have not

  static LAT_INLINE void reset(double (&s)[3], const double (&u)[1]) {
    s[0] = 0;
    s[1] = double(i64(u[0] * double(kColumns)));
    s[2] = double(kColumns / 2);
  }

  static LAT_INLINE Outcome<double> step(double (&s)[3], const double (&action)[1]) {
    auto& [row, column, paddle] = s;
    paddle = clip(paddle + action[0] - 1, 0, double(kColumns - 1));
    row = row + 1;
    const double landed = row >= double(kRows - 1) ? 1 : 0;
    return {landed * (paddle == column ? 1.0 : -1.0), landed};
  }

  static LAT_INLINE void observe(const double (&s)[3], double (&o)[kRows * kColumns]) {
    for (i64 k = 0; k < kRows * kColumns; ++k) o[k] = 0;
    const auto mark = [&o](i64 row, i64 column) {
      if (row >= 0 && row < kRows && column >= 0 && column < kColumns)
        o[row * kColumns + column] = 1;
    };
    mark(i64(s[0]), i64(s[1]));
    mark(kRows - 1, i64(s[2]));
  }
};

}  // namespace lat::rl::LAT_ISA
