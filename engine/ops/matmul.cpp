// Products and the linear layer.
#include "engine/ops/common.h"
#include "engine/ops/table.h"

namespace lat {

namespace {

constexpr i64 kFlagA = 1, kFlagB = 2;  // stored transposed

struct Sizes {
  i64 batch, m, n, k;
  Shape out;
};

Sizes sizes(const Emit& e, const Tensor& a, const Tensor& b, Transposed t) {
  const bool batched = b.rank == 3;
  e.check(a.dtype == b.dtype, "types differ: ", name_of(a.dtype), " and ", name_of(b.dtype));
  e.check(b.rank >= 2 && b.rank <= 3 && a.rank == b.rank, "expects (M,K) x (K,N) or (T,M,K) x ",
          "(T,K,N), got ", a.shape().text(), " x ", b.shape().text());
  const i64 m = a[t.a ? -1 : -2], k = a[t.a ? -2 : -1], n = b[t.b ? -2 : -1];
  e.check(k == b[t.b ? -1 : -2] && (!batched || a.dim[0] == b.dim[0]),
          "inner sizes differ: ", a.shape().text(), t.a ? "^T" : "", " x ", b.shape().text(),
          t.b ? "^T" : "", ". Columns of the first must equal rows of the second");
  return {batched ? a.dim[0] : 1, m, n, k, batched ? Shape{a.dim[0], m, n} : Shape{m, n}};
}

Tensor as_rows(const Tensor& x) { return reshape(x, {x.rows(), x.cols()}); }

}  // namespace

void add_rows_product(Back& b, int i, const Tensor& x, const Tensor& dy) {
  add_by_shard(b, i, [&](int s, int n, const Tensor& sink) {
    const Tensor xs = shard_rows(b, x, s, n), ds = shard_rows(b, dy, s, n);
    if (!sink) return matmul(xs, ds, {.a = true});
    b.ctx().call(K::matmul_into, xs.dtype,
                 {sink, xs, ds, 1, xs.dim[1], ds.dim[1], xs.dim[0], kFlagA});
    return sink;
  });
}

void add_rows_sum(Back& b, int i, const Tensor& dy) {
  add_by_shard(b, i, [&](int s, int n, const Tensor& sink) {
    const Tensor ds = shard_rows(b, dy, s, n);
    if (!sink) return sum(ds, {.first = 0, .last = ds.rank - 2});
    b.ctx().call(K::col_sum_into, ds.dtype, {sink, ds, 1, ds.rows(), ds.cols()});
    return sink;
  });
}

// attributes: transposed a, transposed b
const Op k_matmul{"matmul",
                  [](Emit& e) {
                    const Transposed t{e.attr(0) != 0, e.attr(1) != 0};
                    const Sizes s = sizes(e, e.in(0), e.in(1), t);
                    const Tensor c = e.out(s.out);
                    e.call(K::matmul, {c, e.in(0), e.in(1), s.batch, s.m, s.n, s.k,
                                       (t.a ? kFlagA : 0) | (t.b ? kFlagB : 0)});
                  },
                  [](Back& back) {
                    const Tensor a = back.in(0), b = back.in(1), dy = back.grad();
                    const bool ta = back.attr(0) != 0, tb = back.attr(1) != 0;
                    if (back.wants(0))
                      back.add(0, ta ? matmul(b, dy, {tb, true}) : matmul(dy, b, {false, !tb}));
                    if (!back.wants(1)) return;
                    if (!ta && !tb && b.rank == 2) return add_rows_product(back, 1, a, dy);
                    LAT_CHECK(back.ctx().shard_count == 1, Code::unsupported, back.name(),
                              "this gradient is not split into shards; use shards = 1");
                    back.add(1, tb ? matmul(dy, a, {true, ta}) : matmul(a, dy, {!ta, false}));
                  }};

Tensor matmul(const Tensor& a, const Tensor& b, Transposed t) {
  if (a.rank == 3 && b.rank == 2 && !t.a) {
    const Tensor y = matmul(as_rows(a), b, t);
    return reshape(y, {a.dim[0], a.dim[1], y.dim[1]});
  }
  return emit1(k_matmul, {a, b}, {t.a ? 1.0 : 0.0, t.b ? 1.0 : 0.0});
}

// inputs x (M,K) or (T,M,K), w (K,N) or (T,K,N), bias (N) or (T,N) or empty; attribute: activation
const Op k_linear{"linear",
                  [](Emit& e) {
                    const Tensor &x = e.in(0), &w = e.in(1), &bias = e.in(2);
                    const Sizes s = sizes(e, x, w, {});
                    if (bias)
                      e.check(bias.size() == s.batch * s.n, "bias ", bias.shape().text(), " for ",
                              s.n, " outputs");
                    const Tensor y = e.out(s.out);
                    const Operand b = bias ? Operand(bias) : Operand(nullptr);
                    e.call(K::linear_act, {y, x, w, b, s.batch, s.m, s.n, s.k, 0, e.whole(0)});
                  },
                  [](Back& b) {
                    const Tensor x = b.in(0), w = b.in(1);
                    const Tensor dp = act_d1(b.grad(), b.out(), static_cast<Act>(b.whole(0)));
                    if (b.wants(0)) b.add(0, matmul(dp, w, {.b = true}));
                    if (w.rank == 2) {
                      if (b.wants(1)) add_rows_product(b, 1, x, dp);
                      if (b.wants(2)) add_rows_sum(b, 2, dp);
                    } else {
                      if (b.wants(1)) b.add(1, matmul(x, dp, {.a = true}));
                      if (b.wants(2))
                        b.add(2, reshape(sum(dp, {.first = 1, .last = 1}), b.in(2).shape()));
                    }
                  },
                  [](Emit& e) {
                    Tensor y = matmul(e.in(0), e.in(1));
                    if (e.in(2)) {
                      const Tensor& bias = e.in(2);
                      y = y + (y.rank == 3 ? reshape(bias, {y.dim[0], 1, y.dim[2]}) : bias);
                    }
                    e.result(activate(y, static_cast<Act>(e.whole(0))));
                  }};

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, Act act) {
  LAT_CHECK(x && x.rank >= 1, Code::shape, "linear", "the input needs a feature axis");
  const double a = static_cast<double>(act);
  if (w.rank == 3 || x.rank == 2) return emit1(k_linear, {x, w, bias}, {a});
  const Tensor y = emit1(k_linear, {as_rows(x), w, bias}, {a});
  Shape shape = x.shape();
  shape.dim[shape.rank - 1] = y.dim[1];
  return reshape(y, shape);
}

}  // namespace lat
