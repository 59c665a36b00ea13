// Convolutions as implicit matrix products: the register tile of the matrix product reads patches where they lie.
//
// Mapping: forward, patches (B P Q, R S C) times the filter (R S C, K): a tile's rows are neighbouring outputs, its k runs
// along lines of the image (lines.h). Data gradient: for each of the stride x stride classes of pixels (h + pad, w + pad)
// mod stride, patches of dy times the class's taps of the filter, transposed and in the order of ascending (p,q,k); with
// few channels, lanes run along the pixels instead (narrow_data.h). Filter gradient: transposed patches times dy. Parts
// share outputs (forward, data) or elements of df (filter).
// Numerics: one chain of fused multiply-adds per element and chunk of the flat index, in a register; totals wait in the
// output. Copies and transposition only move data. Exact order.
#include "kernels/conv/conv.h"

#include "kernels/common/pack.h"
#include "kernels/common/planted.h"
#include "kernels/common/tile.h"
#include "kernels/conv/lines.h"
#include "kernels/conv/narrow_data.h"
#include "kernels/conv/patches.h"
#include "kernels/conv/pixel_class.h"

namespace lat::kernels::LAT_ISA {
namespace {

constexpr i64 kGrain = 1 << 19;  // multiply-adds worth a part

constexpr i64 round_up(i64 n, i64 to) { return ceil_div(n, to) * to; }

// Distance between the rows of a gathered block: not a power of two, for the cache's sets.
constexpr i64 row_stride(i64 cols) { return cols % 64 == 0 ? cols + 16 : cols; }

// Where the outputs of a product over patches go: pixel (b,p,q) is at y + b * image + p * row + q * col.
template <class T>
struct Pixels {
  T* y;
  i64 image, row, col;
};

// What a part computes at a time: outputs (p,q) for `outputs` neighbouring p of `images` images. Rows of a tile run
// along q, or along the images where q is too short.
struct Unit {
  i64 images, outputs;
  bool along_images;
};

constexpr i64 kLineSpace = 192 << 10;  // bytes of copied lines

template <class T>
Unit unit_of(const Patches<T>& x) {
  constexpr i64 wanted = 16;  // units, for threads
  const i64 line = ((x.Q - 1) * x.stride + x.S) * x.C * i64(sizeof(T));
  const i64 lines = max_of(1, kLineSpace / max_of(1, line));
  if (x.Q < 4 && x.B > x.Q) {
    const i64 most = max_of(1, lines / max_of(1, (x.P - 1) * min_of(x.stride, x.R) + x.R));
    const i64 images = min_of(most, max_of(kTileRows<T>, ceil_div(x.B, wanted)));
    return {min_of(x.B, images), x.P, true};
  }
  const i64 most = max_of(1, (lines - x.R) / x.stride + 1);
  return {1, min_of(min_of(most, x.P), max_of(1, ceil_div(x.B * x.P, wanted))), false};
}
template <class T>
i64 unit_count(const Patches<T>& x, const Unit& unit) {
  return ceil_div(x.B, unit.images) * ceil_div(x.P, unit.outputs);
}

// A patch matrix of one column block per pixel is a plain matrix: its rows need not end with the image's lines.
template <class T>
void flatten(Patches<T>& x, Pixels<T>& out) {
  if (x.R != 1 || x.S != 1 || x.stride != 1 || x.pad_h != 0 || x.pad_w != 0 || x.P != x.H ||
      x.Q != x.W || out.row != x.Q * out.col || out.image != x.P * out.row)
    return;
  constexpr i64 space = 64 << 10;  // bytes of a row, to be met by every panel of the filter
  i64 lines = x.H;
  while (lines > 1 && (x.H % lines != 0 || lines * x.W * x.C * i64(sizeof(T)) > space)) --lines;
  x.Q = x.W *= lines;
  x.P = x.H = x.B * x.H / lines;
  x.B = 1;
  out.row *= lines;
}

// Units [unit0,unit1) of: out = act(patches filter + bias), with `n` channels out. pack(dst, ldd, k, depth, j, cols)
// brings rows k... and columns j... of the filter to dst; when filter is given it is read at filter[k * n + j] instead.
template <class T, class Pack>
void patches_times_filter(const Patches<T>& x, const Unit& unit, i64 unit0, i64 unit1,
                          const T* filter, i64 n, const Pixels<T>& out, const T* bias, i64 act,
                          T* workspace, Pack&& pack) {
  constexpr i64 panel = kTileCols<T>;
  constexpr i64 stripe = 8 * panel;  // columns of the filter that wait packed
  const i64 k = x.cols(), run = x.S * x.C, cuts = ceil_div(x.P, unit.outputs);
  const bool far = is_far<T>(x.rows() * n);
  T* const b = workspace;
  T* const copy = b + (filter ? 0 : min_of(k, kChunk) * round_up(min_of(n, stripe), panel));
  Run runs[kChunk];

  for (i64 s0 = 0; s0 < n; s0 += stripe) {
    const i64 s1 = min_of(s0 + stripe, n);
    i64 k0 = 0;
    do {
      const i64 depth = min_of(kChunk, k - k0);
      const bool last = k0 + depth == k;
      if (!filter)
        for (i64 j = s0; j < s1; j += panel)
          pack(b + (j - s0) * depth, panel, k0, depth, j, min_of(panel, s1 - j));
      const i64 r0 = depth > 0 ? k0 / run : 0, first = depth > 0 ? k0 % run : 0;
      const i64 taps = depth > 0 ? (k0 + depth - 1) / run - r0 + 1 : 0;
      for (i64 u = unit0; u < unit1; ++u) {
        Cut cut{u / cuts * unit.images, 0, u % cuts * unit.outputs, 0, r0, taps};
        cut.images = min_of(unit.images, x.B - cut.b0);
        cut.outputs = min_of(unit.outputs, x.P - cut.p0);
        const Lines<T> lines(x, cut, copy);
        i64 run_count = 0;
        for (i64 done = 0; done < depth; ++run_count) {
          const i64 length = min_of(run - (done == 0 ? first : 0), depth - done);
          runs[run_count] = {length, lines.line() - run};
          done += length;
        }
        const i64 across = unit.along_images ? x.Q : cut.images;
        const i64 along = unit.along_images ? cut.images : x.Q;
        const i64 q_step = x.stride * x.C, tiles = ceil_div(along, kTileRows<T>);
        const i64 lda = unit.along_images ? lines.image() : q_step;
        const i64 ldy = unit.along_images ? out.image : out.col;
        for (i64 j = s0; j < s1; j += panel) {
          const i64 cols = min_of(panel, s1 - j);
          const T* const b_panel = filter ? filter + k0 * n + j : b + (j - s0) * depth;
          for (i64 p = 0; p < cut.outputs; ++p)
            for (i64 o = 0; o < across; ++o) {
              const i64 across_a = o * (unit.along_images ? q_step : lines.image());
              const i64 across_y = o * (unit.along_images ? out.col : out.image);
              const T* const a = lines.at() + p * lines.row() + across_a + first;
              T* const y = out.y + cut.b0 * out.image + (cut.p0 + p) * out.row + across_y + j;
              for (i64 t = 0; t < tiles; ++t) {
                const i64 i = along * t / tiles, rows = along * (t + 1) / tiles - i;
                T* const c = y + i * ldy;
                run_tile<T>(
                    {a + i * lda, lda, runs, run_count, b_panel, filter ? n : panel, c, ldy, cols,
                     k0 > 0, last && bias ? bias + j : nullptr, last && act == 1, far},
                    false, rows);
                if (last && act > 1) activate_tile(c, ldy, rows, cols, act);
              }
            }
        }
      }
      k0 += depth;
    } while (k0 < k);
  }
}

template <class T>
i64 patch_workspace(const Patches<T>& x, const Unit& unit, i64 n, bool packed) {
  const i64 k = x.cols(), run = max_of(1, x.S * x.C);
  const i64 taps = min_of(x.R, (kChunk + run - 2) / run + 1);
  i64 elements = Lines<T>::size(x, {0, unit.images, 0, unit.outputs, 0, taps});
  if (packed) elements += min_of(k, kChunk) * round_up(min_of(n, 8 * kTileCols<T>), kTileCols<T>);
  return round_up(elements * i64(sizeof(T)), 64);
}

// Parts of a product over patches: a packed filter wants enough outputs that meet it.
template <class T>
Plan patch_plan(const Patches<T>& x, i64 n, bool packed) {
  const Unit unit = unit_of(x);
  const i64 outputs = x.B * x.P * x.Q, units = unit_count(x, unit);
  Plan plan =
      share(outputs * n * (x.cols() + 8), kGrain, packed ? min_of(units, outputs / 256) : units);
  plan.workspace = patch_workspace(x, unit, n, packed);
  return plan;
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
  if (B * P * Q * K == 0) return;
  Patches<T> patches{x, B, H, W, C, R, S, P, Q, stride, pad, pad};
  Pixels<T> pixels{y, P * Q * K, Q * K, K};
  flatten(patches, pixels);
  const Unit unit = unit_of(patches);
  const i64 n = unit_count(patches, unit);
  patches_times_filter(patches, unit, part.begin(n), part.end(n), packs_filter<T>(K) ? nullptr : f,
                       K, pixels, bias, act, static_cast<T*>(part.workspace),
                       [&](T* dst, i64 ldd, i64 k, i64 depth, i64 j, i64 cols) {
                         copy_panel(dst, ldd, f + k * K + j, K, depth, cols);
                       });
}

template <class T>
Plan conv2d_plan(T*, const T*, const T*, const T*, i64 B, i64 H, i64 W, i64 C, i64 K, i64 R, i64 S,
                 i64 P, i64 Q, i64 stride, i64 pad, i64) {
  if (B * P * Q * K == 0) return {};
  Patches<T> patches{nullptr, B, H, W, C, R, S, P, Q, stride, pad, pad};
  Pixels<T> pixels{nullptr, P * Q * K, Q * K, K};
  flatten(patches, pixels);
  return patch_plan(patches, K, packs_filter<T>(K));
}

// ---- data gradient -------------------------------------------------------------------------------------------------

namespace {

// Few channels leave most lanes of a tile idle: then the lanes run along the pixels.
template <class T>
bool is_narrow(const Narrow& n) {
  return 0 < n.C && n.C <= kMaxNarrow && n.stride * n.stride * n.C <= kMaxOutputs &&
         n.R * n.S * n.C <= kMaxTaps && n.W >= n.stride * kWidth<Vec<T>> / 2 &&
         narrow_workspace<T>(n) * i64(sizeof(T)) <= kNarrowSpace;
}

// Bands of rows of one image.
inline i64 narrow_bands(const Narrow& n) { return ceil_div(ceil_div(n.H, n.stride), kBandRows); }

// One class of pixels: a product over patches of dy.
template <class T>
struct DataClass {
  PixelClass h, w;
  Patches<T> patches;
  Pixels<T> pixels;

