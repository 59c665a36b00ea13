// A block loads what its outputs share into shared memory: a tile of the image once, and the filter
// slice by slice. Global memory is read once for a block instead of once for a product.
//
// Still two loads for each fused multiply-add, now from shared memory. Images whose tile does not fit
// go the way of the rung before.
#include "kernels/common/cuda.h"

#include "kernels/study/conv/image_tile.h"

namespace lat::kernels::LAT_ISA {
namespace {

constexpr i32 kRows = 4, kRow = 8;

// A warp a pixel, a lane a channel.
__global__ void __launch_bounds__(kRows* kRow* kChannels) tiled(ConvCall z, ImageTile tile) {
  CU_DYN_SHARED(float, image);
  CU_SHARED(float, slice, [kSlice][kChannels]);
  const Corner at(z, tile);
  load_image(image, z, tile, at);

  const i32 row = i32(threadIdx.x) / 32 / kRow, col = i32(threadIdx.x) / 32 % kRow;
  const i32 channel = i32(threadIdx.x) % 32;
  const float* const patch = image + row * z.stride * tile.pitch + col * z.stride * z.C;
  Sums<1, 1> sums;
  for_products(sums, slice, z, tile, at,
               [&](const float* f, i64 offset) { sums.multiply({patch[offset]}, {f[channel]}); });

  const i64 p = at.p + row, q = at.q + col, k = at.k + channel;
  if (p < z.P && q < z.Q && k < z.K) store(z, (at.b * z.P + p) * z.Q + q, k, sums.total[0][0]);
}

}  // namespace

void conv_tiled(Part stream, const ConvCall& z) {
  const ImageTile tile(z, kRows, kRow);
  if (tile.bytes() > kMostShared) return conv_naive(stream, z);
  stream.launch(tiled, {tile.blocks(z), kRows * kRow * kChannels, tile.bytes()}, z, tile);
}

}  // namespace lat::kernels::LAT_ISA
