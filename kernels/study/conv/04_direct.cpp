// No patch is copied at all: tiles of 14 outputs (6 on 16 registers) of one line read the image, framed with +0 so that
// no tap asks where the border is, and a panel of two vectors of filters.
//
// Copies fall from R S / stride^2 to one an image. In exchange a tile ends with its line: a line of 16 outputs is a tile
// of 14 and one of 2.
#include "kernels/study/conv/direct.h"

namespace lat::kernels::LAT_ISA {

void conv_direct(Part part, const ConvCall& z) {
  direct_convolution(part, z, [](auto, i64, VecF total) LAT_FLAT { return total; });
  bias_and_relu_passes(z);
}

}  // namespace lat::kernels::LAT_ISA
