// The same loops over blocks of 64 columns and one chunk of k, rows inside: a block of b (512 x 64 floats, 128 KiB) is
// read again for every row of a while it lies in the second-level cache, and the 64 sums of a row lie in the first.
//
// A whole block's width is a number that the compiler knows, and no sum depends on another: it may use vectors.
#include "kernels/common/chain.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {
namespace {

// sum += a row
LAT_INLINE void add(float* sum, float a, const float* row, i64 n) {
  for (i64 j = 0; j < n; ++j) sum[j] = fma(a, row[j], sum[j]);
}

}  // namespace

void gemm_tiled(Part, float* c, const float* a, const float* b, i64 m, i64 n, i64 k) {
  constexpr i64 kCols = 64;
  for (i64 i = 0; i < m * n; ++i) c[i] = 0;
  for (i64 j0 = 0; j0 < n; j0 += kCols) {
    const i64 cols = min_of(kCols, n - j0);
    for (i64 chunk = 0; chunk < k; chunk += kChunk)
      for (i64 i = 0; i < m; ++i) {
        alignas(64) float sum[kCols] = {};
        for (i64 l = chunk; l < min_of(chunk + kChunk, k); ++l) {
          const float a_il = a[i * k + l];
          const float* const row = b + l * n + j0;
          cols == kCols ? add(sum, a_il, row, kCols) : add(sum, a_il, row, cols);
        }
        for (i64 j = 0; j < cols; ++j)
          c[i * n + j0 + j] = chunk == 0 ? sum[j] : c[i * n + j0 + j] + sum[j];
      }
  }
}

}  // namespace lat::kernels::LAT_ISA
