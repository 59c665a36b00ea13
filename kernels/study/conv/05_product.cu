// The product's kernel, the same idea on any layer: 8 x 8 outputs a thread, read from shared memory
// four at a time; tiles as large as the layer keeps the device busy with; indices that are counted
// up instead of divided; and where tiles are few, the chunks of a sum in blocks of their own.
#include "kernels/common/cuda.h"

#include "kernels/conv/conv.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void conv_product(Part stream, const ConvCall& z) {
  conv2d<float>(stream, z.y, z.x, z.f, z.bias, z.B, z.H, z.W, z.C, z.K, z.R, z.S, z.P, z.Q,
                z.stride, z.pad, z.act);
}

}  // namespace lat::kernels::LAT_ISA
