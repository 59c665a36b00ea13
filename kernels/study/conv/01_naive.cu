// A thread an output. Image and filter are read from global memory for every product.
//
// Neighbouring threads take neighbouring channels: a warp reads one pixel, the same for all, and 32
// filters side by side. That is two loads for each fused multiply-add, and they wait for the caches.
#include "kernels/common/cuda.h"

#include "kernels/study/conv/sums.h"

namespace lat::kernels::LAT_ISA {
namespace {

__global__ void naive(ConvCall z) {
  const i64 output = i64(blockIdx.x) * blockDim.x + threadIdx.x;
  if (output >= z.B * z.P * z.Q * z.K) return;
  const i64 k = output % z.K, pixel = output / z.K;
  const i64 q = pixel % z.Q, p = pixel / z.Q % z.P, b = pixel / z.Q / z.P;

  Sums<1, 1> sums;
  i64 i = 0;
  for (i64 r = 0; r < z.R; ++r)
    for (i64 s = 0; s < z.S; ++s) {
      const i64 h = p * z.stride + r - z.pad, w = q * z.stride + s - z.pad;
      const bool inside = 0 <= h && h < z.H && 0 <= w && w < z.W;
      for (i64 c = 0; c < z.C; ++c, ++i) {
        sums.begin(i);
        sums.multiply({inside ? z.x[((b * z.H + h) * z.W + w) * z.C + c] : 0}, {z.f[i * z.K + k]});
      }
    }
  sums.end_chunk();
  store(z, pixel, k, sums.total[0][0]);
}

}  // namespace

void conv_naive(Part stream, const ConvCall& z) {
  constexpr i64 threads = 256;
  stream.launch(naive, {ceil_div(z.B * z.P * z.Q * z.K, threads), threads}, z);
}

}  // namespace lat::kernels::LAT_ISA
