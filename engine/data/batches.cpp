#include "engine/data/batches.h"

#include <algorithm>
#include <optional>

#include "engine/core/error.h"
#include "kernels/common/planted.h"
#include "kernels/gather/permutation.h"

namespace lat {

Batches::Batches(const Images& images, int64_t batch, uint64_t seed, bool shuffle)
    : images_(&images), batch_(batch), seed_(seed), shuffle_(shuffle) {
  LAT_CHECK(images.n >= 1, Code::usage, "Batches", "there are no images. Load some first");
  LAT_CHECK(batch >= 1 && (!shuffle || batch <= images.n), Code::usage, "Batches", "a batch of ",
            batch, " cannot be drawn from ", images.n, " images: give 1 to ", images.n);
  per_epoch_ = shuffle ? images.n / batch : (images.n + batch - 1) / batch;
}

int64_t Batches::rows(int64_t step) const {
  return std::min(batch_, images_->n - step % per_epoch_ * batch_);
}

void Batches::fill(int64_t step, float* x, int32_t* labels_or_null) const {
  LAT_CHECK(step >= 0, Code::usage, "Batches::fill", "step ", step, " is negative");
  LAT_CHECK(!labels_or_null || !images_->labels.empty(), Code::usage, "Batches::fill",
            "these images have no labels. Pass null");
  const int64_t pixels = images_->h * images_->w * images_->c;
  const bool one_order = kernels::planted(kernels::Bug::order_ignores_epoch);
  std::optional<kernels::Shuffle> member;
  if (shuffle_) member.emplace(one_order ? step % per_epoch_ : step, batch_, images_->n, seed_);
  const int64_t first = step % per_epoch_ * batch_;
  const int64_t count = rows(step);
  for (int64_t row = 0; row < count; ++row) {
    const int64_t image = member ? (*member)(row) : first + row;
    const uint8_t* from = images_->pixels.data() + image * pixels;
    float* to = x + row * pixels;
    for (int64_t p = 0; p < pixels; ++p) to[p] = static_cast<float>(from[p]) / 255.0f;
    if (labels_or_null) labels_or_null[row] = images_->labels[static_cast<size_t>(image)];
  }
}

}  // namespace lat
