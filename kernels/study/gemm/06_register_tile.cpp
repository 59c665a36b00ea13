// Several rows of a at once: a tile of rows x 2 vectors of sums fills the registers.
//
// Per step two vectors of b are loaded and serve every row; a row costs one broadcast for two fused multiply-adds. With
// 14 x 2 sums of 32 registers (6 x 2 of 16) the loads no longer keep the multipliers waiting, and there are more
// chains in flight than an addition takes cycles.
#include "kernels/common/vec.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {
namespace {

constexpr i64 kWide = kWidth<VecF>, kCols = 2 * kWide;
constexpr i64 kRows = LAT_VECTOR_BYTES == 64 ? 14 : LAT_VECTOR_BYTES == 32 ? 6 : 4;

// sum (rows, kCols) = a (rows, depth) panel (depth, kCols)
template <i64 rows>
void tile(float* sum, const float* a, i64 k, const float* panel, i64 depth) {
  VecF left[rows] = {}, right[rows] = {};
  for (i64 l = 0; l < depth; ++l) {
    const VecF b_left = load<VecF>(panel + l * kCols);
    const VecF b_right = load<VecF>(panel + l * kCols + kWide);
#pragma GCC unroll 16
    for (i64 i = 0; i < rows; ++i) {
      const VecF a_il = splat<VecF>(a[i * k + l]);
      left[i] = fma(a_il, b_left, left[i]);
      right[i] = fma(a_il, b_right, right[i]);
    }
  }
#pragma GCC unroll 16
  for (i64 i = 0; i < rows; ++i) {
    store(sum + i * kCols, left[i]);
    store(sum + i * kCols + kWide, right[i]);
  }
}

}  // namespace

void gemm_register_tile(Part, float* c, const float* a, const float* b, i64 m, i64 n, i64 k) {
  alignas(64) float panel[kChunk * kCols], sum[kRows * kCols];
  for (i64 i = 0; i < m * n; ++i) c[i] = 0;
  for (i64 j0 = 0; j0 < n; j0 += kCols) {
    const i64 cols = min_of(kCols, n - j0);
    for (i64 chunk = 0; chunk < k; chunk += kChunk) {
      const i64 depth = min_of(kChunk, k - chunk);
      for (i64 l = 0; l < depth; ++l)
        for (i64 j = 0; j < kCols; ++j)
          panel[l * kCols + j] = j < cols ? b[(chunk + l) * n + j0 + j] : 0.0f;
      for (i64 i = 0; i < m;) {
        const i64 rows = i + kRows <= m ? kRows : 1;
        const float* const a_tile = a + i * k + chunk;
        rows == kRows ? tile<kRows>(sum, a_tile, k, panel, depth)
                      : tile<1>(sum, a_tile, k, panel, depth);
        for (i64 r = 0; r < rows; ++r, ++i)
          for (i64 j = 0; j < cols; ++j) {
            float& to = c[i * n + j0 + j];
            to = chunk == 0 ? sum[r * kCols + j] : to + sum[r * kCols + j];
          }
      }
    }
  }
}

}  // namespace lat::kernels::LAT_ISA
