#pragma once
// Two critics of (s, a), against the overestimation of one (Fujimoto, van Hoof & Meger 2018, section 4.2).
#include <utility>

#include "rl/core/policy.h"

namespace lat::rl {

class TwinCritics {
 public:
  TwinCritics(Params& params, i64 in, i64 layers, i64 width)
      : first_(params, "critic.1", widths(in, layers, width, 1)),
        second_(params, "critic.2", widths(in, layers, width, 1)) {}

  // Q_1 and Q_2 of s (B,D), a (B,A): (B) each
  std::pair<Tensor, Tensor> operator()(const Tensor& s, const Tensor& a) const {
    const Tensor x = concat({s, a});  // (B,D+A)
    return {reshape(first_(x), {s.dim[0]}), reshape(second_(x), {s.dim[0]})};
  }
  // min_i Q_i: (B)
  Tensor least(const Tensor& s, const Tensor& a) const {
    const auto [q1, q2] = (*this)(s, a);
    return minimum(q1, q2);
  }

 private:
  Mlp first_, second_;
};

}  // namespace lat::rl
