// Still one pass, and every counter once: a block draws the noise of some rows into shared memory,
// then its warps walk the rows and find it there. A row that does not fit goes the product's way.
//
// Half a warp writes 16 words side by side and the other half the words 64 further on: the same
// banks, so that each store takes two turns.
#include "kernels/common/cuda.h"

#include "kernels/study/reparameterise_kl/tile.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {
namespace {

__global__ void noise_once(float* z, float* eps, float* kl, const float* mu, const float* logvar,
                           const u64* clock, i64 rows, i64 cols, i64 seed, i64 stream) {
  CU_SHARED(float, noise, [kTileDraws]);
  const RowTile tile(clock, rows, cols);
  const u64 tick = clock[0];
  for (i64 k = threadIdx.x; k < tile.counters; k += kBlockThreads) {
    float y[4];
    draw_four(y, tile.counter + u64(k), tick, seed, stream);
    float* const to = noise + k / kDrawCounters * kDrawBlock + k % kDrawCounters;
    CU_UNROLL
    for (i64 j = 0; j < 4; ++j) to[j * kDrawCounters] = y[j];
  }
  __syncthreads();
  finish_rows(tile, noise, z, eps, kl, mu, logvar, cols);
}

}  // namespace

void latent_noise_once(Part stream, const LatentCall& x) {
  if (!fits_tile(x.cols)) return latent_product(stream, x);
  stream.launch(noise_once, {ceil_div(x.rows, tile_rows(x.cols)), kBlockThreads}, x.z, x.eps, x.kl,
                x.mu, x.logvar, x.clock, x.rows, x.cols, x.seed, x.stream);
}

}  // namespace lat::kernels::LAT_ISA
