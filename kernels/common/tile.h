#pragma once
// The register tile under every product: a few rows of A times a few vectors of columns of B.
//
// One accumulator per output stays in a register for a whole chunk of k, so each output is one chain of fused
// multiply-adds, k ascending, whatever the tile's shape: shapes, masks and packing change no bit. A is read one element
// at a time and broadcast, B one vector at a time.
#include <type_traits>

#include "kernels/common/activate.h"

namespace lat::kernels::LAT_ISA {

// Rows x vectors fill the registers: 14 x 2 of 32, 6 x 2 of 16.
#if LAT_VECTOR_BYTES == 64
constexpr i64 kTileRows = 14;
#elif LAT_VECTOR_BYTES == 32
constexpr i64 kTileRows = 6;
#elif defined(__aarch64__)
constexpr i64 kTileRows = 12;
#else
constexpr i64 kTileRows = 4;
#endif

// Vectors of columns for a tile of `rows` rows; tiles of few rows are wide, to keep enough chains in flight.
constexpr i64 tile_vectors(i64 rows) { return rows == 1 ? 8 : rows == 2 ? 4 : rows == 3 ? 3 : 2; }

template <class T>
constexpr i64 tile_cols(i64 rows) {
  return tile_vectors(rows) * kWidth<Vec<T>>;
}

template <class T>
constexpr i64 kTileCols = tile_cols<T>(kTileRows);  // columns of a tile with many rows

template <class T>
constexpr i64 kTileSize =
    max_of(kTileRows * 2, 9) * kWidth<Vec<T>>;  // elements of the largest tile

// s in every lane. Minus +0 changes no bit, so that this is one broadcast instruction; plus +0 would lose the sign of -0.
template <class V>
LAT_INLINE V broadcast(Elem<V> s) {
  return s - V{};
}

// Reads the first n lanes of a vector, 0 <= n <= width; the others are +0.
template <class V>
class Tail {
 public:
#if LAT_VECTOR_BYTES == 32
  LAT_INLINE explicit Tail(i64 n) {
    for (i64 l = 0; l < kWidth<V>; ++l) mask_[l] = l < n ? -1 : 0;
  }
#else
  LAT_INLINE explicit Tail(i64 n) : n_(n) {}
#endif
  LAT_INLINE V load(const Elem<V>* p) const {
#if LAT_VECTOR_BYTES == 32
    if constexpr (sizeof(Elem<V>) == 4)
      return bits<V>(_mm256_maskload_ps(p, bits<__m256i>(mask_)));
    else
      return bits<V>(_mm256_maskload_pd(p, bits<__m256i>(mask_)));
#elif LAT_VECTOR_BYTES == 64
    return load_part<V>(p, n_);
#else
    return n_ == kWidth<V> ? kernels::LAT_ISA::load<V>(p) : load_part<V>(p, n_);
#endif
  }

 private:
#if LAT_VECTOR_BYTES == 32
  std::conditional_t<sizeof(Elem<V>) == 4, VecI, VecL> mask_{};
#else
  i64 n_;
#endif
};

// acc (M,N vectors) = sum over k of a[i,k] b[k,j], a chain from +0.
// a: kByColumns ? a[k * lda + i] : a[i * lda + k].   b: b[k * ldb + j], of which `cols` columns exist.
template <class T, i64 M, i64 N, bool kByColumns>
void tile(T* acc, const T* a, i64 lda, const T* b, i64 ldb, i64 k, i64 cols) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>;
  const Tail<V> tail(cols - (N - 1) * w);
  V sum[M][N];
#pragma GCC unroll 16
  for (i64 i = 0; i < M; ++i)
#pragma GCC unroll 16
    for (i64 v = 0; v < N; ++v) sum[i][v] = V{};
  // Four rows of A share a pointer; the compiler must not trade these few registers for one offset per row.
  constexpr i64 groups = kByColumns ? 1 : (M + 3) / 4;
  const T* a_group[groups];
#pragma GCC unroll 16
  for (i64 i = 0; i < groups; ++i) {
    a_group[i] = a + 4 * i * lda;
    asm("" : "+r"(a_group[i]));
  }
  i64 lda_3 = 3 * lda;
  asm("" : "+r"(lda_3));
  for (i64 l = 0; l < k; ++l) {
    V b_l[N];
#pragma GCC unroll 16
    for (i64 v = 0; v < N - 1; ++v) b_l[v] = load<V>(b + v * w);
    b_l[N - 1] = tail.load(b + (N - 1) * w);
#pragma GCC unroll 16
    for (i64 i = 0; i < M; ++i) {
      const T* const group = a_group[kByColumns ? 0 : i / 4];
      const V a_il = broadcast<V>(kByColumns ? group[i] : group[i % 4 == 3 ? lda_3 : i % 4 * lda]);
#pragma GCC unroll 16
      for (i64 v = 0; v < N; ++v) sum[i][v] = fma(a_il, b_l[v], sum[i][v]);
    }
#pragma GCC unroll 16
    for (i64 i = 0; i < groups; ++i) a_group[i] += kByColumns ? lda : 1;
    b += ldb;
  }
#pragma GCC unroll 16
  for (i64 i = 0; i < M; ++i)
#pragma GCC unroll 16
    for (i64 v = 0; v < N; ++v) store(acc + (i * N + v) * w, sum[i][v]);
}

