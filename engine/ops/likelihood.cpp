// Densities in nats per row, fused forward and backward, each beside the composition that says the same slowly.
#include <cmath>
#include <numbers>

#include "engine/ops/common.h"
#include "engine/ops/table.h"

namespace lat {

namespace {

Shape rows_shape(const Tensor& x) {
  return Shape(std::span<const int32_t>(x.dim, static_cast<size_t>(x.rank - 1)));
}

void check_same(const Emit& e, const Tensor& a, const Tensor& b) {
  e.check(a.rank >= 1 && a.shape() == b.shape() && a.dtype == b.dtype, "expects two tensors (",
          "...,D) of one shape, got ", a.shape().text(), " and ", b.shape().text());
}

Tensor like(Back& b, const Tensor& x) { return b.ctx().empty(x.shape(), x.dtype); }

constexpr Reduce kLast{.first = -1, .last = -1};

// (...) -> (...,1), to stretch over the last axis.
Tensor column(const Tensor& x) {
  Shape s = x.shape();
  s.dim[s.rank++] = 1;
  return reshape(x, s);
}

}  // namespace

const Op k_log_softmax{
    "log_softmax",
    [](Emit& e) {
      const Tensor& x = e.in(0);
      e.check(x.rank >= 1, "needs a class axis");
      const Tensor y = e.out(x.shape());
      e.call(K::log_softmax, {y, x, x.rows(), x.cols()});
    },
    [](Back& b) {
      const Tensor y = b.out(), dx = like(b, y);
      b.ctx().call(K::log_softmax_d1, y.dtype, {dx, b.grad(), y, y.rows(), y.cols()});
      b.add(0, dx);
    },
    [](Emit& e) {  // the maximum is a constant that cancels
      const Tensor& x = e.in(0);
      const Tensor top = e.ctx().empty(rows_shape(x), x.dtype);
      e.call(K::row_max, {top, x, x.rows(), x.cols()});
      const Tensor c = x - column(top);
      e.result(c - column(log(sum(exp(c), kLast))));
    }};
Tensor log_softmax(const Tensor& x) { return emit1(k_log_softmax, {x}); }

const Op k_gaussian_kl{"gaussian_kl",
                       [](Emit& e) {
                         const Tensor &mu = e.in(0), &logvar = e.in(1);
                         check_same(e, mu, logvar);
                         const Tensor kl = e.out(rows_shape(mu));
                         e.call(K::gaussian_kl, {kl, mu, logvar, mu.rows(), mu.cols()});
                       },
                       [](Back& b) {
                         const Tensor mu = b.in(0), logvar = b.in(1), dmu = like(b, mu),
                                      dlogvar = like(b, mu);
                         b.ctx().call(K::gaussian_kl_d1, mu.dtype,
                                      {dmu, dlogvar, b.grad(), mu, logvar, mu.rows(), mu.cols()});
                         if (b.wants(0)) b.add(0, dmu);
                         if (b.wants(1)) b.add(1, dlogvar);
                       },
                       [](Emit& e) {
                         const Tensor &mu = e.in(0), &logvar = e.in(1);
                         e.result(0.5 * sum(square(mu) + exp(logvar) - 1 - logvar, kLast));
                       }};
Tensor gaussian_kl(const Tensor& mu, const Tensor& logvar) {
  return emit1(k_gaussian_kl, {mu, logvar});
}

const Op k_gaussian_log_prob{
    "gaussian_log_prob",
    [](Emit& e) {
      const Tensor &x = e.in(0), &mu = e.in(1), &logvar = e.in(2);
      check_same(e, x, mu);
      check_same(e, x, logvar);
      const Tensor lp = e.out(rows_shape(x));
      e.call(K::gaussian_log_prob, {lp, x, mu, logvar, x.rows(), x.cols()});
    },
    [](Back& b) {
      const Tensor x = b.in(0);
      Tensor d[3];
      for (int i = 0; i < 3; ++i)
        if (b.wants(i)) d[i] = like(b, x);
      b.ctx().call(K::gaussian_log_prob_d1, x.dtype,
                   {optional(d[0]), optional(d[1]), optional(d[2]), b.grad(), x, b.in(1), b.in(2),
                    x.rows(), x.cols()});
      for (int i = 0; i < 3; ++i)
        if (d[i]) b.add(i, d[i]);
    },
    [](Emit& e) {
      const Tensor &x = e.in(0), &mu = e.in(1), &logvar = e.in(2);
      const double log_2pi = std::log(2 * std::numbers::pi);
      e.result(-0.5 * sum(square(x - mu) * exp(-logvar) + logvar + log_2pi, kLast));
    }};
Tensor gaussian_log_prob(const Tensor& x, const Tensor& mu, const Tensor& logvar) {
  const Tensor m = expand(mu, x.shape()), lv = expand(logvar, x.shape());
  return emit1(k_gaussian_log_prob, {x, m, lv});
}

const Op k_bernoulli_log_prob{
    "bernoulli_log_prob",
    [](Emit& e) {
      const Tensor &logits = e.in(0), &x = e.in(1);
      check_same(e, logits, x);
      const Tensor lp = e.out(rows_shape(x));
      e.call(K::bernoulli_log_prob, {lp, logits, x, x.rows(), x.cols()});
    },
    [](Back& b) {
      const Tensor logits = b.in(0), x = b.in(1);
      if (b.wants(0)) {
        const Tensor d = like(b, logits);
        b.ctx().call(K::bernoulli_log_prob_d1, x.dtype,
                     {d, b.grad(), logits, x, x.rows(), x.cols()});
        b.add(0, d);
      }
      if (b.wants(1)) b.add(1, column(b.grad()) * logits);
    },
    [](Emit& e) { e.result(sum(e.in(0) * e.in(1) - softplus(e.in(0)), kLast)); }};
Tensor bernoulli_log_prob(const Tensor& logits, const Tensor& x) {
  return emit1(k_bernoulli_log_prob, {logits, x});
}

const Op k_categorical_log_prob{
    "categorical_log_prob",
    [](Emit& e) {
      const Tensor &logits = e.in(0), &label = e.in(1);
      e.check(logits.rank == 2 && label.dtype == DType::i32 && label.size() == logits.dim[0],
              "expects logits (B,K) and labels (B) i32, got ", logits.shape().text(), " and ",
              label.shape().text(), " ", name_of(label.dtype));
      const Tensor lp = e.out({logits.dim[0]});
      e.call(K::categorical_log_prob, {lp, logits, label, logits.rows(), logits.cols()});
    },
    [](Back& b) {
      const Tensor logits = b.in(0), d = like(b, logits);
      b.ctx().call(K::categorical_log_prob_d1, d.dtype,
                   {d, b.grad(), logits, b.in(1), logits.rows(), logits.cols()});
      b.add(0, d);
    },
    [](Emit& e) {  // the label picks by its one-hot row: the gradient of picking, at 1
      const Tensor &logits = e.in(0), &label = e.in(1);
      const i64 rows = logits.rows(), cols = logits.cols();
      const Tensor one = fill(e.ctx(), {rows}, 1), even = fill(e.ctx(), {rows, cols}, 0);
      const Tensor d = e.ctx().empty({rows, cols}, logits.dtype);
      e.call(K::categorical_log_prob_d1, {d, one, even, label, rows, cols});
      const Tensor hot = d + 1.0 / static_cast<double>(cols);
      e.result(sum(log_softmax(logits) * hot, kLast));
    }};
Tensor categorical_log_prob(const Tensor& logits, const Tensor& label) {
  return emit1(k_categorical_log_prob, {logits, label});
}

}  // namespace lat
