#pragma once
// Convolutions as plain loops. The order of the additions is that of sum_of_products over one flat index.
#include "kernels/common/activate.h"
#include "kernels/common/chain.h"

namespace lat::kernels::spec {

// x[b,h,w,c] of a (.,H,W,C) tensor with a border of +0.
template <class T>
T padded(const T* x, i64 b, i64 h, i64 w, i64 c, i64 H, i64 W, i64 C) {
  const bool inside = 0 <= h && h < H && 0 <= w && w < W;
  return inside ? x[((b * H + h) * W + w) * C + c] : T(0);
}

template <class T>
void conv2d(T* y, const T* x, const T* f, const T* bias, i64 B, i64 H, i64 W, i64 C, i64 K, i64 R,
            i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act) {
  for (i64 b = 0; b < B; ++b)
    for (i64 p = 0; p < P; ++p)
      for (i64 q = 0; q < Q; ++q)
        for (i64 k = 0; k < K; ++k) {
          T v = sum_of_products<T>(R * S * C, nullptr, [&](i64 i, T acc) {  // i = (r S + s) C + c
            const i64 r = i / (S * C), s = i / C % S, c = i % C;
            const T x_i = padded(x, b, p * stride + r - pad, q * stride + s - pad, c, H, W, C);
            return fma(x_i, f[i * K + k], acc);
          });
          if (bias) v = v + bias[k];
          y[((b * P + p) * Q + q) * K + k] = activate(v, act);
        }
}

// The filter rows that reach one row of dx: those r with p * stride + r - pad == h for an integer p (inside dy or
// not), counted by ascending p, that is by descending r. The same serves columns.
struct Reach {
  i64 last;   // the largest such r, which belongs to the smallest p
  i64 first;  // that p; it may lie outside dy
  i64 count;  // r = last - stride * t reaches p = first + t, for t = 0 ... count - 1
};
inline Reach reach(i64 h, i64 taps, i64 stride, i64 pad) {
  const i64 parity = (h + pad) % stride;
  if (parity >= taps) return {0, 0, 0};
  const i64 last = parity + (taps - 1 - parity) / stride * stride;
  return {last, (h + pad - last) / stride, last / stride + 1};
}

template <class T>
void conv2d_data(T* dx, const T* dy, const T* f, const T* bias, i64 B, i64 H, i64 W, i64 C, i64 K,
                 i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act) {
  for (i64 b = 0; b < B; ++b)
    for (i64 h = 0; h < H; ++h)
      for (i64 w = 0; w < W; ++w)
        for (i64 c = 0; c < C; ++c) {
          const Reach rows = reach(h, R, stride, pad), cols = reach(w, S, stride, pad);
          const i64 n = rows.count * cols.count * K;
          T v = sum_of_products<T>(n, nullptr, [&](i64 i, T acc) {  // i = (t cols.count + u) K + k
            const i64 t = i / (cols.count * K), u = i / K % cols.count, k = i % K;
            const i64 r = rows.last - stride * t, s = cols.last - stride * u;
            const T dy_i = padded(dy, b, rows.first + t, cols.first + u, k, P, Q, K);
            return fma(dy_i, f[((r * S + s) * C + c) * K + k], acc);
          });
          if (bias) v = v + bias[c];
          dx[((b * H + h) * W + w) * C + c] = activate(v, act);
        }
}

// df[r,s,c,k], summed onto *start.
template <class T>
T conv2d_filter_element(const T* start, const T* x, const T* dy, i64 r, i64 s, i64 c, i64 k, i64 B,
                        i64 H, i64 W, i64 C, i64 K, i64 P, i64 Q, i64 stride, i64 pad) {
  return sum_of_products<T>(B * P * Q, start, [&](i64 i, T acc) {  // i = (b P + p) Q + q
    const i64 b = i / (P * Q), p = i / Q % P, q = i % Q;
    const T x_i = padded(x, b, p * stride + r - pad, q * stride + s - pad, c, H, W, C);
    return fma(x_i, dy[i * K + k], acc);
  });
}

template <class T>
void conv2d_filter(T* df, const T* x, const T* dy, i64 B, i64 H, i64 W, i64 C, i64 K, i64 R, i64 S,
                   i64 P, i64 Q, i64 stride, i64 pad) {
  for (i64 r = 0; r < R; ++r)
    for (i64 s = 0; s < S; ++s)
      for (i64 c = 0; c < C; ++c)
        for (i64 k = 0; k < K; ++k)
          df[((r * S + s) * C + c) * K + k] = conv2d_filter_element<T>(
              nullptr, x, dy, r, s, c, k, B, H, W, C, K, P, Q, stride, pad);
}

template <class T>
void conv2d_filter_into(InOut<T> df, InOut<T> dbias, const T* x, const T* dy, i64 B, i64 H, i64 W,
                        i64 C, i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad) {
  for (i64 r = 0; r < R; ++r)
    for (i64 s = 0; s < S; ++s)
      for (i64 c = 0; c < C; ++c)
        for (i64 k = 0; k < K; ++k) {
          T* const df_i = df.p + ((r * S + s) * C + c) * K + k;
          *df_i =
              conv2d_filter_element<T>(df_i, x, dy, r, s, c, k, B, H, W, C, K, P, Q, stride, pad);
        }
  for (i64 k = 0; dbias.p && k < K; ++k)
    dbias.p[k] = sum_of_products<T>(B * P * Q, dbias.p + k,
                                    [&](i64 i, T acc) { return acc + dy[i * K + k]; });
}

}  // namespace lat::kernels::spec
