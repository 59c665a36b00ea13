// The 64 sums of a row are written as vectors that stay in registers for a whole chunk of k.
//
// Per step: one element of a is broadcast, the panel's row is loaded, and every vector of sums gets one fused
// multiply-add. The sums are no longer loaded and stored, but each fma still needs a load of its own: half of what the
// machine can do where it loads as many vectors a cycle as it multiplies.
#include "kernels/common/vec.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void gemm_vector(Part, float* c, const float* a, const float* b, i64 m, i64 n, i64 k) {
  constexpr i64 w = kWidth<VecF>, kCols = 64, kVectors = kCols / w;
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
        VecF sum[kVectors] = {};
        for (i64 l = 0; l < depth; ++l) {
          const VecF a_il = splat<VecF>(a[i * k + chunk + l]);
#pragma GCC unroll 16
          for (i64 v = 0; v < kVectors; ++v)
            sum[v] = fma(a_il, load<VecF>(panel + l * kCols + v * w), sum[v]);
        }
        alignas(64) float row[kCols];
#pragma GCC unroll 16
        for (i64 v = 0; v < kVectors; ++v) store(row + v * w, sum[v]);
        for (i64 j = 0; j < cols; ++j)
          c[i * n + j0 + j] = chunk == 0 ? row[j] : c[i * n + j0 + j] + row[j];
      }
    }
  }
}

}  // namespace lat::kernels::LAT_ISA
