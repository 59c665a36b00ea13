#pragma once
// The data gradient of a convolution with few input channels, with the vector lanes along the pixels of a row.
//
// The pixels of dx fall into stride x stride classes, and pixel number (j,i) of every class needs dy near (j,i). So a
// tile is, for all classes and channels, a few rows j and one vector of pixels i. It visits the positions of dy that any
// class needs, row by row; at each, one vector of dy, transposed to (p,k,q) beforehand, meets broadcast elements of the
// filter for all outputs that have a tap there. Every output sees its taps in the fixed order, so it is the one chain
// over (p,q,k); it waits in memory between positions, which is exact.
#include "kernels/common/pack.h"
#include "kernels/conv/pixel_class.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kMaxNarrow = 4;    // channels
constexpr i64 kMaxOutputs = 16;  // channels of all classes together
constexpr i64 kMaxTaps = 256;    // elements of the filter for one k
constexpr i64 kBandRows = 32;    // rows of each class that share transposed dy
constexpr i64 kNarrowRows = 4;   // of a tile
constexpr i64 kNarrowTaps = LAT_VECTOR_BYTES == 64 ? 4 : 2;  // that share a vector of dy
constexpr i64 kNarrowSpace = 512 << 10;                      // bytes of workspace worth having

// The positions (p,q) of dy that the pixels of one class number j need, and of all: p = origin + j, + 1, ...
struct Span {
  i64 origin, length, count;  // count: pixels of the largest class

  static Span of(i64 size, i64 taps, i64 stride, i64 pad) {
    Span span{0, 0, 0};
    i64 end = 0;
    bool any = false;
    for (i64 parity = 0; parity < stride; ++parity) {
      const PixelClass c = pixel_class(parity, size, taps, stride, pad);
      span.count = max_of(span.count, c.count);
      if (c.taps == 0) continue;
      span.origin = any ? min_of(span.origin, c.origin) : c.origin;
      end = any ? max_of(end, c.origin + c.taps) : c.origin + c.taps;
      any = true;
    }
    span.length = end - span.origin;
    return span;
  }
};

// One output of a tile at one position: its filter elements f[k], and the number of its term with k = 0.
template <class T>
struct NarrowTap {
  T* acc;  // kNarrowRows vectors
  const T* f;
  i64 term;
};

// acc[n][g] += sum over k of x[g][k * line] f[n][k], the chains going on.
template <class T, i64 N>
__attribute__((noinline)) void narrow_terms(const NarrowTap<T>* taps, i64 k0, i64 k1,
                                            const T* const* x, i64 line) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>, G = kNarrowRows;
  V acc[N][G];
  const T* f[N];
  const T* row[G];
#pragma GCC unroll 8
  for (i64 n = 0; n < N; ++n) {
    f[n] = taps[n].f + k0;
#pragma GCC unroll 8
    for (i64 g = 0; g < G; ++g) acc[n][g] = load<V>(taps[n].acc + g * w);
  }
#pragma GCC unroll 8
  for (i64 g = 0; g < G; ++g) row[g] = x[g] + k0 * line;
  for (i64 k = 0, at = 0; k < k1 - k0; ++k, at += line) {
    V f_k[N];
#pragma GCC unroll 8
    for (i64 n = 0; n < N; ++n) f_k[n] = broadcast<V>(f[n][k]);
#pragma GCC unroll 8
    for (i64 g = 0; g < G; ++g) {
      V x_k = load<V>(row[g] + at);
#if defined(__x86_64__)
      asm("" : "+v"(x_k));  // loaded once, not by each of its uses
#endif
#pragma GCC unroll 8
      for (i64 n = 0; n < N; ++n) acc[n][g] = fma(x_k, f_k[n], acc[n][g]);
    }
  }
#pragma GCC unroll 8
  for (i64 n = 0; n < N; ++n)
#pragma GCC unroll 8
    for (i64 g = 0; g < G; ++g) store(taps[n].acc + g * w, acc[n][g]);
}

