#include "engine/optim/adam.h"

namespace lat {

using kernels::K;

namespace {

Tensor part(Tensor flat, i64 begin, i64 end) {
  flat.data = static_cast<char*>(flat.data) + begin * size_of(flat.dtype);
  flat.rank = 1;
  flat.dim[0] = static_cast<int32_t>(end - begin);
  return flat;
}

constexpr Op kAdam{"adam", nullptr};

}  // namespace

Adam::Adam(Params& params, Options options)
    : lr(params.ctx(), "lr", options.lr),
      params_(params),
      options_(options),
      m_(params.ctx(), {params.size()}),
      v_(params.ctx(), {params.size()}),
      count_(params.ctx(), {3}, DType::f64) {
  set_values(count_, std::array{0.0, 1.0, 1.0});
}

void Adam::step() {
  Context& ctx = params_.ctx();
  const Tensor theta = params_.memory_of_values(), grads = params_.grads();
  const DType real = theta.dtype;
  const i64 n = params_.size();
  const Op* const outer = ctx.op;
  ctx.op = &kAdam;
  if (ctx.options().shards > 1) ctx.call(K::join_shards, real, {grads, grads.dim[0], n});
  ctx.call(K::all_finite, real, {ctx.ok(), part(grads, 0, n), n});
  ctx.call(K::adam_count, real, {count_.tensor(), ctx.ok(), options_.beta1, options_.beta2});
  const auto& entries = params_.entries();
  const Tensor rate = lr;
  const auto same_run = [&](const Params::Entry& a, const Params::Entry& b) {
    return !b.trained || b.group == a.group;
  };
  for (size_t i = 0, j = 0; i < entries.size(); i = j) {  // runs of trained slots with one group
    for (j = i + 1; j < entries.size() && entries[i].trained && same_run(entries[i], entries[j]);)
      ++j;
    if (!entries[i].trained) continue;
    const Group& g = entries[i].group;
    const i64 begin = entries[i].offset, end = j < entries.size() ? entries[j].offset : n;
    const i64 count = end - begin;
    if (g.frozen)
      ctx.call(K::fill, real, {part(grads, begin, end), count, 0.0});
    else
      ctx.call(K::adam, real,
               {part(theta, begin, end), part(grads, begin, end), part(m_, begin, end),
                part(v_, begin, end), rate, count_.tensor(), ctx.ok(), count, g.lr, options_.beta1,
                options_.beta2, options_.eps, options_.decay + g.decay});
  }
  ctx.op = outer;
  params_.written();
}

}  // namespace lat
