#pragma once
// Helpers of the op files; not part of the public list.
#include "engine/ops/ops.h"

namespace lat {

using kernels::K;

// The elementwise kernel calls of a collapsed broadcast: up to four axes, with element strides of two sources.
struct Broadcast {
  i64 d[4], a[4], b[4];
};
// The shape that both stretch to; fails with the op's name and both shapes.
Shape broadcast_shape(const Emit& e, const Shape& a, const Shape& b);
// Strides of a and b in `out`, adjacent axes merged; fails when more than four remain.
Broadcast collapse(const Emit& e, const Shape& out, const Shape& a, const Shape& b);

// act'(y) * dy, from the activation's output.
Tensor act_d1(const Tensor& dy, const Tensor& y, Act act);

// Adds to the gradient of input i a quantity summed over the batch: part(s, n, sink) computes it for local shard s of n,
// into the sink when there is one. Shards are joined by a fixed tree.
template <class Part>
void add_by_shard(Back& back, int i, Part&& part) {
  const int n = back.ctx().shard_count;
  std::vector<Tensor> sums;
  for (int s = 0; s < n; ++s) {
    const Tensor sink = back.sink(i, s);
    const Tensor t = part(s, n, sink);
    if (!sink) sums.push_back(t);
  }
  if (sums.empty()) return;
  for (size_t m = sums.size(); m > 1; m = (m + 1) / 2)
    for (size_t s = 0; s + (m + 1) / 2 < m; ++s) sums[s] = add(sums[s], sums[s + (m + 1) / 2]);
  back.add(i, sums[0]);
}

// Adds g, summed down to the shape of input i: over the batch shard by shard.
void add_summed(Back& back, int i, const Tensor& g);

// The rows of local shard s of n.
Tensor shard_rows(const Back& back, const Tensor& x, int s, int n);

// Adds to the gradient of input i, over rows and by shard of the batch: x^T dy (of a weight), the sum of dy (...,C) over
// all axes but the last (of a bias).
void add_rows_product(Back& b, int i, const Tensor& x, const Tensor& dy);
void add_rows_sum(Back& b, int i, const Tensor& dy);

// x[t], off the tape.
Tensor row(Tensor x, i64 t);
// A missing tensor is a null pointer to a kernel.
inline Operand optional(const Tensor& t) { return t ? Operand(t) : Operand(nullptr); }

}  // namespace lat
