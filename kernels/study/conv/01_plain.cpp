// The specification: seven loops, a test for the border at every tap, then a pass for the bias and a pass for relu.
//
// One chain of fused multiply-adds an output, each waiting for the one before, and more arithmetic on indices than on
// numbers.
#include "kernels/common/chain.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void conv_plain(Part, const ConvCall& z) {
  float* y = z.y;
  for (i64 b = 0; b < z.B; ++b)
    for (i64 p = 0; p < z.P; ++p)
      for (i64 q = 0; q < z.Q; ++q)
        for (i64 k = 0; k < z.K; ++k)
          *y++ = sum_of_products<float>(z.R * z.S * z.C, nullptr, [&](i64 i, float acc) {
            const i64 r = i / (z.S * z.C), s = i / z.C % z.S, c = i % z.C;
            const i64 h = p * z.stride + r - z.pad, w = q * z.stride + s - z.pad;
            const bool inside = 0 <= h && h < z.H && 0 <= w && w < z.W;
            const float x = inside ? z.x[((b * z.H + h) * z.W + w) * z.C + c] : 0.0f;
            return fma(x, z.f[i * z.K + k], acc);
          });
  const i64 n = z.B * z.P * z.Q * z.K;
  for (i64 i = 0; z.bias && i < n; ++i) z.y[i] += z.bias[i % z.K];
  for (i64 i = 0; z.act == 1 && i < n; ++i) z.y[i] = z.y[i] < 0 ? 0.0f : z.y[i];
}

}  // namespace lat::kernels::LAT_ISA
