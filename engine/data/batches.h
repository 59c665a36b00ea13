#pragma once
// Batches of images as numbers in [0, 1], in an order that is a function of seed and epoch alone.
#include <cstdint>

#include "engine/data/images.h"

namespace lat {

class Batches {
 public:
  // `images` must outlive this object. Throws Code::usage for an empty set, a batch below 1, or a
  // shuffled batch larger than the set.
  Batches(const Images& images, int64_t batch, uint64_t seed, bool shuffle);
  Batches(Images&&, int64_t, uint64_t, bool) = delete;

  // Batches in an epoch. Shuffled, all are full and an epoch leaves out n % batch images, others
  // each time; in order, the last one may be short.
  int64_t per_epoch() const { return per_epoch_; }

  // Images in batch number `step`: `batch`, or fewer in the last one of an ordered epoch.
  int64_t rows(int64_t step) const;

  // Writes batch number `step` >= 0, of epoch step / per_epoch(): x (rows(step), h * w * c) = pixel
  // / 255, and the labels (rows(step)) unless null. Allocates nothing; safe to call from any
  // thread. Throws Code::usage when labels are asked of images that have none.
  void fill(int64_t step, float* x, int32_t* labels_or_null) const;

 private:
  const Images* images_;
  int64_t batch_;
  uint64_t seed_;
  bool shuffle_;
  int64_t per_epoch_;
};

}  // namespace lat
