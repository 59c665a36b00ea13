#include "engine/train/feed.h"

namespace lat {

using kernels::K;

Feed::Feed(Context& ctx, const Images& images, i64 batch, u64 seed)
    : ctx_(ctx), batch_(batch), seed_(seed) {
  LAT_CHECK(batch >= 1 && batch <= images.n, Code::usage, "Feed", "a batch of ", batch,
            " cannot be drawn from ", images.n, " images: give 1 to ", images.n);
  images_ = resident(images.pixels.data(), {images.n, images.h, images.w, images.c}, DType::u8);
  if (images.labels.empty())
    none_ = Buffer(ctx, {batch}, DType::i32);
  else
    labels_ = resident(images.labels.data(), {images.n}, DType::i32);
}

Tensor Feed::resident(const void* from, const Shape& shape, DType dtype) {
  if (ctx_.on_cpu()) return ctx_.external(from, shape, dtype);
  copies_.emplace_back(ctx_, shape, dtype);
  ctx_.write(copies_.back(), from);
  return copies_.back();
}

Feed::Batch Feed::next() const {
  const i64 pixels = images_.size() / images_.dim[0];
  const Tensor index = ctx_.empty({batch_}, DType::i32);
  ctx_.call(K::shuffle, DType::f32,
            {index, ctx_.draws.clock, batch_, i64{images_.dim[0]}, static_cast<i64>(seed_)});
  Batch out{ctx_.empty({batch_, images_.dim[1], images_.dim[2], images_.dim[3]}, DType::f32),
            none_};
  ctx_.call(K::gather_u8, DType::f32, {out.x, images_, index, batch_, pixels});
  if (labels_) {  // a float's bits are moved as they are
    out.labels = ctx_.empty({batch_}, DType::i32);
    ctx_.call(K::gather, DType::f32, {out.labels, labels_, index, batch_, 1});
  }
  return out;
}

}  // namespace lat
