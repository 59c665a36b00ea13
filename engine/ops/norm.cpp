// Normalisation over groups of channels. The equations: kernels/norm/norm.h.
#include "engine/ops/common.h"
#include "engine/ops/table.h"

namespace lat {

namespace {

// x (B,...,C) as (batch, places, groups, each).
struct Geometry {
  i64 batch, places, groups, each;
};
Geometry geometry(const Tensor& x, i64 groups) {
  i64 places = 1;
  for (int a = 1; a + 1 < x.rank; ++a) places *= x.dim[a];
  return {x.dim[0], places, groups, x[-1] / groups};
}

// inputs x, gain or empty, bias or empty; attributes: groups, eps; outputs y, mean, 1 / deviation
void forward(Emit& e) {
  const Tensor &x = e.in(0), &gain = e.in(1), &bias = e.in(2);
  const i64 groups = e.whole(0);
  e.check(x.rank >= 2, "expects (B,...,C), got ", x.shape().text());
  e.check(groups >= 1 && x[-1] % groups == 0, x[-1], " channels do not split into ", groups,
          " groups");
  const auto [batch, places, n, each] = geometry(x, groups);
  e.check(batch == 0 || places * each > 0, "nothing to normalise in ", x.shape().text());
  for (const Tensor& t : {gain, bias})
    if (t)
      e.check(t.shape() == Shape{x[-1]} && t.dtype == x.dtype, "gain and bias of ",
              x.shape().text(), " are (", x[-1], "), got ", t.shape().text());
  const Tensor y = e.out(x.shape()), mean = e.out({batch, n}), inv = e.out({batch, n});
  e.call(K::norm,
         {y, mean, inv, x, optional(gain), optional(bias), batch, places, n, each, e.attr(1)});
}

void backward(Back& b) {
  const Tensor x = b.in(0), gain = b.in(1), dy = b.grad();
  const auto [batch, places, groups, each] = geometry(x, b.whole(0));
  const auto like_x = [&](int i) {
    return b.wants(i) ? b.ctx().empty(x.shape(), x.dtype) : Tensor{};
  };
  const Tensor dx = like_x(0), dgain = like_x(1);
  if (dx || dgain)
    b.ctx().call(K::norm_d1, x.dtype,
                 {optional(dx), optional(dgain), dy, x, b.out(1), b.out(2), optional(gain), batch,
                  places, groups, each});
  if (dx) b.add(0, dx);
  if (dgain) add_rows_sum(b, 1, dgain);
  if (b.wants(2)) add_rows_sum(b, 2, dy);
}

void composition(Emit& e) {
  const Tensor& x = e.in(0);
  const auto [batch, places, groups, each] = geometry(x, e.whole(0));
  const auto average = [](const Tensor& t) {
    return mean(mean(t, {.first = 3, .last = 3, .keep = true}),
                {.first = 1, .last = 1, .keep = true});
  };
  const Tensor all = reshape(x, {batch, places, groups, each}), c = all - average(all);
  Tensor y = reshape(c / sqrt(average(square(c)) + e.attr(1)), x.shape());
  if (e.in(1)) y = y * e.in(1);
  if (e.in(2)) y = y + e.in(2);
  e.result(y);
}

}  // namespace

const Op k_layer_norm{"layer_norm", forward, backward, composition};
Tensor layer_norm(const Tensor& x, const Tensor& gain, const Tensor& bias, double eps) {
  LAT_CHECK(x && x.rank >= 1, Code::shape, "layer_norm", "the input needs a feature axis");
  const Tensor y = emit1(k_layer_norm, {reshape(x, {x.rows(), x.cols()}), gain, bias}, {1, eps});
  return reshape(y, x.shape());
}

const Op k_group_norm{"group_norm", forward, backward, composition};
Tensor group_norm(const Tensor& x, i64 groups, const Tensor& gain, const Tensor& bias, double eps) {
  return emit1(k_group_norm, {x, gain, bias}, {static_cast<double>(groups), eps});
}

}  // namespace lat
