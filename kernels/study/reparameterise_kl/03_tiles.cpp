// The same two kernels on a few rows at a time: the second finds mu and logvar in the first-level cache, so that the memory
// is read once. Nothing is written for it: that is how a program's neighbouring calls can be run tile by tile.
//
// The clock's second word says which row of the batch a tile begins with, so that each draws the numbers it would have
// drawn in one call. 16 rows of 4 columns or a multiple hold whole blocks of 64 of them.
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void latent_tiles(Part part, const LatentCall& x) {
  constexpr i64 kRows = 16;
  const i64 tiles = ceil_div(x.rows, kRows);
  for (i64 t = part.begin(tiles); t < part.end(tiles); ++t) {
    const i64 first = t * kRows, at = first * x.cols;
    const u64 clock[2] = {x.clock[0], x.clock[1] + u64(first)};
    latent_product({}, {x.z + at, x.eps + at, x.kl + first, x.mu + at, x.logvar + at, clock,
                        min_of(kRows, x.rows - first), x.cols, x.seed, x.stream});
  }
}

}  // namespace lat::kernels::LAT_ISA
