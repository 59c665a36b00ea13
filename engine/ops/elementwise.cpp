// Elementwise ops, their derivatives and broadcasting. The formulas stand in kernels/elementwise/*.def.
#include <algorithm>

#include "engine/ops/common.h"
#include "engine/ops/table.h"
#include "kernels/common/planted.h"

namespace lat {

namespace {

// Each line of unary.def gives three ops: f, dy f'(x), u dy f''(x). They differ by the kernel they call.
template <K kernel>
void unary_forward(Emit& e) {
  const Tensor& x = e.in(0);
  const Tensor y = e.out(x.shape());
  e.call(kernel, {y, x, x.size(), e.attr(0), e.attr(1)});
}

// inputs dy, x, y
template <K kernel>
void unary_d1_forward(Emit& e) {
  const Tensor& x = e.in(1);
  const Tensor dx = e.out(x.shape());
  e.call(kernel, {dx, e.in(0), x, e.in(2), x.size(), e.attr(0), e.attr(1)});
}

// inputs u, dy, x, y
template <K kernel>
void unary_d2_forward(Emit& e) {
  const Tensor& x = e.in(2);
  const Tensor g = e.out(x.shape());
  e.call(kernel, {g, e.in(0), e.in(1), x, e.in(3), x.size(), e.attr(0), e.attr(1)});
}

Tensor untracked(Tensor t) {
  t.var = 0;
  return t;
}

// y depends on x alone, so f' and f'' are total derivatives and y itself gets no gradient.
template <const Op* d2>
void unary_d2_backward(Back& b) {
  LAT_CHECK(!b.wants(2), Code::unsupported, b.name(),
            "third derivatives of elementwise ops are not in the table");
  const Tensor g = b.grad();
  if (b.wants(0))
    b.add(0, emit1(*d2, {g, b.in(1), b.in(2), untracked(b.in(3))}, {b.attr(0), b.attr(1)}));
  if (b.wants(1))
    b.add(1, emit1(*d2, {g, b.in(0), b.in(2), untracked(b.in(3))}, {b.attr(0), b.attr(1)}));
}

template <const Op* d1, const Op* d2>
void unary_d1_backward(Back& b) {
  const Tensor g = b.grad();
  const Tensor y = untracked(b.in(2));
  if (b.wants(0)) b.add(0, emit1(*d1, {g, b.in(1), y}, {b.attr(0), b.attr(1)}));
  if (b.wants(1)) b.add(1, emit1(*d2, {g, b.in(0), b.in(1), y}, {b.attr(0), b.attr(1)}));
}

template <const Op* d1>
void unary_backward(Back& b) {
  b.add(0, emit1(*d1, {b.grad(), b.in(0), untracked(b.out())}, {b.attr(0), b.attr(1)}));
}

template <K kernel>
void binary_forward(Emit& e) {
  const Tensor& a = e.in(0);
  const Tensor& b = e.in(1);
  e.check(a.dtype == b.dtype, "types differ: ", name_of(a.dtype), " and ", name_of(b.dtype));
  const Shape shape = broadcast_shape(e, a.shape(), b.shape());
  const Broadcast c = collapse(e, shape, a.shape(), b.shape());
  const Tensor y = e.out(shape);
  e.call(kernel, {y, a, b, c.d[0], c.d[1], c.d[2], c.d[3], c.a[0], c.a[1], c.a[2], c.a[3], c.b[0],
                  c.b[1], c.b[2], c.b[3]});
}

void add_backward(Back& b) {
  add_summed(b, 0, b.grad());
  add_summed(b, 1, b.grad());
}
void sub_backward(Back& b) {
  add_summed(b, 0, b.grad());
  if (b.wants(1)) add_summed(b, 1, neg(b.grad()));
}
void mul_backward(Back& b) {
  if (b.wants(0))
    add_summed(b, 0, b.grad() * b.in(kernels::planted(kernels::Bug::mul_own_input) ? 0 : 1));
  if (b.wants(1)) add_summed(b, 1, b.grad() * b.in(0));
}
void div_backward(Back& b) {
  const Tensor da = b.grad() / b.in(1);
  add_summed(b, 0, da);
  if (b.wants(1)) add_summed(b, 1, neg(da * (b.in(0) / b.in(1))));
}
// The gradient goes to the winner; to a where they are equal.
void minimum_backward(Back& b) {
  const Tensor to_b = less(b.in(1), b.in(0));
  if (b.wants(0)) add_summed(b, 0, b.grad() * (1 - to_b));
  if (b.wants(1)) add_summed(b, 1, b.grad() * to_b);
}
void maximum_backward(Back& b) {
  const Tensor to_b = less(b.in(0), b.in(1));
  if (b.wants(0)) add_summed(b, 0, b.grad() * (1 - to_b));
  if (b.wants(1)) add_summed(b, 1, b.grad() * to_b);
}
void less_backward(Back&) {}  // constant almost everywhere

}  // namespace

#define UNARY(name, ...)                                                            \
  extern const Op k_##name##_d1;                                                    \
  extern const Op k_##name##_d2;                                                    \
  const Op k_##name##_d2{#name "_d2", unary_d2_forward<K::name##_d2>,               \
                         unary_d2_backward<&k_##name##_d2>};                        \
  const Op k_##name##_d1{#name "_d1", unary_d1_forward<K::name##_d1>,               \
                         unary_d1_backward<&k_##name##_d1, &k_##name##_d2>};        \
  const Op k_##name{#name, unary_forward<K::name>, unary_backward<&k_##name##_d1>}; \
  Tensor name(const Tensor& x, double p, double q) { return emit1(k_##name, {x}, {p, q}); }
#include "kernels/elementwise/unary.def"
#undef UNARY

#define BINARY(name, ...)                                             \
  const Op k_##name{#name, binary_forward<K::name>, name##_backward}; \
  Tensor name(const Tensor& a, const Tensor& b) { return emit1(k_##name, {a, b}); }
#include "kernels/elementwise/binary.def"
#undef BINARY

void add_summed(Back& b, int i, const Tensor& g) {
  if (!b.wants(i)) return;
  const Shape to = b.in(i).shape();
  const bool over_batch = g.rank > 0 && (to.rank < g.rank || to.dim[0] != g.dim[0]);
  if (!over_batch || b.ctx().shard_count == 1) return b.add(i, sum_to(g, to));
  add_by_shard(b, i, [&](int s, int n, const Tensor& sink) {
    const Tensor part = sum_to(shard_rows(b, g, s, n), to);
    if (sink) b.ctx().call(K::add_into, sink.dtype, {sink, part, part.size()});
    return part;
  });
}

Shape broadcast_shape(const Emit& e, const Shape& a, const Shape& b) {
  Shape out;
  out.rank = std::max(a.rank, b.rank);
  for (int back = 1; back <= out.rank; ++back) {
    const int32_t da = back <= a.rank ? a[-back] : 1;
    const int32_t db = back <= b.rank ? b[-back] : 1;
    e.check(da == db || da == 1 || db == 1, "shapes ", a.text(), " and ", b.text(),
            " do not broadcast: axis -", back, " has ", da, " and ", db,
            ". Reshape one of them so that the extents are equal or 1");
    out.dim[out.rank - back] = da == 1 ? db : da;
  }
  return out;
}

Broadcast collapse(const Emit& e, const Shape& out, const Shape& a, const Shape& b) {
  Broadcast c{{1, 1, 1, 1}, {0, 0, 0, 0}, {0, 0, 0, 0}};
  int used = 0;  // filled from the last axis backwards
  i64 stride_a = 1, stride_b = 1;
  for (int back = 1; back <= out.rank; ++back) {
    const i64 d = out[-back];
    const i64 da = back <= a.rank ? a[-back] : 1;
    const i64 db = back <= b.rank ? b[-back] : 1;
    const i64 sa = da == 1 ? 0 : stride_a;
    const i64 sb = db == 1 ? 0 : stride_b;
    stride_a *= da;
    stride_b *= db;
    if (d == 1) continue;
    const int at = 4 - used;  // the axis filled last
    if (used > 0 && c.a[at] * c.d[at] == sa && c.b[at] * c.d[at] == sb) {
      c.d[at] *= d;  // continues it
      continue;
    }
    e.check(used < 4, "broadcasting ", a.text(), " and ", b.text(),
            " needs more than four separate axes; reshape first");
    ++used;
    c.d[4 - used] = d;
    c.a[4 - used] = sa;
    c.b[4 - used] = sb;
  }
  return c;
}

Tensor activate(const Tensor& x, Act act) {
  switch (act) {
    case Act::relu:
      return relu(x);
    case Act::tanh:
      return tanh(x);
    case Act::sigmoid:
      return sigmoid(x);
    default:
      return x;
  }
}

// inputs dy, y; only met in unrecorded gradients: a recorded one goes through the composition of linear and conv.
const Op k_act_d1{"act_d1", [](Emit& e) {
                    const Tensor& y = e.in(1);
                    const Tensor dx = e.out(y.shape());
                    e.call(K::act_d1, {dx, e.in(0), y, y.size(), e.whole(0)});
                  }};

Tensor act_d1(const Tensor& dy, const Tensor& y, Act act) {
  return act == Act::none ? dy : emit1(k_act_d1, {dy, y}, {static_cast<double>(act)});
}

Tensor shard_rows(const Back& back, const Tensor& x, int s, int n) {
  if (n == 1) return x;
  LAT_CHECK(x.dim[0] % n == 0, Code::shape, back.name(), x.dim[0], " rows do not split into ", n,
            " shards; choose a batch that is a multiple of the shards");
  const i64 rows = x.dim[0] / n;
  return slice(x, s * rows, (s + 1) * rows);
}

}  // namespace lat
