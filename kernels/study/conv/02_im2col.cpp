// Every patch of the image becomes a row of a matrix in memory; the convolution is then one matrix product.
//
// The product runs at its full speed, but each pixel was copied R S / stride^2 times: the patch matrix is written to
// memory and read again, and it is the largest array of the whole layer.
#include "kernels/matmul/matmul.h"
#include "kernels/study/conv/patches.h"

namespace lat::kernels::LAT_ISA {

void conv_im2col(Part part, const ConvCall& z) {
  const i64 rows = z.B * z.P * z.Q, depth = z.R * z.S * z.C;
  const Plan plan = matmul_plan<float>(z.y, z.x, z.f, 1, rows, z.K, depth, 0);
  float* const patches = static_cast<float*>(part.workspace) + plan.workspace / 4;
  gather_patches(patches, z, 0, rows);
  matmul<float>({0, 1, part.workspace}, z.y, patches, z.f, 1, rows, z.K, depth, 0);
  bias_and_relu_passes(z);
}

}  // namespace lat::kernels::LAT_ISA
