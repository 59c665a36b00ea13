// Convolutions as implicit matrix products: blocks of the patch matrix are gathered into the workspace and meet the
// register tile of the matrix product.
//
// Mapping: forward, patches (B P Q, R S C) times the filter (R S C, K). Data gradient: for each of the stride x stride
// classes of pixels (h + pad, w + pad) mod stride, patches of dy times the class's taps of the filter, transposed and in
// the order of ascending (p,q,k). Filter gradient: transposed patches times dy. Parts share the rows of the patch matrix
// (forward, data) or the elements of df (filter).
// Numerics: one chain of fused multiply-adds per element and chunk of the flat index, in a register; totals wait in the
// output. Gathering and transposition only move data. Exact order.
#include "kernels/conv/conv.h"

#include "kernels/common/pack.h"
#include "kernels/common/planted.h"
#include "kernels/common/tile.h"
#include "kernels/conv/narrow_data.h"
#include "kernels/conv/patches.h"
#include "kernels/conv/pixel_class.h"

namespace lat::kernels::LAT_ISA {
namespace {

constexpr i64 kGrain = 1 << 19;  // multiply-adds worth a part

constexpr i64 round_up(i64 n, i64 to) { return ceil_div(n, to) * to; }

// Distance between the rows of a gathered block: not a power of two, for the cache's sets.
constexpr i64 row_stride(i64 cols) { return cols % 64 == 0 ? cols + 16 : cols; }

// Patches that wait gathered.
constexpr i64 block_rows(i64 depth) {
  return kTileRows * max_of(2, min_of(32, 1024 / max_of(1, depth)));
}

// Where the outputs of a product over patches go: pixel (b,p,q) is at y + b * image + p * row + q * col.
template <class T>
struct Pixels {
  T* y;
  i64 image, row, col;
};

// Rows [row0,row1) of: out = act(patches filter + bias), with `n` channels out. pack(dst, ldd, k, depth, j, cols) brings
// rows k... and columns j... of the filter to dst; when filter is given it is read at filter[k * n + j] instead.
template <class T, class Pack>
void patches_times_filter(const Patches<T>& x, i64 row0, i64 row1, const T* filter, i64 n,
                          const Pixels<T>& out, const T* bias, i64 act, T* workspace, Pack&& pack) {
  constexpr i64 panel = kTileCols<T>;
  constexpr i64 stripe = 8 * panel;  // columns of the filter that wait packed
  const i64 k = x.cols(), k_block = min_of(k, kChunk);
  const i64 block = block_rows(k_block), lda = row_stride(k_block);
  T* const a = workspace;
  T* const b = a + round_up(block * lda, 16);
  alignas(64) T acc[kTileSize<T>];
  T* pixel[kTileRows];

  for (i64 s0 = 0; s0 < n; s0 += stripe) {
    const i64 s1 = min_of(s0 + stripe, n);
    i64 k0 = 0;
    do {
      const i64 depth = min_of(kChunk, k - k0);
      Finish<T> how{k0 > 0, k0 + depth == k, nullptr, act};
      if (!filter)
        for (i64 j = s0; j < s1; j += panel)
          pack(b + (j - s0) * depth, panel, k0, depth, j, min_of(panel, s1 - j));
      for (i64 r0 = row0; r0 < row1; r0 += block) {
        const i64 r1 = min_of(r0 + block, row1);
        gather(a, lda, x, r0, r1 - r0, k0, depth);
        i64 q = r0 % x.Q, p = r0 / x.Q % x.P, image = r0 / (x.Q * x.P);
        const i64 tiles = ceil_div(r1 - r0, kTileRows);
        for (i64 t = 0; t < tiles; ++t) {
          const i64 i = r0 + (r1 - r0) * t / tiles;
          const i64 rows = r0 + (r1 - r0) * (t + 1) / tiles - i;
          for (i64 l = 0; l < rows; ++l) {
            pixel[l] = out.y + image * out.image + p * out.row + q * out.col;
            if (++q == x.Q) {
              q = 0;
              if (++p == x.P) p = 0, ++image;
            }
          }
          for (i64 j = s0; j < s1; j += panel) {
            const i64 cols = min_of(panel, s1 - j);
            run_tile(acc, a + (i - r0) * lda, lda, false,
                     filter ? filter + k0 * n + j : b + (j - s0) * depth, filter ? n : panel, depth,
                     rows, cols);
            if (bias) how.bias = bias + j;
            finish_tile(acc, rows, cols, how, [&](i64 l) { return pixel[l] + j; });
          }
        }
      }
      k0 += depth;
    } while (k0 < k);
  }
}

template <class T>
i64 patch_workspace(i64 k, i64 n, bool packed) {
  const i64 depth = min_of(k, kChunk);
  i64 elements = round_up(block_rows(depth) * row_stride(depth), 16);
  if (packed) elements += depth * round_up(min_of(n, 8 * kTileCols<T>), kTileCols<T>);
  return round_up(elements * i64(sizeof(T)), 64);
}

// ---- forward -------------------------------------------------------------------------------------------------------

// A filter of one panel is read in place.
template <class T>
bool packs_filter(i64 K) {
  return K > kTileCols<T>;
}

}  // namespace

template <class T>
void conv2d(Part part, T* y, const T* x, const T* f, const T* bias, i64 B, i64 H, i64 W, i64 C,
            i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act) {
  if (planted(Bug::conv_padding)) ++pad;
  const Patches<T> patches{x, B, H, W, C, R, S, P, Q, stride, pad, pad};
  const i64 n = patches.rows();
  patches_times_filter(patches, part.begin(n), part.end(n), packs_filter<T>(K) ? nullptr : f, K,
                       Pixels<T>{y, P * Q * K, Q * K, K}, bias, act,
                       static_cast<T*>(part.workspace),
                       [&](T* dst, i64 ldd, i64 k, i64 depth, i64 j, i64 cols) {
                         copy_panel(dst, ldd, f + k * K + j, K, depth, cols);
                       });
}

template <class T>
Plan conv2d_plan(T*, const T*, const T*, const T*, i64 B, i64, i64, i64 C, i64 K, i64 R, i64 S,
                 i64 P, i64 Q, i64, i64, i64) {
  Plan plan = share(B * P * Q * K * (R * S * C + 8), kGrain, B * P * Q / (8 * kTileRows));
  plan.workspace = patch_workspace<T>(R * S * C, K, packs_filter<T>(K));
  return plan;
}

// ---- data gradient -------------------------------------------------------------------------------------------------

namespace {

// Few channels leave most lanes of a tile idle: then the lanes run along the pixels.
template <class T>
i64 narrow_workspace(i64 H, i64 W, i64 K, i64 R, i64 S, i64 stride, i64 pad) {
  const Band band = band_of<T>(0, min_of(H, kBandRows * stride), H, W, R, S, stride, pad);
  return (band.p_count + 1) * K * band.line * i64(sizeof(T));  // later bands may need one row more
}
template <class T>
bool is_narrow(i64 H, i64 W, i64 C, i64 K, i64 R, i64 S, i64 stride, i64 pad) {
  return 0 < C && C <= kMaxNarrow && W >= stride * kWidth<Vec<T>> / 2 &&
         narrow_workspace<T>(H, W, K, R, S, stride, pad) <= kNarrowSpace;
}

template <class T>
void narrow_data(Part part, T* dx, const T* dy, const T* f, const T* bias, i64 B, i64 H, i64 W,
                 i64 C, i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act) {
  constexpr decltype(&narrow_band<T, 1>) kBands[] = {&narrow_band<T, 1>, &narrow_band<T, 2>,
                                                     &narrow_band<T, 3>, &narrow_band<T, 4>};
  const i64 height = kBandRows * stride, bands = ceil_div(H, height);
  for (i64 u = part.begin(B * bands); u < part.end(B * bands); ++u) {
    const i64 b = u / bands, h0 = u % bands * height;
    const Band band = band_of<T>(h0, min_of(h0 + height, H), H, W, R, S, stride, pad);
    kBands[C - 1](band, dx + b * H * W * C, dy + b * P * Q * K, f, bias, H, W, K, R, S, P, Q,
                  stride, pad, act, static_cast<T*>(part.workspace));
  }
}

}  // namespace

template <class T>
void conv2d_data(Part part, T* dx, const T* dy, const T* f, const T* bias, i64 B, i64 H, i64 W,
                 i64 C, i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act) {
  if (is_narrow<T>(H, W, C, K, R, S, stride, pad)) {
    narrow_data(part, dx, dy, f, bias, B, H, W, C, K, R, S, P, Q, stride, pad, act);
    return;
  }
  for (i64 parity = 0; parity < stride * stride; ++parity) {
    const PixelClass h = pixel_class(parity / stride, H, R, stride, pad);
    const PixelClass w = pixel_class(parity % stride, W, S, stride, pad);
    const Patches<T> patches{dy,     B,       P,       Q, K,         h.taps,
                             w.taps, h.count, w.count, 1, -h.origin, -w.origin};
    const Pixels<T> pixels{dx + (h.first * W + w.first) * C, H * W * C, stride * W * C, stride * C};
    const i64 n = patches.rows();
    if (part.begin(n) == part.end(n)) continue;
    patches_times_filter<T>(
        patches, part.begin(n), part.end(n), nullptr, C, pixels, bias, act,
        static_cast<T*>(part.workspace), [&](T* dst, i64 ldd, i64 k0, i64 depth, i64 c, i64 cols) {
          for (i64 done = 0; done < depth;) {
            const i64 tap = (k0 + done) / K, k = (k0 + done) % K;
            const i64 length = min_of(K - k, depth - done);
            const i64 r = h.last - stride * (tap / w.taps), s = w.last - stride * (tap % w.taps);
            transpose(dst + done * ldd, ldd, f + ((r * S + s) * C + c) * K + k, K, cols, length);
            done += length;
          }
        });
  }
}

template <class T>
Plan conv2d_data_plan(T*, const T*, const T*, const T*, i64 B, i64 H, i64 W, i64 C, i64 K, i64 R,
                      i64 S, i64, i64, i64 stride, i64 pad, i64) {
  const i64 work = B * H * W * C * (R * S * K / (stride * stride) + 8);
  if (is_narrow<T>(H, W, C, K, R, S, stride, pad)) {
    Plan plan = share(work, kGrain / 2, B * ceil_div(H, kBandRows * stride));
    plan.workspace = round_up(narrow_workspace<T>(H, W, K, R, S, stride, pad), 64);
    return plan;
  }
  const i64 pixels = B * ceil_div(H, stride) * ceil_div(W, stride);  // of a class
  Plan plan = share(work, kGrain, pixels / (16 * kTileRows));
  plan.workspace = patch_workspace<T>(ceil_div(R, stride) * ceil_div(S, stride) * K, C, true);
  return plan;
}

// ---- filter gradient -----------------------------------------------------------------------------------------------

namespace {

constexpr i64 kStrip = 128;  // columns of the patch matrix that wait gathered
template <class T>
constexpr i64 kStripe = 8 * kTileCols<T>;  // columns of dy that wait packed

// df is cut into a grid: rows are (r,s,c), columns k. Columns are cut only where rows give too few parts: each cut
// gathers the patches once more.
constexpr i64 kParts = 12;
struct FilterGrid {
  i64 rows, cols;
};
template <class T>
FilterGrid filter_grid(i64 m, i64 n, i64 k) {
  const i64 wanted = max_of(1, min_of(64, m * n * k / kGrain));
  const i64 rows = max_of(1, min_of(wanted, m / (kStrip - 32)));
  const i64 cols = max_of(1, min_of(min_of(wanted, kParts) / rows, n / (2 * kTileCols<T>)));
  return {rows, cols};
}

template <class T>
void filter_gradient(Part part, T* df, const Patches<T>& x, const T* dy, i64 K, bool into) {
  constexpr i64 panel = kTileCols<T>;
  const i64 m = x.cols(), k = x.rows();
  if (m == 0 || K == 0 || (into && k == 0)) return;
  const i64 lda = row_stride(min_of(m, kStrip));
  T* const a = static_cast<T*>(part.workspace);
  T* const b = a + round_up(min_of(k, kChunk) * lda, 16);
  alignas(64) T acc[kTileSize<T>];
  // A caller that computes everything gathers every patch once.
  const FilterGrid cut = part.count == 1 ? FilterGrid{1, 1} : filter_grid<T>(m, K, k);
  const i64 panels = ceil_div(K, panel);
  const bool pack = K > panel;
  for (i64 u = part.begin(cut.rows * cut.cols); u < part.end(cut.rows * cut.cols); ++u) {
    const i64 row = u / cut.cols, col = u % cut.cols;
    const i64 i1 = m * (row + 1) / cut.rows;
    const i64 j1 = min_of(K, panels * (col + 1) / cut.cols * panel);
    for (i64 j0 = panels * col / cut.cols * panel; j0 < j1; j0 += kStripe<T>) {
      const i64 stripe = min_of(kStripe<T>, j1 - j0);
      i64 k0 = 0;
      do {  // a chunk of dy, packed once, meets one strip of gathered patches after the other
        const i64 depth = min_of(kChunk, k - k0);
        const Finish<T> how{into || k0 > 0, false, nullptr, 0};
        if (pack)
          for (i64 j = 0; j < stripe; j += panel)
            copy_panel(b + j * depth, panel, dy + k0 * K + j0 + j, K, depth,
                       min_of(panel, stripe - j));
        for (i64 i0 = m * row / cut.rows; i0 < i1; i0 += kStrip) {
          const i64 strip = min_of(kStrip, i1 - i0);
          gather(a, lda, x, k0, depth, i0, strip);
          const i64 tiles = ceil_div(strip, kTileRows);
          for (i64 t = 0; t < tiles; ++t) {
            const i64 i = strip * t / tiles, rows = strip * (t + 1) / tiles - i;
            for (i64 j = 0; j < stripe; j += panel) {
              const i64 cols = min_of(panel, stripe - j);
              run_tile(acc, a + i, lda, true, pack ? b + j * depth : dy + k0 * K + j0 + j,
                       pack ? panel : K, depth, rows, cols);
              finish_tile(acc, rows, cols, how,
                          [&](i64 l) { return df + (i0 + i + l) * K + j0 + j; });
            }
          }
        }
        k0 += depth;
      } while (k0 < k);
    }
  }
}

template <class T>
Plan filter_plan(i64 m, i64 n, i64 k) {
  const FilterGrid cut = filter_grid<T>(m, n, k);
  const i64 depth = min_of(k, kChunk);
  i64 elements = round_up(depth * row_stride(min_of(m, kStrip)), 16);
  if (n > kTileCols<T>) elements += depth * round_up(min_of(n, kStripe<T>), kTileCols<T>);
  return {cut.rows * cut.cols, round_up(elements * i64(sizeof(T)), 64)};
}

}  // namespace

template <class T>
void conv2d_filter(Part part, T* df, const T* x, const T* dy, i64 B, i64 H, i64 W, i64 C, i64 K,
                   i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad) {
  filter_gradient(part, df, Patches<T>{x, B, H, W, C, R, S, P, Q, stride, pad, pad}, dy, K, false);
}
template <class T>
Plan conv2d_filter_plan(T*, const T*, const T*, i64 B, i64, i64, i64 C, i64 K, i64 R, i64 S, i64 P,
                        i64 Q, i64, i64) {
  return filter_plan<T>(R * S * C, K, B * P * Q);
}

template <class T>
void conv2d_filter_into(Part part, InOut<T> df, const T* x, const T* dy, i64 B, i64 H, i64 W, i64 C,
                        i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad) {
  filter_gradient(part, df.p, Patches<T>{x, B, H, W, C, R, S, P, Q, stride, pad, pad}, dy, K, true);
}
template <class T>
Plan conv2d_filter_into_plan(InOut<T>, const T*, const T*, i64 B, i64, i64, i64 C, i64 K, i64 R,
                             i64 S, i64 P, i64 Q, i64, i64) {
  return filter_plan<T>(R * S * C, K, B * P * Q);
}

#define INSTANTIATE(T)                                                                             \
  template void conv2d<T>(Part, T*, const T*, const T*, const T*, i64, i64, i64, i64, i64, i64,    \
                          i64, i64, i64, i64, i64, i64);                                           \
  template Plan conv2d_plan<T>(T*, const T*, const T*, const T*, i64, i64, i64, i64, i64, i64,     \
                               i64, i64, i64, i64, i64, i64);                                      \
  template void conv2d_data<T>(Part, T*, const T*, const T*, const T*, i64, i64, i64, i64, i64,    \
                               i64, i64, i64, i64, i64, i64, i64);                                 \
  template Plan conv2d_data_plan<T>(T*, const T*, const T*, const T*, i64, i64, i64, i64, i64,     \
                                    i64, i64, i64, i64, i64, i64, i64);                            \
  template void conv2d_filter<T>(Part, T*, const T*, const T*, i64, i64, i64, i64, i64, i64, i64,  \
                                 i64, i64, i64, i64);                                              \
  template Plan conv2d_filter_plan<T>(T*, const T*, const T*, i64, i64, i64, i64, i64, i64, i64,   \
                                      i64, i64, i64, i64);                                         \
  template void conv2d_filter_into<T>(Part, InOut<T>, const T*, const T*, i64, i64, i64, i64, i64, \
                                      i64, i64, i64, i64, i64, i64);                               \
  template Plan conv2d_filter_into_plan<T>(InOut<T>, const T*, const T*, i64, i64, i64, i64, i64,  \
                                           i64, i64, i64, i64, i64, i64);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lat::kernels::LAT_ISA
