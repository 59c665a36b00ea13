// Matrix products: register tiles over blocks of c.
//
// Mapping: c is cut into a grid of blocks, a part computes some of them. Inside a block k is cut at the chunks of the
// fixed order; for each chunk a tile of rows of A (packed where that pays) meets one panel of columns of B after the
// other. B is read in place when its rows are contiguous, else packed through register transpositions.
// Where few columns would leave many lanes idle, c^T = b^T a^T is computed, with the lanes along m; one column, or one
// row of dot products, is summed while the rows of the matrix are turned.
// Numerics: one chain of fused multiply-adds per element and chunk, in a register; totals wait in c. Exact order.
#include "kernels/matmul/matmul.h"

#include <string.h>

#include "kernels/common/pack.h"
#include "kernels/common/planted.h"
#include "kernels/common/tile.h"

namespace lat::kernels::LAT_ISA {
namespace {

// One operand: element (x,k) is p[k * ld + x] when by_k, else p[x * ld + k]; x is a row of A or a column of B.
template <class T>
struct Operand {
  const T* p;
  i64 ld;
  bool by_k;
  i64 step;  // to the next member of the batch

  const T* at(i64 x, i64 k) const { return by_k ? p + k * ld + x : p + x * ld + k; }
};

template <class T>
struct Product {
  Operand<T> a, b;
  T* c;
  const T* bias;
  i64 bias_step;
  i64 batch, m, n, k;
  bool into, swapped;  // swapped: c is stored (n,m), the bias goes along m
  i64 act;

