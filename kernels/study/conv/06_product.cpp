// The product's kernel: tiles that cross lines, masked edges, and threads that claim blocks of outputs.
#include "kernels/conv/conv.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void conv_product(Part part, const ConvCall& z) {
  conv2d<float>(part, z.y, z.x, z.f, z.bias, z.B, z.H, z.W, z.C, z.K, z.R, z.S, z.P, z.Q, z.stride,
                z.pad, z.act);
}

}  // namespace lat::kernels::LAT_ISA
