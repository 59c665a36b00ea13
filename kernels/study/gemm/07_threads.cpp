// Rows of c are cut into parts that threads claim one after the other: whoever is free takes the next.
//
// No part waits for another and no sum is shared, so who computes what changes no bit. Each part packs its panels of b
// anew: with R rows a part, one copy for R multiply-adds.
#include "kernels/common/vec.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void gemm_threads(Part part, float* c, const float* a, const float* b, i64 m, i64 n, i64 k) {
  const i64 first = part.begin(m), rows = part.end(m) - first;
  gemm_register_tile({}, c + first * n, a + first * k, b, rows, n, k);
}

}  // namespace lat::kernels::LAT_ISA