template <class T>
using TileFn = void (*)(T*, const T*, i64, const T*, i64, i64, i64);

// Every tile, by rows - 1 and vectors - 1.
template <class T, bool kByColumns>
struct Tiles {
  TileFn<T> fn[kTileRows][8];

  constexpr Tiles() : fn{} { fill<1, 1>(); }

 private:
  template <i64 M, i64 N>
  constexpr void fill() {
    fn[M - 1][N - 1] = &tile<T, M, N, kByColumns>;
    if constexpr (N < tile_vectors(M))
      fill<M, N + 1>();
    else if constexpr (M < kTileRows)
      fill<M + 1, 1>();
  }
};
template <class T, bool kByColumns>
inline constexpr Tiles<T, kByColumns> kTiles{};

// acc (rows, whole vectors of cols) = a b for 1 <= rows <= kTileRows, 1 <= cols <= tile_cols(rows). See tile().
template <class T>
inline void run_tile(T* acc, const T* a, i64 lda, bool by_columns, const T* b, i64 ldb, i64 k,
                     i64 rows, i64 cols) {
  const i64 vectors = ceil_div(cols, kWidth<Vec<T>>);
  const TileFn<T> fn = by_columns ? kTiles<T, true>.fn[rows - 1][vectors - 1]
                                  : kTiles<T, false>.fn[rows - 1][vectors - 1];
  fn(acc, a, lda, b, ldb, k, cols);
}

// What becomes of the sum of one chunk.
template <class T>
struct Finish {
  bool add = false;         // onto the total in memory
  bool last = false;        // then the bias and the activation follow
  const T* bias = nullptr;  // of the tile's first column; null: none
  i64 act = 0;
};

// One way to finish, with its switches known to the compiler.
template <bool kAdd, bool kBias, bool kRelu, class T, class Row>
LAT_INLINE void finish_rows(const T* acc, i64 rows, i64 cols, const T* bias, Row&& row) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>;
  const i64 whole = cols / w * w, width = ceil_div(cols, w) * w;
  const Tail<V> tail(cols - whole);
  const auto value = [&](V x, const T* c, i64 j, auto&& read) LAT_FLAT {
    if constexpr (kAdd) x = read(c + j) + x;
    if constexpr (kBias) x = x + read(bias + j);
    if constexpr (kRelu) x = m::relu(x);
    return x;
  };
  const auto read_whole = [](const T* p) LAT_FLAT { return load<V>(p); };
  const auto read_tail = [&](const T* p) LAT_FLAT { return tail.load(p); };
  for (i64 i = 0; i < rows; ++i, acc += width) {
    T* const c = row(i);
    for (i64 j = 0; j < whole; j += w) store(c + j, value(load<V>(acc + j), c, j, read_whole));
    if (whole < cols)
      store_part(c + whole, value(load<V>(acc + whole), c, whole, read_tail), cols - whole);
  }
}

// row(i)[j] = the chunk sums of one tile, finished; row(i) points at the tile's row i. acc is consumed.
template <class T, class Row>
LAT_INLINE void finish_tile(T* acc, i64 rows, i64 cols, const Finish<T>& how, Row&& row) {
  const T* const bias = how.last ? how.bias : nullptr;
  const bool relu = how.last && how.act == 1;
  if (how.last && how.act > 1) {  // the slow activations see whole vectors, in place
    using V = Vec<T>;
    constexpr i64 w = kWidth<V>;
    const i64 width = ceil_div(cols, w) * w;
    for (i64 i = 0; i < rows; ++i)
      for (i64 j = 0; j < cols; j += w) {
        const i64 n = min_of(w, cols - j);
        V x = load<V>(acc + i * width + j);
        if (how.add) x = load_part<V>(row(i) + j, n) + x;
        if (bias) x = x + load_part<V>(bias + j, n);
        store_part(row(i) + j, activate(x, how.act), n);
      }
    return;
  }
  const auto run = [&]<bool kAdd, bool kBias>() {
    relu ? finish_rows<kAdd, kBias, true>(acc, rows, cols, bias, row)
         : finish_rows<kAdd, kBias, false>(acc, rows, cols, bias, row);
  };
  if (how.add)
    bias ? run.template operator()<true, true>() : run.template operator()<true, false>();
  else
    bias ? run.template operator()<false, true>() : run.template operator()<false, false>();
}

}  // namespace lat::kernels::LAT_ISA