  DataClass(i64 parity, T* dx, const T* dy, i64 B, i64 H, i64 W, i64 C, i64 K, i64 R, i64 S, i64 P,
            i64 Q, i64 stride, i64 pad)
      : h(pixel_class(parity / stride, H, R, stride, pad)),
        w(pixel_class(parity % stride, W, S, stride, pad)),
        patches{dy, B, P, Q, K, h.taps, w.taps, h.count, w.count, 1, -h.origin, -w.origin},
        pixels{dx + (h.first * W + w.first) * C, H * W * C, stride * W * C, stride * C} {
    flatten(patches, pixels);
  }
};

}  // namespace

template <class T>
void conv2d_data(Part part, T* dx, const T* dy, const T* f, const T* bias, i64 B, i64 H, i64 W,
                 i64 C, i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64 act) {
  const Narrow narrow{H, W, C, K, R, S, P, Q, stride, pad};
  if (is_narrow<T>(narrow)) {
    const i64 bands = narrow_bands(narrow);
    for (i64 u = part.begin(B * bands); u < part.end(B * bands); ++u)
      narrow_band(narrow, u % bands * kBandRows, dx + u / bands * H * W * C,
                  dy + u / bands * P * Q * K, f, bias, act, static_cast<T*>(part.workspace));
    return;
  }
  for (i64 parity = 0; parity < stride * stride; ++parity) {
    DataClass<T> d(parity, dx, dy, B, H, W, C, K, R, S, P, Q, stride, pad);
    if (d.patches.rows() == 0) continue;
    const Unit unit = unit_of(d.patches);
    const i64 n = unit_count(d.patches, unit);
    if (part.begin(n) == part.end(n)) continue;
    const i64 last_r = d.h.last, last_s = d.w.last, taps = d.w.taps;
    patches_times_filter<T>(
        d.patches, unit, part.begin(n), part.end(n), nullptr, C, d.pixels, bias, act,
        static_cast<T*>(part.workspace), [&](T* dst, i64 ldd, i64 k0, i64 depth, i64 c, i64 cols) {
          for (i64 done = 0; done < depth;) {
            const i64 tap = (k0 + done) / K, k = (k0 + done) % K;
            const i64 length = min_of(K - k, depth - done);
            const i64 r = last_r - stride * (tap / taps);
            const i64 s = last_s - stride * (tap % taps);
            transpose(dst + done * ldd, ldd, f + ((r * S + s) * C + c) * K + k, K, cols, length);
            done += length;
          }
        });
  }
}

template <class T>
Plan conv2d_data_plan(T*, const T*, const T*, const T*, i64 B, i64 H, i64 W, i64 C, i64 K, i64 R,
                      i64 S, i64 P, i64 Q, i64 stride, i64 pad, i64) {
  const Narrow narrow{H, W, C, K, R, S, P, Q, stride, pad};
  if (is_narrow<T>(narrow)) {
    const i64 work = B * H * W * C * (R * S * K / (stride * stride) + 8);
    Plan plan = share(work, kGrain / 2, B * narrow_bands(narrow));
    plan.workspace = round_up(narrow_workspace<T>(narrow) * i64(sizeof(T)), 64);
    return plan;
  }
  Plan plan;
  for (i64 parity = 0; parity < stride * stride; ++parity) {
    const DataClass<T> d(parity, nullptr, nullptr, B, H, W, C, K, R, S, P, Q, stride, pad);
    if (d.patches.rows() == 0) continue;
    const Plan one = patch_plan(d.patches, C, true);
    plan.parts = max_of(plan.parts, one.parts);
    plan.workspace = max_of(plan.workspace, one.workspace);
  }
  return plan;
}

// ---- filter gradient -----------------------------------------------------------------------------------------------

namespace {

constexpr i64 kStrip = 128;  // columns of the patch matrix that wait gathered
constexpr i64 kFilterSpace =
    768 << 10;  // bytes of copied lines; where a chunk takes more, it is gathered
template <class T>
constexpr i64 kStripe = 8 * kTileCols<T>;  // columns of dy that wait packed

// df is cut into a grid of about `wanted` blocks: rows are (r,s,c), columns k. Columns are cut only where rows give too
// few parts: each cut copies the patches once more.
struct FilterGrid {
  i64 rows, cols;
};
template <class T>
FilterGrid filter_grid(const Patches<T>& x, i64 n, i64 wanted) {
  const i64 m = x.cols();
  wanted = max_of(1, min_of(wanted, m * n * x.rows() / kGrain));
  i64 rows = max_of(1, min_of(wanted, m / (kStrip - 32)));
  if (rows > x.R) rows -= rows % x.R;  // a part then needs the lines of whole filter rows
  const i64 cols = max_of(1, min_of(wanted / rows, n / (2 * kTileCols<T>)));
  return {rows, cols};
}

// Elements of the lines that one chunk of patches lies in, at most.
template <class T>
i64 chunk_lines(const Patches<T>& x) {
  const i64 depth = min_of(x.rows(), kChunk);
  const i64 images = min_of(x.B, (depth - 1) / (x.P * x.Q) + 2);
  return Lines<T>::size(x, {0, images, 0, min_of(x.P, (depth - 1) / x.Q + 2), 0, x.R});
}
template <class T>
bool gathers(const Patches<T>& x) {
  return chunk_lines(x) * i64(sizeof(T)) > kFilterSpace;
}

// A chunk [k0,k0 + depth) of patches as they lie in lines: element (s,c) of filter row r is at at[(r - r0) * line], q_step
// further for each step along the runs.
template <class T>
struct ChunkLines {
  const T* at;
  i64 line, run_count;
  Run runs[kChunk];

