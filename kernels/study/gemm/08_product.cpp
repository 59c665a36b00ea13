// The product's kernel: b is packed only where it pays and read in place elsewhere, tiles of few rows are wide, a product
// with few columns is turned over, edges are masked, bias and activation are added in registers.
#include "kernels/matmul/matmul.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void gemm_product(Part part, float* c, const float* a, const float* b, i64 m, i64 n, i64 k) {
  matmul<float>(part, c, a, b, 1, m, n, k, 0);
}

}  // namespace lat::kernels::LAT_ISA
