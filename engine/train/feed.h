#pragma once
// Shuffled batches of a data set, gathered inside a recorded step from where the images lie: nothing comes from the host
// while a program replays.
#include "engine/core/context.h"
#include "engine/data/images.h"

namespace lat {

class Feed {
 public:
  // On the CPU the images stay where they are; a device gets a copy. They must outlive this object.
  // Code::usage unless 1 <= batch <= images.n.
  Feed(Context& ctx, const Images& images, i64 batch, u64 seed);

  struct Batch {
    Tensor x;       // (batch,h,w,c) f32, pixel / 255
    Tensor labels;  // (batch) i32; zeros where the images have none
  };
  // Batch number tick() of the Step whose body runs, the same as Batches (data/batches.h) gives.
  Batch next() const;

  i64 per_epoch() const { return images_.dim[0] / batch_; }

 private:
  Tensor resident(const void* from, const Shape& shape, DType dtype);

  Context& ctx_;
  i64 batch_;
  u64 seed_;
  std::vector<Buffer> copies_;
  Tensor images_, labels_;  // (n,h,w,c) u8, (n) i32 or empty
  Buffer none_;             // the labels of images without
};

}  // namespace lat
