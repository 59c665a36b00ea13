#pragma once
// What the rungs of the convolution share: gathering patches, and the passes that a fused kernel does not need.
#include "kernels/common/map.h"
#include "kernels/common/math.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kPatchBlock = 112;  // patches that stay in the cache; whole register tiles

// to (n, R S C) = the patches of the outputs first, first + 1, ... of all B P Q; for one r a patch is a run of x.
LAT_INLINE void gather_patches(float* to, const ConvCall& z, i64 first, i64 n) {
  const i64 run = z.S * z.C, line = z.W * z.C;
  for (i64 o = first; o < first + n; ++o) {
    const i64 q = o % z.Q, p = o / z.Q % z.P, b = o / (z.Q * z.P);
    const i64 at = (q * z.stride - z.pad) * z.C;  // of the run in its line
    for (i64 r = 0; r < z.R; ++r, to += run) {
      const i64 h = p * z.stride + r - z.pad;
      const i64 begin = h < 0 || h >= z.H ? run : min_of(run, max_of(0, -at));
      const i64 end = max_of(begin, min_of(run, line - at));
      const float* const from = z.x + (b * z.H + h) * line + at;
      for (i64 i = 0; i < begin; ++i) to[i] = 0;
      map<float>({begin, end},
                 [&](auto in, i64 i) LAT_FLAT { in.store(to + i, in.load(from + i)); });
      for (i64 i = end; i < run; ++i) to[i] = 0;
    }
  }
}

// y = y + bias, then y = relu(y): two passes over y.
LAT_INLINE void bias_and_relu_passes(const ConvCall& z) {
  const i64 rows = z.B * z.P * z.Q;
  for (i64 r = 0; z.bias && r < rows; ++r)
    map<float>({0, z.K}, [&](auto in, i64 k) LAT_FLAT {
      float* const y = z.y + r * z.K + k;
      in.store(y, in.load(y) + in.load(z.bias + k));
    });
  if (z.act == 1)
    map<float>({0, rows * z.K},
               [&](auto in, i64 i) LAT_FLAT { in.store(z.y + i, m::relu(in.load(z.y + i))); });
}

}  // namespace lat::kernels::LAT_ISA
