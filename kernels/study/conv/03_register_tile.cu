// A thread computes 4 pixels x 4 channels: eight loads from shared memory serve sixteen fused
// multiply-adds, and sixteen chains hide the latency of each other. With more outputs a thread the
// tile grows too, and its border is a smaller part of it.
//
// A warp is 4 rows x 8 threads along the channels. A thread's channels are 8 apart, so that a warp
// stores whole sectors.
#include "kernels/common/cuda.h"

#include "kernels/study/conv/image_tile.h"

namespace lat::kernels::LAT_ISA {
namespace {

constexpr i32 kRows = 8, kRow = 16, kThreads = 256, kPixels = 4, kOwn = 4;

__global__ void __launch_bounds__(kThreads) register_tile(ConvCall z, ImageTile tile) {
  CU_DYN_SHARED(float, image);
  CU_SHARED(float, slice, [kSlice][kChannels]);
  const Corner at(z, tile);
  load_image(image, z, tile, at);

  const i32 warp = i32(threadIdx.x) / 32, lane = i32(threadIdx.x) % 32;
  const i32 row = warp / 4 * 4 + lane / 8, col = warp % 4 * kPixels, channel = lane % 8;
  const i64 step = z.stride * z.C;
  const float* const patch = image + row * z.stride * tile.pitch + col * step;
  Sums<kPixels, kOwn> sums;
  for_products(sums, slice, z, tile, at, [&](const float* f, i64 offset) {
    float x_i[kPixels], f_i[kOwn];
    CU_UNROLL
    for (i32 p = 0; p < kPixels; ++p) x_i[p] = patch[offset + p * step];
    CU_UNROLL
    for (i32 k = 0; k < kOwn; ++k) f_i[k] = f[channel + 8 * k];
    sums.multiply(x_i, f_i);
  });

  const i64 p = at.p + row;
  CU_UNROLL
  for (i32 i = 0; i < kPixels; ++i) CU_UNROLL
  for (i32 j = 0; j < kOwn; ++j) {
    const i64 q = at.q + col + i, k = at.k + channel + 8 * j;
    if (p < z.P && q < z.Q && k < z.K) store(z, (at.b * z.P + p) * z.Q + q, k, sums.total[i][j]);
  }
}

}  // namespace

void conv_register_tile(Part stream, const ConvCall& z) {
  const ImageTile tile(z, kRows, kRow);
  if (tile.bytes() > kMostShared) return conv_naive(stream, z);
  stream.launch(register_tile, {tile.blocks(z), kThreads, tile.bytes()}, z, tile);
}

}  // namespace lat::kernels::LAT_ISA
