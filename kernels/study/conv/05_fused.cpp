// Bias and relu are applied to the sums before they are stored: the two passes over y, a read and a write of all outputs
// each, are gone.
#include "kernels/study/conv/direct.h"

namespace lat::kernels::LAT_ISA {

void conv_fused(Part part, const ConvCall& z) {
  direct_convolution(part, z, [&](auto in, i64 k, VecF total) LAT_FLAT {
    if (z.bias) total = total + in.load(z.bias + k);
    return z.act == 1 ? m::relu(total) : total;
  });
}

}  // namespace lat::kernels::LAT_ISA
