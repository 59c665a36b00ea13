#include "engine/optim/clip.h"

namespace lat {

using kernels::K;

namespace {

constexpr Op kClip{"clip_global_norm", nullptr};

}  // namespace

Tensor clip_global_norm(Params& params, double max_norm) {
  LAT_CHECK(max_norm > 0, Code::usage, kClip.name, "max_norm is ", max_norm, "; expected > 0");
  Context& ctx = params.ctx();
  const Tensor grads = params.grads();
  const DType real = grads.dtype;
  const i64 n = params.size(), chunks = kernels::ceil_div(n, kernels::kRowChunk);
  const Op* const outer = ctx.op;
  ctx.op = &kClip;
  if (ctx.options().shards > 1) ctx.call(K::join_shards, real, {grads, grads.dim[0], n});
  for (int32_t i = 0; i < static_cast<int32_t>(params.entries().size()); ++i) {
    const Params::Entry& e = params.entries()[static_cast<size_t>(i)];
    if (e.trained && e.group.frozen)
      ctx.call(K::fill, real, {params.grad({i}), e.shape.size(), 0.0});
  }
  Tensor g = grads;  // the first plane
  g.rank = 1;
  g.dim[0] = grads.dim[1];
  const Tensor sums = ctx.empty({chunks}, real), norm = ctx.empty({}, real),
               factor = ctx.empty({}, real);
  ctx.call(K::chunk_squares, real, {sums, g, n});
  ctx.call(K::clip_factor, real, {norm, factor, ctx.ok(), sums, chunks, max_norm});
  ctx.call(K::scale_by, real, {g, factor, n});
  ctx.op = outer;
  return norm;
}

}  // namespace lat
