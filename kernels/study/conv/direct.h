#pragma once
// The direct convolution of rungs 04 and 05. No patch is gathered: a tile of outputs of one line times two vectors of
// filters sits in registers and reads the image, framed with +0, where it lies.
#include "kernels/study/conv/patches.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kDirectCols = 2 * kWidth<VecF>;
constexpr i64 kDirectRows = LAT_VECTOR_BYTES == 64 ? 14 : LAT_VECTOR_BYTES == 32 ? 6 : 4;

// sum (n, kDirectCols) = the taps [begin, end) of n outputs next to each other. x: the first output's patch, whose rows
// are `line` apart, outputs `step` apart; f (R S C, kDirectCols).
template <i64 n>
LAT_INLINE void direct_tile(float* sum, const float* x, i64 line, i64 step, i64 run, const float* f,
                            i64 begin, i64 end) {
  VecF left[n] = {}, right[n] = {};
  i64 r = begin / run, at = begin % run;
  for (i64 i = begin; i < end; ++r, at = 0) {
    const float* const row = x + r * line;
    for (; at < run && i < end; ++at, ++i) {
      const VecF f_left = load<VecF>(f + i * kDirectCols);
      const VecF f_right = load<VecF>(f + i * kDirectCols + kWidth<VecF>);
#pragma GCC unroll 16
      for (i64 o = 0; o < n; ++o) {
        const VecF x_i = splat<VecF>(row[o * step + at]);
        left[o] = fma(x_i, f_left, left[o]);
        right[o] = fma(x_i, f_right, right[o]);
      }
    }
  }
#pragma GCC unroll 16
  for (i64 o = 0; o < n; ++o) {
    store(sum + o * kDirectCols, left[o]);
    store(sum + o * kDirectCols + kWidth<VecF>, right[o]);
  }
}

// Floats of workspace: a framed image and one panel of filters.
LAT_INLINE i64 direct_workspace(const ConvCall& z) {
  return (z.H + 2 * z.pad) * (z.W + 2 * z.pad) * z.C + z.R * z.S * z.C * kDirectCols;
}

// finish(k, sum): what becomes of a finished sum of filter k before it is stored.
template <class Finish>
LAT_INLINE void direct_convolution(Part part, const ConvCall& z, Finish&& finish) {
  const i64 run = z.S * z.C, taps = z.R * run, line = (z.W + 2 * z.pad) * z.C,
            step = z.stride * z.C;
  float* const framed = static_cast<float*>(part.workspace);
  float* const panel = framed + (z.H + 2 * z.pad) * line;
  for (i64 i = 0; i < (z.H + 2 * z.pad) * line; ++i) framed[i] = 0;
  alignas(64) float sum[kDirectRows * kDirectCols];
  for (i64 k0 = 0; k0 < z.K; k0 += kDirectCols) {
    const i64 cols = min_of(kDirectCols, z.K - k0);
    for (i64 i = 0; i < taps; ++i)
      for (i64 k = 0; k < kDirectCols; ++k)
        panel[i * kDirectCols + k] = k < cols ? z.f[i * z.K + k0 + k] : 0.0f;
    for (i64 b = 0; b < z.B; ++b) {
      for (i64 h = 0; h < z.H; ++h) {
        float* const to = framed + (h + z.pad) * line + z.pad * z.C;
        const float* const from = z.x + (b * z.H + h) * z.W * z.C;
        map<float>({0, z.W * z.C},
                   [&](auto in, i64 i) LAT_FLAT { in.store(to + i, in.load(from + i)); });
      }
      for (i64 p = 0; p < z.P; ++p)
        for (i64 q = 0; q < z.Q;) {
          const i64 n = q + kDirectRows <= z.Q ? kDirectRows : q + 2 <= z.Q ? 2 : 1;
          const float* const x = framed + p * z.stride * line + q * step;
          float* const y = z.y + ((b * z.P + p) * z.Q + q) * z.K + k0;
          for (i64 chunk = 0; chunk < taps; chunk += kChunk) {
            const i64 end = min_of(taps, chunk + kChunk);
            if (n == kDirectRows)
              direct_tile<kDirectRows>(sum, x, line, step, run, panel, chunk, end);
            else if (n == 2)
              direct_tile<2>(sum, x, line, step, run, panel, chunk, end);
            else
              direct_tile<1>(sum, x, line, step, run, panel, chunk, end);
            for (i64 o = 0; o < n; ++o)
              map<float>({0, cols}, [&](auto in, i64 k) LAT_FLAT {
                VecF total = in.load(sum + o * kDirectCols + k);
                if (chunk > 0) total = in.load(y + o * z.K + k) + total;
                in.store(y + o * z.K + k, end == taps ? finish(in, k0 + k, total) : total);
              });
          }
          q += n;
        }
    }
  }
}

}  // namespace lat::kernels::LAT_ISA
