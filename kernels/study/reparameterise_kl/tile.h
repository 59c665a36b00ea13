#pragma once
// CUDA: a few whole rows, whose noise a block draws into shared memory before its warps sum them.
#include "kernels/common/team.h"
#include "kernels/likelihood/terms.h"
#include "kernels/random/draws.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kTileElements = 2048;

constexpr LAT_INLINE bool fits_tile(i64 cols) { return cols <= kTileElements; }
constexpr LAT_INLINE i64 tile_rows(i64 cols) { return kTileElements / max_of(1, cols); }

// The rows of this block, and the draws that cover them: whole blocks of 64, so that `head` of them
// belong to rows before.
struct RowTile {
  i64 begin, end;  // rows
  u64 counter;     // the first
  i64 counters, head;

  __device__ __forceinline__ RowTile(const u64* clock, i64 rows, i64 cols) {
    begin = blockIdx.x * tile_rows(cols);
    end = min_of(rows, begin + tile_rows(cols));
    const u64 element = (clock[1] + u64(begin)) * u64(cols);
    counter = element / u64(kDrawBlock) * u64(kDrawCounters);
    head = i64(element % u64(kDrawBlock));
    counters = ceil_div(head + (end - begin) * cols, kDrawBlock) * kDrawCounters;
  }
};
constexpr i64 kTileDraws = kTileElements + kDrawBlock;  // of a tile, at most

// The four normals of a counter.
__device__ __forceinline__ void draw_four(float (&y)[4], u64 counter, u64 tick, i64 seed,
                                          i64 stream) {
  const Philox bits = words_of(counter, tick, seed, stream);
  CU_UNROLL
  for (i64 j = 0; j < 4; j += 2) {
    const Normals<float> pair = normals_of<float>(bits.word[j], bits.word[j + 1]);
    y[j] = pair.first;
    y[j + 1] = pair.second;
  }
}

// z, eps and kl of the rows of a tile, a warp each, by the noise that lies in shared memory.
__device__ __forceinline__ void finish_rows(const RowTile& tile, const float* noise, float* z,
                                            float* eps, float* kl, const float* mu,
                                            const float* logvar, i64 cols) {
  for (i64 r = tile.begin + threadIdx.x / kWarp; r < tile.end; r += kBlockWarps) {
    const float* const own = noise + tile.head + (r - tile.begin) * cols;
    const float sum = warp_row<Sum, float>(cols, [&](i64 c) {
      const i64 i = r * cols + c;
      const float e = own[c], m = mu[i], lv = logvar[i];
      eps[i] = e;
      z[i] = reparameterised(m, lv, e);
      return gaussian_kl_term(m, lv);
    });
    if (threadIdx.x % kWarp == 0) kl[r] = 0.5f * sum;
  }
}

}  // namespace lat::kernels::LAT_ISA