// The same for any number of taps, which end a chunk wherever their own count of terms says so.
template <class T>
void narrow_position(const NarrowTap<T>* taps, i64 count, i64 K, const T* const* x, i64 line,
                     T* acc, T* total) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>, G = kNarrowRows;
  constexpr decltype(&narrow_terms<T, 1>) kTerms[] = {&narrow_terms<T, 1>, &narrow_terms<T, 2>,
                                                      &narrow_terms<T, 3>, &narrow_terms<T, 4>};
  const i64 groups = ceil_div(count, kNarrowTaps);
  for (i64 group = 0; group < groups; ++group) {
    const i64 first = count * group / groups, n = count * (group + 1) / groups - first;
    for (i64 k0 = 0; k0 < K;) {
      i64 k1 = K;
      for (i64 i = first; i < first + n; ++i)
        k1 = min_of(k1, k0 + kChunk - (taps[i].term + k0) % kChunk);
      kTerms[n - 1](taps + first, k0, k1, x, line);
      k0 = k1;
      for (i64 i = first; i < first + n; ++i) {
        const i64 done = taps[i].term + k1;
        if (done % kChunk != 0) continue;
        T* const a = taps[i].acc;
        T* const t = total + (a - acc);
        for (i64 g = 0; g < G; ++g) {
          const V sum = load<V>(a + g * w);
          store(t + g * w, done == kChunk ? sum : load<V>(t + g * w) + sum);
          store(a + g * w, V{});
        }
      }
    }
  }
}

// dst (rows of n elements, `step` apart) = +0
template <class T>
LAT_INLINE void zero_columns(T* dst, i64 step, i64 rows, i64 n) {
  using V = Vec<T>;
  for (i64 q = 0; q < n; q += kWidth<V>) {
    const Tail<V> tail(min_of(kWidth<V>, n - q));
    for (i64 k = 0; k < rows; ++k) tail.store(dst + k * step + q, V{});
  }
}

struct Narrow {
  i64 H, W, C, K, R, S, P, Q, stride, pad;
};

// Elements of one line of transposed dy, and the lines of a band.
template <class T>
i64 narrow_line(const Span& cols) {
  return ceil_div(cols.count, kWidth<Vec<T>>) * kWidth<Vec<T>> + cols.length;
}
template <class T>
i64 narrow_workspace(const Narrow& n) {  // elements
  const Span rows = Span::of(n.H, n.R, n.stride, n.pad), cols = Span::of(n.W, n.S, n.stride, n.pad);
  const i64 band = ceil_div(min_of(rows.count, kBandRows), kNarrowRows) * kNarrowRows;
  return (band + rows.length) * n.K * narrow_line<T>(cols);
}

