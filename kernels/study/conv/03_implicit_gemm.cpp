// The patch matrix never exists: a few patches at a time are gathered into a buffer that stays in the cache, and meet the
// filter there. The same copies as before, but none of them leaves the second-level cache.
#include "kernels/matmul/matmul.h"
#include "kernels/study/conv/patches.h"

namespace lat::kernels::LAT_ISA {

void conv_implicit_gemm(Part part, const ConvCall& z) {
  const i64 rows = z.B * z.P * z.Q, depth = z.R * z.S * z.C;
  const Plan plan = matmul_plan<float>(z.y, z.x, z.f, 1, kPatchBlock, z.K, depth, 0);
  float* const patches = static_cast<float*>(part.workspace) + plan.workspace / 4;
  for (i64 first = 0; first < rows; first += kPatchBlock) {
    const i64 n = min_of(kPatchBlock, rows - first);
    gather_patches(patches, z, first, n);
    matmul<float>({0, 1, part.workspace}, z.y + first * z.K, patches, z.f, 1, n, z.K, depth, 0);
  }
  bias_and_relu_passes(z);
}

}  // namespace lat::kernels::LAT_ISA