  bool is_column() const { return n == 1 && !a.by_k && m >= kWidth<Vec<T>>; }
};

template <class T>
Product<T> product(T* c, const T* a, const T* b, const T* bias, i64 batch, i64 m, i64 n, i64 k,
                   i64 flags, bool into, i64 act) {
  Product<T> x{{a, flags & 1 ? m : k, (flags & 1) != 0, flags & 4 ? 0 : m * k},
               {b, flags & 2 ? k : n, (flags & 2) == 0, flags & 8 ? 0 : k * n},
               c,
               bias,
               flags & 8 ? 0 : n,
               batch,
               m,
               n,
               k,
               into,
               false,
               act};
  if ((flags & 13) == 8) x.m *= x.batch, x.batch = 1;  // one b for all rows: one tall product
  constexpr i64 w = kWidth<Vec<T>>;
  if (x.m == 1 && !x.b.by_k) {  // a row of dot products: a column of them
    const Operand<T> row = x.a;
    x.a = x.b, x.b = row;
    x.m = n, x.n = 1;
    x.swapped = true;
  }
  if (x.n == 1) x.b.by_k = true, x.b.ld = 1;
  if (x.is_column()) return x;
  const i64 lanes = ceil_div(n, w) * w;
  const bool wasteful = n <= 2 * w && n * 3 <= lanes * 2;
  const bool worth_turning_a = w >= 16 && n > w && k >= 256;
  if (!x.swapped && x.m > n &&
      (n * 4 <= w || (wasteful && (x.a.by_k ? k >= 128 : worth_turning_a)))) {
    const Operand<T> rows = x.b;
    x.b = x.a, x.a = rows;
    x.n = x.m, x.m = n;
    x.swapped = true;
  }
  return x;
}

constexpr i64 kBlockCols = 256;  // columns of B that wait packed
template <class T>
constexpr i64 kMinRows = 4 * kTileRows<T>;  // of a block of c
constexpr i64 kMinPanels = 2;
constexpr i64 kTogether = 5;  // tiles in one call: what they leave is still in L1

// The grid of blocks, over (batch, columns, rows), and how many of them are worth a hand-over.
struct Grid {
  i64 batch, rows, cols;
  i64 count() const { return batch * rows * cols; }
};
template <class T>
i64 worthwhile(const Product<T>& x) {
  constexpr i64 grain = 1 << 19;  // multiply-adds
  const i64 panels = ceil_div(x.n, tile_cols<T>(min_of(x.m, kTileRows<T>)));
  const i64 most = max_of(1, panels / kMinPanels) * max_of(1, x.m / kMinRows<T>);
  return max_of(1, min_of(most, x.m * x.n * (x.k + 8) / grain));
}

// At least `wanted` blocks where the sizes allow it. Of such grids, the one whose blocks share the most: a row of A is
// copied once for each block of columns, a column of B once for each block of rows.
template <class T>
Grid grid(const Product<T>& x, i64 wanted) {
  const i64 blocks = min_of(ceil_div(wanted, x.batch), worthwhile(x));
  const i64 panels = ceil_div(x.n, tile_cols<T>(min_of(x.m, kTileRows<T>)));
  const i64 most_cols = max_of(1, panels / kMinPanels), most_rows = max_of(1, x.m / kMinRows<T>);
  Grid best{x.batch, most_rows, most_cols};
  for (i64 cols = 1; cols <= min_of(most_cols, blocks); ++cols) {
    const i64 rows = ceil_div(blocks, cols);
    if (rows <= most_rows && rows * x.n + cols * x.m < best.rows * x.n + best.cols * x.m)
      best.rows = rows, best.cols = cols;
  }
  return best;
}

// Rows whose distance is near a power of two share a few sets of the cache.
template <class T>
bool clashes(const Operand<T>& x) {
  return x.ld * i64(sizeof(T)) % 1024 == 0;
}

// B is packed where its rows are not contiguous. Else that pays where enough tiles of rows read it again, and its rows
// clash or a panel has but one line of the cache in each.
template <class T>
bool packs_b(const Product<T>& x, i64 rows) {
  const bool often = rows > 2 * kTileRows<T> && x.k >= 64 && x.n > kTileCols<T>;
  return !x.b.by_k || (often && (clashes(x.b) || kTileCols<T> * i64(sizeof(T)) <= 64));
}

// A tile of A is copied where enough panels of columns read it again: the rows of a transposed A would touch a new page
// for every k.
template <class T>
bool packs_a(const Product<T>& x, i64 rows, i64 cols) {
  const bool clash = clashes(x.a) && x.k >= 256;
  return rows > 3 && cols > (x.a.by_k || clash ? 1 : 7) * kTileCols<T>;
}

constexpr i64 kRowStride = kChunk + 16;  // of copied rows of A
template <class T>
constexpr i64 kColumnStride = ceil_div(kTileRows<T>, kWidth<Vec<T>>) * kWidth<Vec<T>>;
template <class T>
constexpr i64 kTileOfA = max_of(kTileRows<T>* kRowStride, kColumnStride<T>* kChunk);

template <class T>
Plan plan(const Product<T>& x) {
  const i64 work = x.batch * x.m * x.n * (x.k + 8);
  Plan p = share(work, 1 << 18, min_of(64, x.batch * worthwhile(x)));
  const i64 depth = min_of(x.k, kChunk);
  const i64 width = tile_cols<T>(1) + min_of(x.n, kBlockCols);
  p.workspace = packs_a(x, x.m, x.n) ? kTileOfA<T> : 0;
  if (packs_b(x, x.m)) p.workspace += depth * width;
  p.workspace = ceil_div(p.workspace * i64(sizeof(T)), 64) * 64;
  return p;
}

// Elements of a tile whose rows are filled up to whole vectors.
template <class T>
constexpr i64 kTurnable = max_of(kWidth<Vec<T>>, kTileRows<T>) * tile_cols<T>(1);

// A tile of which the rows are columns of c; it is turned a square at a time, whatever lies in its rows beyond `rows`.
template <class T>
void store_swapped(const T* tile, i64 ld, i64 rows, i64 cols, bool add, const T* bias, T* c,
                   i64 ldc) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>;
  if (ldc == 1) {  // one row
    for (i64 j = 0; j < cols; j += w) {
      const i64 n = min_of(w, cols - j);
      V x = load<V>(tile + j);
      if (add) x = load_part<V>(c + j, n) + x;
      if (bias) x = x + splat<V>(*bias);
      store_part(c + j, x, n);
    }
    return;
  }
  alignas(64) T turned[w * w];
  for (i64 i = 0; i < rows; i += w)
    for (i64 j = 0; j < cols; j += w) {
      const i64 n = min_of(w, rows - i);
      transpose_square(turned, w, tile + i * ld + j, ld);
      const V bias_i = bias ? load_part<V>(bias + i, n) : V{};
      for (i64 l = 0; l < min_of(w, cols - j); ++l) {
        T* const out = c + (j + l) * ldc + i;
        V x = load<V>(turned + l * w);
        if (add) x = load_part<V>(out, n) + x;
        if (bias) x = x + bias_i;
        store_part(out, x, n);
      }
    }
}

LAT_INLINE i64 chunk_of_k() { return planted(Bug::matmul_chunk) ? kChunk / 2 : kChunk; }

// Rows [i0,i1) of the one column of batch member g, a row in each lane; i1 - i0 is at least a vector's width.
template <class T>
void column(const Product<T>& x, i64 g, i64 i0, i64 i1) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>, n = kGroup<T>;
  const i64 lda = x.a.ld;
  const T* const b = x.b.p + g * x.b.step;
  T* const c = x.c + g * x.m;
  for (i64 i = i0; i < i1; i += w) {
    const i64 first = min_of(i, i1 - w);  // the last vector begins among rows that are done
    const T* const a = x.a.p + g * x.a.step + first * lda;
    V total = x.into ? load<V>(c + first) : V{};
    i64 k = 0;
    do {
      const i64 end = min_of(k + chunk_of_k(), x.k);
      const bool add = x.into || k > 0;
      V sum{};
      for (; k + n <= end; k += n) {
        V a_k[n];
        load_columns(a_k, a + k, lda);
#pragma GCC unroll 4
        for (i64 l = 0; l < n; ++l) sum = fma(a_k[l], splat<V>(b[k + l]), sum);
      }
      for (; k < end; ++k) {
        V a_k{};
        for (i64 l = 0; l < w; ++l) a_k[l] = a[l * lda + k];
        sum = fma(a_k, splat<V>(b[k]), sum);
      }
      total = add ? total + sum : sum;
    } while (k < x.k);
    if (x.bias) {
      const T* const bias = x.bias + g * x.bias_step;
      total = total + (x.swapped ? load<V>(bias + first) : splat<V>(*bias));
    }
    total = activate(total, x.act);
    if (first == i) {
      store(c + i, total);
    } else {
      T lanes[w];
      store(lanes, total);
      memcpy(c + i, lanes + (i - first), size_t(i1 - i) * sizeof(T));
    }
  }
}

