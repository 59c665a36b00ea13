// The convolution as a product of the matrix of patches, which never exists, and the filter. A block
// takes 64 patches, of whatever rows and images, and 32 channels; slices of both, 8 products deep, come
// through a ring of three buffers: asynchronous copies fill one while another is multiplied. Shared
// memory does not grow with the layer, so any number of channels fits, and no warp waits for a load.
//
// In exchange a pixel is copied once for each patch that holds it.
#include "kernels/common/cuda.h"

#include "kernels/study/conv/sums.h"

namespace lat::kernels::LAT_ISA {
namespace {

constexpr i32 kPatches = 64, kChannels = 32, kDepth = 8, kStages = 3, kThreads = 128, kOwn = 4;
constexpr i32 kLines = kThreads / kDepth;  // patches that all threads copy at once

// The padding keeps 8 products times 4 patches in different banks.
struct Stage {
  float patches[kDepth][kPatches + 4], filters[kDepth][kChannels];
};

struct Patch {
  i64 offset;  // of its first pixel in x
  i64 h, w;    // that pixel; h = H: no patch
};

// Starts the copies of a slice. Neighbouring threads copy neighbouring elements of a patch.
__device__ __forceinline__ void fetch(Stage& to, const ConvCall& z,
                                      const Patch (&patches)[kPatches / kLines], i64 k0,
                                      i64 first) {
  const i32 depth = i32(threadIdx.x) % kDepth, line = i32(threadIdx.x) / kDepth;
  const i64 i = first + depth, n = z.R * z.S * z.C;
  if (i < n) {
    const i64 r = i / (z.S * z.C), s = i / z.C % z.S, c = i % z.C;
    CU_UNROLL
    for (i32 l = 0; l < kPatches / kLines; ++l) {
      const i64 h = patches[l].h + r, w = patches[l].w + s;
      const bool inside = 0 <= h && h < z.H && 0 <= w && w < z.W;
      cu::copy_async<4>(&to.patches[depth][line + l * kLines],
                        inside ? z.x + patches[l].offset + (r * z.W + s) * z.C + c : z.x,
                        inside ? 4 : 0);
    }
  }
  const i32 k = i32(threadIdx.x) % kChannels;
  for (i32 d = i32(threadIdx.x) / kChannels; d < kDepth; d += kThreads / kChannels)
    if (first + d < n && k0 + k < z.K)
      cu::copy_async<4>(&to.filters[d][k], z.f + (first + d) * z.K + k0 + k);
  cu::copy_commit();
}

__global__ void __launch_bounds__(kThreads) implicit_gemm(ConvCall z) {
  CU_SHARED(Stage, ring, [kStages]);
  const i64 columns = ceil_div(z.K, kChannels), n = z.R * z.S * z.C;
  const i64 pixel0 = blockIdx.x / columns * kPatches, k0 = blockIdx.x % columns * kChannels;
  Patch patches[kPatches / kLines];
  CU_UNROLL
  for (i32 l = 0; l < kPatches / kLines; ++l) {
    const i64 pixel = pixel0 + i32(threadIdx.x) / kDepth + l * kLines;
    const i64 q = pixel % z.Q, p = pixel / z.Q % z.P, b = pixel / z.Q / z.P;
    const i64 h = b < z.B ? p * z.stride - z.pad : z.H, w = q * z.stride - z.pad;
    patches[l] = {((b * z.H + h) * z.W + w) * z.C, h, w};
  }
  const auto start = [&](i64 slice) {
    fetch(ring[slice % kStages], z, patches, k0, slice * kDepth);
  };
  for (i64 slice = 0; slice < kStages - 1; ++slice) start(slice);

  const i32 warp = i32(threadIdx.x) / 32, lane = i32(threadIdx.x) % 32;
  const i32 patch = warp * 16 + lane / 8, channel = lane % 8;  // the first; others 4 and 8 apart
  Sums<kOwn, kOwn> sums;
  for (i64 slice = 0; slice * kDepth < n; ++slice) {
    cu::copy_wait<kStages - 2>();
    __syncthreads();
    start(slice + kStages - 1);
    sums.begin(slice * kDepth);
    const Stage& from = ring[slice % kStages];
    for (i32 d = 0; d < min_of(kDepth, n - slice * kDepth); ++d) {
      float x_d[kOwn], f_d[kOwn];
      CU_UNROLL
      for (i32 i = 0; i < kOwn; ++i) {
        x_d[i] = from.patches[d][patch + 4 * i];
        f_d[i] = from.filters[d][channel + 8 * i];
      }
      sums.multiply(x_d, f_d);
    }
  }
  sums.end_chunk();

  CU_UNROLL
  for (i32 i = 0; i < kOwn; ++i) CU_UNROLL
  for (i32 j = 0; j < kOwn; ++j) {
    const i64 pixel = pixel0 + patch + 4 * i, k = k0 + channel + 8 * j;
    if (pixel < z.B * z.P * z.Q && k < z.K) store(z, pixel, k, sums.total[i][j]);
  }
}

}  // namespace

void conv_implicit_gemm(Part stream, const ConvCall& z) {
  const i64 blocks = ceil_div(z.B * z.P * z.Q, kPatches) * ceil_div(z.K, kChannels);
  stream.launch(implicit_gemm, {blocks, kThreads}, z);
}

}  // namespace lat::kernels::LAT_ISA
