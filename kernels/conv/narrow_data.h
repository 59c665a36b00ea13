#pragma once
// The data gradient of a convolution with few input channels (C <= 4), with the vector lanes along the pixels of a row.
//
// A band of rows of dx is computed at a time. The rows of dy that it needs are transposed to (p, k, q) in the workspace,
// with +0 around; then a vector of neighbouring pixels of one class is a chain over (p,q,k) of fused multiply-adds of
// contiguous lanes with one broadcast element of the filter. Several rows of the class advance together.
#include "kernels/common/pack.h"
#include "kernels/conv/pixel_class.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kMaxNarrow = 4;          // channels
constexpr i64 kBandRows = 8;           // of each class
constexpr i64 kNarrowSpace = 1 << 20;  // bytes of workspace worth having

// The rows of dy for one band: element (p,k,q) is at ((p - p_first) K + k) line + q - q_first.
struct Band {
  i64 h0, h1;            // rows of dx
  i64 p_first, p_count;  // rows of dy, inside it or not
  i64 q_first, line;
};

template <class T>
Band band_of(i64 h0, i64 h1, i64 H, i64 W, i64 R, i64 S, i64 stride, i64 pad) {
  Band band{h0, h1, 0, 0, 0, 0};
  i64 p_end = 0, q_end = 0;
  bool any = false;
  for (i64 parity = 0; parity < stride; ++parity) {
    const PixelClass h = pixel_class(parity, H, R, stride, pad);
    const PixelClass w = pixel_class(parity, W, S, stride, pad);
    const i64 p0 = h.origin + h.at_or_after(h0), p1 = h.origin + h.at_or_after(h1) + h.taps;
    const i64 q0 = w.origin, q1 = q0 + ceil_div(w.count, kWidth<Vec<T>>) * kWidth<Vec<T>> + w.taps;
    band.p_first = any ? min_of(band.p_first, p0) : p0;
    band.q_first = any ? min_of(band.q_first, q0) : q0;
    p_end = any ? max_of(p_end, p1) : p1;
    q_end = any ? max_of(q_end, q1) : q1;
    any = true;
  }
  band.p_count = p_end - band.p_first;
  band.line = q_end - band.q_first;
  return band;
}

// sum (G,C vectors): G rows of one class, one vector of pixels, C channels. x[g]: dy's (first p, k = 0, first q) of row g.
// A function of its own, so that the accumulators have the registers for themselves.
template <class T, i64 C, i64 G>
__attribute__((noinline)) void narrow_tile(T* sum, const T* const* x, i64 line, i64 K, const T* f,
                                           i64 S, i64 stride, const PixelClass& h,
                                           const PixelClass& w) {
  using V = Vec<T>;
  constexpr i64 width = kWidth<V>;
  const i64 n = h.taps * w.taps * K;
  i64 chunk = 0;
  do {
    V acc[G][C];
#pragma GCC unroll 8
    for (i64 g = 0; g < G; ++g)
#pragma GCC unroll 8
      for (i64 c = 0; c < C; ++c) acc[g][c] = V{};
    const i64 end = min_of(chunk + kChunk, n);
    for (i64 i = chunk; i < end;) {
      const i64 tap = i / K, t = tap / w.taps, u = tap % w.taps, k0 = i % K;
      const i64 k1 = min_of(K, k0 + end - i);
      const T* f_k = f + ((h.last - stride * t) * S + w.last - stride * u) * C * K + k0;
      const T* row[G];
#pragma GCC unroll 8
      for (i64 g = 0; g < G; ++g) row[g] = x[g] + (t * K + k0) * line + u;
      i64 at = 0;
      for (i64 k = k0; k < k1; ++k, ++f_k, at += line) {
        V f_c[C];
#pragma GCC unroll 8
        for (i64 c = 0; c < C; ++c) f_c[c] = broadcast<V>(f_k[c * K]);
#pragma GCC unroll 8
        for (i64 g = 0; g < G; ++g) {
          const V x_k = load<V>(row[g] + at);
#pragma GCC unroll 8
          for (i64 c = 0; c < C; ++c) acc[g][c] = fma(x_k, f_c[c], acc[g][c]);
        }
      }
      i += k1 - k0;
    }
#pragma GCC unroll 8
    for (i64 g = 0; g < G; ++g)
#pragma GCC unroll 8
      for (i64 c = 0; c < C; ++c) {
        T* const total = sum + (g * C + c) * width;
        store(total, chunk == 0 ? acc[g][c] : load<V>(total) + acc[g][c]);
      }
    chunk += kChunk;
  } while (chunk < n);
}

template <class T, i64 C>
void narrow_band(const Band& band, T* dx, const T* dy, const T* f, const T* bias, i64 H, i64 W,
                 i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act, T* workspace) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>;
  constexpr i64 G = C == 1 ? 8 : C == 2 ? 4 : 2;
  const i64 q0 = max_of(band.q_first, 0), q1 = max_of(min_of(band.q_first + band.line, Q), q0);
  for (i64 i = 0; i < band.p_count; ++i) {
    T* const rows = workspace + i * K * band.line;
    const i64 p = band.p_first + i;
    const bool inside = 0 <= p && p < P && q0 < q1;
    const i64 before = inside ? q0 - band.q_first : band.line;
    const i64 after = inside ? q1 - band.q_first : band.line;
    for (i64 k = 0; k < K; ++k) {
      for (i64 q = 0; q < before; ++q) rows[k * band.line + q] = 0;
      for (i64 q = after; q < band.line; ++q) rows[k * band.line + q] = 0;
    }
    if (inside) transpose(rows + before, band.line, dy + (p * Q + q0) * K, K, q1 - q0, K);
  }
  for (i64 parity = 0; parity < stride * stride; ++parity) {
    const PixelClass rows = pixel_class(parity / stride, H, R, stride, pad);
    const PixelClass cols = pixel_class(parity % stride, W, S, stride, pad);
    const i64 j1 = rows.at_or_after(band.h1);
    for (i64 j = rows.at_or_after(band.h0); j < j1; j += G)
      for (i64 v = 0; v < cols.count; v += w) {
        const T* x[G];
        for (i64 g = 0; g < G; ++g)
          x[g] = workspace + (rows.origin + min_of(j + g, j1 - 1) - band.p_first) * K * band.line +
                 cols.origin + v - band.q_first;
        alignas(64) T sum[G * C * w];
        narrow_tile<T, C, G>(sum, x, band.line, K, f, S, stride, rows, cols);
        for (i64 g = 0; g < min_of(G, j1 - j); ++g) {
          T* const out = dx + ((rows.first + (j + g) * stride) * W + cols.first + v * stride) * C;
          for (i64 c = 0; c < C; ++c) {
            V y = load<V>(sum + (g * C + c) * w);
            if (bias) y = y + broadcast<V>(bias[c]);
            y = activate(y, act);
            T* const lanes = sum + (g * C + c) * w;
            store(lanes, y);
            const i64 n = min_of(w, cols.count - v);
            for (i64 l = 0; l < n; ++l) out[l * stride * C + c] = lanes[l];
          }
        }
      }
  }
}

}  // namespace lat::kernels::LAT_ISA
