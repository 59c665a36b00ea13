// The block of b is copied once into a panel whose rows follow each other, filled up with +0 to 64 columns.
//
// In b the rows of a block lie n floats apart: a new page of memory every few, and where n is a power of two, the same
// few places of the cache. In the panel they are one run, and the width is a constant at the edge too.
#include "kernels/common/chain.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void gemm_packed(Part, float* c, const float* a, const float* b, i64 m, i64 n, i64 k) {
  constexpr i64 kCols = 64;
  alignas(64) float panel[kChunk * kCols];
  for (i64 i = 0; i < m * n; ++i) c[i] = 0;
  for (i64 j0 = 0; j0 < n; j0 += kCols) {
    const i64 cols = min_of(kCols, n - j0);
    for (i64 chunk = 0; chunk < k; chunk += kChunk) {
      const i64 depth = min_of(kChunk, k - chunk);
      for (i64 l = 0; l < depth; ++l)
        for (i64 j = 0; j < kCols; ++j)
          panel[l * kCols + j] = j < cols ? b[(chunk + l) * n + j0 + j] : 0.0f;
      for (i64 i = 0; i < m; ++i) {
        alignas(64) float sum[kCols] = {};
        for (i64 l = 0; l < depth; ++l)
          for (i64 j = 0; j < kCols; ++j)
            sum[j] = fma(a[i * k + chunk + l], panel[l * kCols + j], sum[j]);
        for (i64 j = 0; j < cols; ++j)
          c[i * n + j0 + j] = chunk == 0 ? sum[j] : c[i * n + j0 + j] + sum[j];
      }
    }
  }
}

}  // namespace lat::kernels::LAT_ISA
