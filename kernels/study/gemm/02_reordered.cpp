// The loop over columns goes inside: a row of b times one element of a is added onto a row of sums.
//
// Reads run along rows, and neighbouring columns are chains of their own, so no addition waits for another. In
// exchange every sum is read and written at each step. A chunk of k after the first is summed apart, in the
// workspace (n floats), and then added, as the fixed order asks.
#include "kernels/common/chain.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void gemm_reordered(Part part, float* c, const float* a, const float* b, i64 m, i64 n, i64 k) {
  float* const apart = static_cast<float*>(part.workspace);
  for (i64 i = 0; i < m; ++i, c += n) {
    for (i64 j = 0; j < n; ++j) c[j] = 0;
    for (i64 chunk = 0; chunk < k; chunk += kChunk) {
      float* const sum = chunk == 0 ? c : apart;
      for (i64 j = 0; j < n; ++j) sum[j] = 0;
      for (i64 l = chunk; l < min_of(chunk + kChunk, k); ++l) {
        const float a_il = a[i * k + l];
        for (i64 j = 0; j < n; ++j) sum[j] = fma(a_il, b[l * n + j], sum[j]);
      }
      if (chunk > 0)
        for (i64 j = 0; j < n; ++j) c[j] += sum[j];
    }
  }
}

}  // namespace lat::kernels::LAT_ISA
