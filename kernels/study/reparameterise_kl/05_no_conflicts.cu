// The second half of a warp stores its words in another order, 1 0 3 2: while the first half writes
// to the banks 0 to 15 it writes to 16 to 31, and a store takes one turn.
#include "kernels/common/cuda.h"

#include "kernels/study/reparameterise_kl/tile.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {
namespace {

__global__ void no_conflicts(float* z, float* eps, float* kl, const float* mu, const float* logvar,
                             const u64* clock, i64 rows, i64 cols, i64 seed, i64 stream) {
  CU_SHARED(float, noise, [kTileDraws]);
  const RowTile tile(clock, rows, cols);
  const u64 tick = clock[0];
  const bool second = threadIdx.x % kWarp >= kDrawCounters;
  for (i64 k = threadIdx.x; k < tile.counters; k += kBlockThreads) {
    float y[4];
    draw_four(y, tile.counter + u64(k), tick, seed, stream);
    float* const to = noise + k / kDrawCounters * kDrawBlock + k % kDrawCounters;
    CU_UNROLL
    for (i64 j = 0; j < 4; ++j) to[(second ? j ^ 1 : j) * kDrawCounters] = second ? y[j ^ 1] : y[j];
  }
  __syncthreads();
  finish_rows(tile, noise, z, eps, kl, mu, logvar, cols);
}

}  // namespace

void latent_no_conflicts(Part stream, const LatentCall& x) {
  if (!fits_tile(x.cols)) return latent_product(stream, x);
  stream.launch(no_conflicts, {ceil_div(x.rows, tile_rows(x.cols)), kBlockThreads}, x.z, x.eps,
                x.kl, x.mu, x.logvar, x.clock, x.rows, x.cols, x.seed, x.stream);
}

}  // namespace lat::kernels::LAT_ISA
