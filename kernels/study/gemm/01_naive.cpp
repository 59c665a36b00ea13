// Three loops, as the specification says it: one dot product an element of c, which reads b down a column.
//
// Each element is one chain of fused multiply-adds, so an addition waits for the one before (4 cycles), and each step
// down the column touches another line of the cache.
#include "kernels/common/chain.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void gemm_naive(Part, float* c, const float* a, const float* b, i64 m, i64 n, i64 k) {
  for (i64 i = 0; i < m; ++i)
    for (i64 j = 0; j < n; ++j)
      c[i * n + j] = sum_of_products<float>(
          k, nullptr, [&](i64 l, float acc) { return fma(a[i * k + l], b[l * n + j], acc); });
}

}  // namespace lat::kernels::LAT_ISA