// Rows [i0,i1) and columns [j0,j1) of batch member g.
template <class T>
void block(const Product<T>& x, i64 g, i64 i0, i64 i1, i64 j0, i64 j1, void* workspace) {
  constexpr i64 w = kWidth<Vec<T>>;
  const i64 tiles = ceil_div(i1 - i0, kTileRows<T>);
  const i64 low = (i1 - i0) / tiles, higher = (i1 - i0) % tiles;  // so many have low + 1 rows
  const i64 panel = tile_cols<T>(ceil_div(i1 - i0, tiles));
  const i64 stripe = panel * max_of(1, kBlockCols / panel);
  const bool pack_a = packs_a(x, i1 - i0, j1 - j0), pack_b = packs_b(x, i1 - i0);
  T* const a_pack = static_cast<T*>(workspace);
  T* const b_pack = a_pack + (packs_a(x, x.m, x.n) ? kTileOfA<T> : 0);
  Operand<T> a = x.a, b = x.b;
  a.p += g * a.step, b.p += g * b.step;
  T* const c = x.c + g * x.m * x.n;
  const T* const bias = x.bias ? x.bias + g * x.bias_step : nullptr;
  const bool far = is_far<T>(x.batch * x.m * x.n);
  alignas(64) T swapped[kTurnable<T>];

  for (i64 s0 = j0; s0 < j1; s0 += stripe) {
    const i64 s1 = min_of(s0 + stripe, j1);
    i64 k0 = 0;
    do {
      const i64 depth = min_of(chunk_of_k(), x.k - k0);
      const bool add = x.into || k0 > 0, last = k0 + depth == x.k;
      const Run run{depth, 0};
      if (pack_b && b.by_k)
        copy_panels(b_pack, panel, b.at(s0, k0), b.ld, depth, s1 - s0);
      else if (pack_b)
        for (i64 j = s0; j < s1; j += panel)
          transpose(b_pack + (j - s0) * depth, panel, b.at(j, k0), b.ld, min_of(panel, s1 - j),
                    depth);
      const bool together = !pack_a && !x.swapped && s1 - s0 <= panel;
      for (i64 t = 0, i = i0, rows, count; t < tiles; t += count, i += count * rows) {
        rows = low + (t < higher);
        count = together ? min_of(kTogether, (t < higher ? higher : tiles) - t) : 1;
        const T* a_tile = a.at(i, k0);
        i64 lda = a.ld;
        if (pack_a) {
          lda = a.by_k ? kColumnStride<T> : kRowStride;
          copy_panel(a_pack, lda, a_tile, a.ld, a.by_k ? depth : rows, a.by_k ? rows : depth);
          a_tile = a_pack;
        }
        for (i64 j = s0; j < s1; j += panel) {
          const i64 cols = min_of(panel, s1 - j);
          const T* const b_panel = pack_b ? b_pack + (j - s0) * depth : b.at(j, k0);
          const i64 ldb = pack_b ? panel : b.ld;
          if (x.swapped) {
            const i64 ld = ceil_div(cols, w) * w;
            T* const out = c + j * x.m + i;
            run_tile<T>({a_tile, lda, &run, 1, b_panel, ldb, swapped, ld, cols}, a.by_k, rows);
            store_swapped(swapped, ld, rows, cols, add, last && bias ? bias + i : nullptr, out,
                          x.m);
            if (last && x.act > 0) activate_tile(out, x.m, cols, rows, x.act);
          } else {
            T* const out = c + i * x.n + j;
            run_tile<T>({a_tile, lda, &run, 1, b_panel, ldb, out, x.n, cols, add,
                         last && bias ? bias + j : nullptr, last && x.act == 1, far},
                        a.by_k, rows, count);
          }
        }
        if (last && x.act > 1 && !x.swapped)
          activate_tile(c + i * x.n + s0, x.n, count * rows, s1 - s0, x.act);
      }
      k0 += depth;
    } while (k0 < x.k);
  }
}