  ChunkLines(const Patches<T>& x, i64 k0, i64 depth, i64 r0, i64 taps, T* copy) : run_count(0) {
    const i64 q_step = x.stride * x.C;
    const T* here = nullptr;  // where the last run ended
    for (i64 done = 0; done < depth;) {
      const i64 row = (k0 + done) / x.Q, b = row / x.P, p0 = row % x.P;
      const i64 outputs = min_of(x.P - p0, (k0 + depth - 1) / x.Q - row + 1);
      const Cut cut{b, 1, p0, outputs, r0, taps};
      const Lines<T> lines(x, cut, copy);
      copy += Lines<T>::size(x, cut);
      line = lines.line();
      for (i64 p = 0; p < outputs; ++p) {
        const i64 q = (k0 + done) % x.Q, length = min_of(x.Q - q, depth - done);
        const T* const start = lines.at() + p * lines.row() + q * q_step;
        if (done == 0)
          at = start;
        else
          runs[run_count - 1].skip = start - here;
        here = start + length * q_step;
        runs[run_count++] = {length, 0};
        done += length;
      }
    }
  }
};

// dbias += the column sums of a chunk of dy, at most a panel wide: one more row of the product, its patches all 1.
template <class T>
void add_column_sums(T* dbias, const T* dy, i64 ld, i64 depth, i64 cols) {
  const T one = 1;
  const Run whole{depth, 0};
  run_tile<T>({&one, 0, &whole, 1, dy, ld, dbias, cols, cols, true}, true, 1);
}

template <class T>
void filter_gradient(Part part, T* df, T* dbias, const Patches<T>& x, const T* dy, i64 K,
                     bool into) {
  constexpr i64 panel = kTileCols<T>;
  const i64 m = x.cols(), k = x.rows();
  if (K == 0) return;
  if (m == 0) {
    for (i64 k0 = 0; dbias && part.index == 0 && k0 < k; k0 += kChunk)
      for (i64 j = 0; j < K; j += panel)
        add_column_sums(dbias + j, dy + k0 * K + j, K, min_of(kChunk, k - k0),
                        min_of(panel, K - j));
    return;
  }
  if (k == 0) {
    if (!into && part.index == 0)
      for (i64 i = 0; i < m * K; ++i) df[i] = 0;
    return;
  }
  const bool gathered = gathers(x), pack = K > panel;
  T* const b = static_cast<T*>(part.workspace);
  T* const a = b + (pack ? min_of(k, kChunk) * round_up(min_of(K, kStripe<T>), panel) : 0);
  const i64 strip_most = gathered ? kStrip : x.S * x.C;
  const i64 gathered_ld = row_stride(min_of(m, kStrip));
  const FilterGrid cut = filter_grid(x, K, part.count);
  const i64 panels = ceil_div(K, panel);
  for (i64 u = part.begin(cut.rows * cut.cols); u < part.end(cut.rows * cut.cols); ++u) {
    const i64 row = u / cut.cols, col = u % cut.cols;
    const i64 i0 = m * row / cut.rows, i1 = m * (row + 1) / cut.rows;
    const i64 r0 = i0 / (x.S * x.C), taps = (i1 - 1) / (x.S * x.C) - r0 + 1;
    const i64 j1 = min_of(K, panels * (col + 1) / cut.cols * panel);
    for (i64 j0 = panels * col / cut.cols * panel; j0 < j1; j0 += kStripe<T>) {
      const i64 stripe = min_of(kStripe<T>, j1 - j0);
      for (i64 k0 = 0; k0 < k; k0 += kChunk) {  // a chunk of dy, packed once, meets all patches
        const i64 depth = min_of(kChunk, k - k0);
        if (pack) copy_panels(b, panel, dy + k0 * K + j0, K, depth, stripe);
        const ChunkLines<T> lines(x, k0, gathered ? 0 : depth, r0, taps, a);
        const Run whole{depth, 0};
        if (dbias && row == 0)
          for (i64 j = 0; j < stripe; j += panel)
            add_column_sums(dbias + j0 + j, pack ? b + j * depth : dy + k0 * K + j0 + j,
                            pack ? panel : K, depth, min_of(panel, stripe - j));
        for (i64 i = i0; i < i1;) {
          const i64 at = i % strip_most, strip = min_of(strip_most - at, i1 - i);
          if (gathered) gather(a, gathered_ld, x, k0, depth, i, strip);
          const T* const from = gathered ? a : lines.at + (i / strip_most - r0) * lines.line + at;
          const i64 lda = gathered ? gathered_ld : x.stride * x.C;
          const i64 tiles = ceil_div(strip, kTileRows<T>);
          for (i64 t = 0; t < tiles; ++t) {
            const i64 l = strip * t / tiles, rows = strip * (t + 1) / tiles - l;
            for (i64 j = 0; j < stripe; j += panel)
              run_tile<T>(
                  {from + l, lda, gathered ? &whole : lines.runs, gathered ? 1 : lines.run_count,
                   pack ? b + j * depth : dy + k0 * K + j0 + j, pack ? panel : K,
                   df + (i + l) * K + j0 + j, K, min_of(panel, stripe - j), into || k0 > 0},
                  true, rows);
          }
          i += strip;
        }
      }
    }
  }
}

template <class T>
Plan filter_plan(const Patches<T>& x, i64 n) {
  const i64 m = x.cols(), k = x.rows();
  if (m == 0 || n == 0 || k == 0) return {};
  const FilterGrid cut = filter_grid(x, n, 64);
  const i64 depth = min_of(k, kChunk);
  i64 elements = gathers(x) ? depth * row_stride(min_of(m, kStrip)) : chunk_lines(x);
  if (n > kTileCols<T>) elements += depth * round_up(min_of(n, kStripe<T>), kTileCols<T>);
  return {cut.rows * cut.cols, round_up(elements * i64(sizeof(T)), 64)};
}

}  // namespace

template <class T>
void conv2d_filter(Part part, T* df, const T* x, const T* dy, i64 B, i64 H, i64 W, i64 C, i64 K,
                   i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad) {
  filter_gradient<T>(part, df, nullptr, Patches<T>{x, B, H, W, C, R, S, P, Q, stride, pad, pad}, dy,
                     K, false);
}
template <class T>
Plan conv2d_filter_plan(T*, const T*, const T*, i64 B, i64 H, i64 W, i64 C, i64 K, i64 R, i64 S,
                        i64 P, i64 Q, i64 stride, i64 pad) {
  return filter_plan(Patches<T>{nullptr, B, H, W, C, R, S, P, Q, stride, pad, pad}, K);
}

template <class T>
void conv2d_filter_into(Part part, InOut<T> df, InOut<T> dbias, const T* x, const T* dy, i64 B,
                        i64 H, i64 W, i64 C, i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride,
                        i64 pad) {
  filter_gradient(part, df.p, dbias.p, Patches<T>{x, B, H, W, C, R, S, P, Q, stride, pad, pad}, dy,
                  K, true);
}
template <class T>
Plan conv2d_filter_into_plan(InOut<T>, InOut<T>, const T*, const T*, i64 B, i64 H, i64 W, i64 C,
                             i64 K, i64 R, i64 S, i64 P, i64 Q, i64 stride, i64 pad) {
  return filter_plan(Patches<T>{nullptr, B, H, W, C, R, S, P, Q, stride, pad, pad}, K);
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name) LAT_INSTANTIATE(plan)
#include "kernels/conv/conv.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
