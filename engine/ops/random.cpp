// Random draws. The counter layout: kernels/random/random.h.
#include "engine/ops/common.h"
#include "engine/ops/table.h"

namespace lat {

namespace {

constexpr int kStepShift = 32;

// Outside of Steps every draw advances the context's tick.
void advance_if_eager(Context& ctx) {
  if (!ctx.step) ctx.call(K::advance, ctx.real(), {ctx.draws.clock});
}

// Elements of one row of the global batch.
i64 row_size(const Tensor& t) { return t.rank == 0 || t.dim[0] == 0 ? 1 : t.size() / t.dim[0]; }

i64 seed_of(const Context& ctx) { return static_cast<i64>(ctx.options().seed); }

Tensor draw(Rng rng, const Shape& shape, K kernel) {
  Context& ctx = rng.ctx();
  advance_if_eager(ctx);
  const Tensor y = ctx.empty(shape);
  ctx.call(kernel, y.dtype, {y, ctx.draws.clock, y.size(), row_size(y), seed_of(ctx), rng.next()});
  return y;
}

}  // namespace

i64 Rng::next() const {
  return (static_cast<i64>(ctx_->draws.step) << kStepShift) | static_cast<i64>(ctx_->draws.next++);
}

Tensor normal(Rng rng, const Shape& shape) { return draw(rng, shape, K::normal); }
Tensor uniform(Rng rng, const Shape& shape) { return draw(rng, shape, K::uniform); }

Tensor permutation(Rng rng, i64 n) {
  Context& ctx = rng.ctx();
  advance_if_eager(ctx);
  const Tensor index = ctx.empty({n}, DType::i32);
  // every tick is an epoch, every stream a seed
  constexpr u64 kOdd = 0x9E3779B97F4A7C15;
  const u64 seed = ctx.options().seed + static_cast<u64>(rng.next()) * kOdd;
  ctx.call(K::shuffle, ctx.real(), {index, ctx.draws.clock, n, n, static_cast<i64>(seed)});
  return index;
}

// attribute: the stream
const Op k_bernoulli{"bernoulli",
                     [](Emit& e) {
                       const Tensor& p = e.in(0);
                       const Tensor y = e.out(p.shape());
                       e.call(K::bernoulli, {y, p, e.ctx().draws.clock, y.size(), row_size(y),
                                             seed_of(e.ctx()), e.whole(0)});
                     },
                     [](Back& b) {
                       LAT_CHECK(!b.wants(0), Code::unsupported, b.name(),
                                 "a draw has no pathwise gradient; use the score function or a "
                                 "relaxation");
                     }};
Tensor bernoulli(Rng rng, const Tensor& prob) {
  advance_if_eager(rng.ctx());
  return emit1(k_bernoulli, {prob}, {static_cast<double>(rng.next())});
}

// inputs mu, logvar; outputs z, eps; attribute: the stream
const Op k_reparameterise{
    "reparameterise",
    [](Emit& e) {
      const Tensor &mu = e.in(0), &logvar = e.in(1);
      e.check(mu.shape() == logvar.shape() && mu.dtype == logvar.dtype, "mu ", mu.shape().text(),
              " and logvar ", logvar.shape().text(), " differ; expand one of them");
      const Tensor z = e.out(mu.shape()), eps = e.out(mu.shape());
      e.call(K::reparameterise, {z, eps, mu, logvar, e.ctx().draws.clock, z.size(), row_size(z),
                                 seed_of(e.ctx()), e.whole(0)});
    },
    [](Back& b) {
      const Tensor dz = b.grad(), logvar = b.in(1);
      if (b.wants(0)) b.add(0, dz);
      if (!b.wants(1)) return;
      const Tensor eps = stop_gradient(b.out(1));
      if (b.ctx().tracking) return b.add(1, dz * (exp(0.5 * logvar) * (0.5 * eps)));
      const Tensor d = b.ctx().empty(logvar.shape(), logvar.dtype);
      b.ctx().call(K::reparameterise_d1, d.dtype, {d, dz, eps, logvar, d.size()});
      b.add(1, d);
    }};
Tensor reparameterise(Rng rng, const Tensor& mu, const Tensor& logvar) {
  advance_if_eager(rng.ctx());
  return emit1(k_reparameterise, {mu, logvar}, {static_cast<double>(rng.next())});
}

}  // namespace lat