template <class T>
void run(Part part, const Product<T>& x) {
  if (x.batch == 0 || x.m == 0 || x.n == 0 || (x.into && x.k == 0)) return;
  const Grid cut = part.count == 1 ? Grid{x.batch, 1, 1} : grid(x, part.count);
  const i64 panel = tile_cols<T>(min_of(x.m, kTileRows<T>));
  const i64 panels = ceil_div(x.n, panel);
  for (i64 u = part.begin(cut.count()); u < part.end(cut.count()); ++u) {
    const i64 row = u % cut.rows, col = u / cut.rows % cut.cols, g = u / (cut.rows * cut.cols);
    const i64 i0 = x.m * row / cut.rows, i1 = x.m * (row + 1) / cut.rows;
    if (x.is_column())
      column(x, g, i0, i1);
    else
      block(x, g, i0, i1, panels * col / cut.cols * panel,
            min_of(x.n, panels * (col + 1) / cut.cols * panel), part.workspace);
  }
}

}  // namespace

template <class T>
void matmul(Part part, T* c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k, i64 flags) {
  run(part, product<T>(c, a, b, nullptr, batch, m, n, k, flags, false, 0));
}
template <class T>
Plan matmul_plan(T* c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k, i64 flags) {
  return plan(product<T>(c, a, b, nullptr, batch, m, n, k, flags, false, 0));
}

template <class T>
void matmul_into(Part part, InOut<T> c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k,
                 i64 flags) {
  run(part, product<T>(c.p, a, b, nullptr, batch, m, n, k, flags, true, 0));
}
template <class T>
Plan matmul_into_plan(InOut<T> c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k,
                      i64 flags) {
  return plan(product<T>(c.p, a, b, nullptr, batch, m, n, k, flags, true, 0));
}

template <class T>
void linear_act(Part part, T* y, const T* x, const T* w, const T* bias, i64 batch, i64 m, i64 n,
                i64 k, i64 flags, i64 act) {
  run(part, product<T>(y, x, w, bias, batch, m, n, k, flags, false, act));
}
template <class T>
Plan linear_act_plan(T* y, const T* x, const T* w, const T* bias, i64 batch, i64 m, i64 n, i64 k,
                     i64 flags, i64 act) {
  return plan(product<T>(y, x, w, bias, batch, m, n, k, flags, false, act));
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name) LAT_INSTANTIATE(plan)
#include "kernels/matmul/matmul.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