// Rows [j0, j0 + kBandRows) of every class of one image.
template <class T>
void narrow_band(const Narrow& n, i64 j0, T* dx, const T* dy, const T* f, const T* bias, i64 act,
                 T* workspace) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>, G = kNarrowRows;
  const i64 C = n.C, K = n.K, stride = n.stride;
  const Span rows = Span::of(n.H, n.R, stride, n.pad), cols = Span::of(n.W, n.S, stride, n.pad);
  const i64 line = narrow_line<T>(cols);
  const i64 j1 = min_of(j0 + kBandRows, rows.count);
  const i64 q0 = min_of(max_of(cols.origin, 0), n.Q);
  const i64 q1 = max_of(min_of(cols.origin + line, n.Q), q0);
  const i64 lines = ceil_div(j1 - j0, G) * G + rows.length;
  for (i64 i = 0; i < lines; ++i) {
    T* const to = workspace + i * K * line;
    const i64 p = rows.origin + j0 + i;
    const bool inside = 0 <= p && p < n.P && q0 < q1;
    const i64 before = inside ? q0 - cols.origin : line, after = inside ? q1 - cols.origin : line;
    zero_columns(to, line, K, before);
    zero_columns(to + after, line, K, line - after);
    if (inside) transpose(to + before, line, dy + (p * n.Q + q0) * K, K, q1 - q0, K);
  }

  const i64 outputs = stride * stride * C;
  alignas(64) T acc[kMaxOutputs * G * w], total[kMaxOutputs * G * w];
  PixelClass row_class[kMaxOutputs], col_class[kMaxOutputs];
  for (i64 parity = 0; parity < stride; ++parity) {
    row_class[parity] = pixel_class(parity, n.H, n.R, stride, n.pad);
    col_class[parity] = pixel_class(parity, n.W, n.S, stride, n.pad);
  }
  NarrowTap<T> taps[kMaxTaps];  // position after position
  i64 first_tap[kMaxTaps + 1], position_at[kMaxTaps], positions = 0;
  first_tap[0] = 0;
  for (i64 dp = 0; dp < rows.length; ++dp)
    for (i64 dq = 0; dq < cols.length; ++dq) {
      i64 count = first_tap[positions];
      for (i64 o = 0; o < outputs; ++o) {
        const PixelClass& h = row_class[o / C / stride];
        const PixelClass& u = col_class[o / C % stride];
        const i64 t_h = dp + rows.origin - h.origin, t_w = dq + cols.origin - u.origin;
        if (t_h < 0 || t_h >= h.taps || t_w < 0 || t_w >= u.taps) continue;
        const i64 r = h.last - stride * t_h, s = u.last - stride * t_w;
        taps[count++] = {acc + o * G * w, f + ((r * n.S + s) * C + o % C) * K,
                         (t_h * u.taps + t_w) * K};
      }
      if (count == first_tap[positions]) continue;
      position_at[positions++] = dp * K * line + dq;
      first_tap[positions] = count;
    }

  for (i64 j = j0; j < j1; j += G)
    for (i64 v = 0; v < cols.count; v += w) {
      for (i64 i = 0; i < outputs * G * w; i += w) store(acc + i, V{});
      for (i64 i = 0; i < positions; ++i) {
        const T* x[G];
        for (i64 g = 0; g < G; ++g) x[g] = workspace + (j - j0 + g) * K * line + v + position_at[i];
        narrow_position(taps + first_tap[i], first_tap[i + 1] - first_tap[i], K, x, line, acc,
                        total);
      }
      for (i64 o = 0; o < outputs; ++o) {  // what is left of the last chunk, bias, activation
        const PixelClass& h = row_class[o / C / stride];
        const PixelClass& u = col_class[o / C % stride];
        const i64 terms = h.taps * u.taps * K;
        for (i64 g = 0; g < G; ++g) {
          T* const a = acc + (o * G + g) * w;
          V y = load<V>(a);
          if (terms > 0 && terms % kChunk == 0)
            y = load<V>(total + (a - acc));
          else if (terms > kChunk)
            y = load<V>(total + (a - acc)) + y;
          if (bias) y = y + broadcast<V>(bias[o % C]);
          store(a, activate(y, act));
        }
      }
      for (i64 a = 0; a < stride; ++a) {
        const PixelClass& h = row_class[a];
        for (i64 g = 0; g < min_of(G, h.count - j); ++g) {
          T* const out = dx + (h.first + (j + g) * stride) * n.W * C;
          if (stride == 2 && C == 1 && v + w <= min_of(col_class[0].count, col_class[1].count)) {
            constexpr std::make_index_sequence<size_t(w)> lanes{};  // the two classes take turns
            const i64 even = col_class[0].first == 0 ? 0 : 1;
            const V x0 = load<V>(acc + ((a * 2 + even) * G + g) * w);
            const V x1 = load<V>(acc + ((a * 2 + 1 - even) * G + g) * w);
            store(out + v * 2, zip<V, w, 0>(x0, x1, lanes));
            store(out + v * 2 + w, zip<V, w, w / 2>(x0, x1, lanes));
            continue;
          }
          for (i64 b = 0; b < stride; ++b) {
            const PixelClass& u = col_class[b];
            const i64 n_l = min_of(w, u.count - v);
            for (i64 c = 0; c < C; ++c) {
              const T* const lanes = acc + (((a * stride + b) * C + c) * G + g) * w;
              T* const to = out + (u.first + v * stride) * C + c;
              for (i64 l = 0; l < n_l; ++l) to[l * stride * C] = lanes[l];
            }
          }
        }
      }
    }
}

}  // namespace lat::kernels::LAT_ISA
