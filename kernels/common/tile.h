#pragma once
// The register tile under every product: a few rows of A times a few vectors of columns of B.
//
// One accumulator per output stays in a register for a whole chunk of k, so each output is one chain of fused
// multiply-adds, k ascending, whatever the tile's shape: shapes, masks and packing change no bit. A is read one element
// at a time and broadcast, B one vector at a time.
#include <type_traits>

#include "kernels/common/activate.h"
#include "kernels/common/map.h"

namespace lat::kernels::LAT_ISA {

// Rows x vectors fill the registers: 14 x 2 of 32, 6 x 2 of 16; NEON multiplies by a lane of a register, so that A needs
// some of the 32. Doubles are for checking: their tiles are small.
#if LAT_VECTOR_BYTES == 64
constexpr i64 kFloatRows = 14;
#elif LAT_VECTOR_BYTES == 32
constexpr i64 kFloatRows = 6;
#elif defined(__aarch64__)
constexpr i64 kFloatRows = 10;
#else
constexpr i64 kFloatRows = 4;
#endif
template <class T>
constexpr i64 kTileRows = sizeof(T) == 4 ? kFloatRows : 4;

// Vectors of columns for a tile of `rows` rows; tiles of few rows are wide, to keep enough chains in flight, and for one
// row as wide as the registers allow: B is read once, and long stretches of it come faster.
template <class T>
constexpr i64 tile_vectors(i64 rows) {
  constexpr i64 widest = LAT_VECTOR_BYTES == 64 ? 16 : 8;
  return sizeof(T) == 8 ? 2 : rows == 1 ? widest : rows == 2 ? 4 : rows == 3 ? 3 : 2;
}

template <class T>
constexpr i64 tile_cols(i64 rows) {
  return tile_vectors<T>(rows) * kWidth<Vec<T>>;
}

template <class T>
constexpr i64 kTileCols = tile_cols<T>(kTileRows<T>);  // columns of a tile with many rows

template <class T>
constexpr i64 kTileSize =
    max_of(kTileRows<T> * 2, 9) * kWidth<Vec<T>>;  // elements of the largest tile

// s in every lane. Minus +0 changes no bit, so that this is one broadcast instruction; plus +0 would lose the sign of -0.
template <class V>
LAT_INLINE V broadcast(Elem<V> s) {
  return s - V{};
}

// Reads and writes the first n lanes of a vector, 0 <= n <= width; the others read as +0.
template <class V>
class Tail {
 public:
#if LAT_VECTOR_BYTES == 32
  LAT_INLINE explicit Tail(i64 n) : n_(n) {
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
  LAT_INLINE void store(Elem<V>* p, V v) const {
#if LAT_VECTOR_BYTES == 64
    store_part(p, v, n_);
#else
    n_ == kWidth<V> ? kernels::LAT_ISA::store(p, v) : store_part(p, v, n_);
#endif
  }

 private:
#if LAT_VECTOR_BYTES == 32
  std::conditional_t<sizeof(Elem<V>) == 4, VecI, VecL> mask_{};
#endif
  i64 n_;
};

// A stretch of k along which A advances evenly: `length` steps, then a leap of `skip` elements to the next stretch.
struct Run {
  i64 length, skip;
};

// c[i,j] = sum over k of a[i,k] b[k,j], a chain from +0; then, where asked for: the sum onto c, plus bias[j], ReLU.
// a: by columns a[k * lda + i], else a[i * lda + k], k counted along the runs.   b: b[k * ldb + j].   c: c[i * ldc + j].
template <class T>
struct Tile {
  const T* a;
  i64 lda;
  const Run* runs;
  i64 run_count;
  const T* b;
  i64 ldb;
  T* c;
  i64 ldc;
  i64 cols;
  bool add = false;
  const T* bias = nullptr;
  bool relu = false;
  bool far = false;  // c is not in the caches: fetched while the sums form
};

// Outputs of so many elements are not in the caches when their tile is stored.
template <class T>
constexpr bool is_far(i64 elements) {
  return elements * i64(sizeof(T)) > 1 << 19;
}

template <class T, i64 M, i64 N, bool kByColumns>
void tile(const Tile<T>& t) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>;
  const Tail<V> tail(t.cols - (N - 1) * w);
  V sum[M][N];
#pragma GCC unroll 16
  for (i64 i = 0; i < M; ++i)
#pragma GCC unroll 16
    for (i64 v = 0; v < N; ++v) sum[i][v] = V{};
  // Four rows of A share a pointer; the compiler must not trade these few registers for one offset per row.
  constexpr i64 groups = kByColumns ? 1 : (M + 3) / 4;
  const i64 lda = t.lda, ldb = t.ldb;
  const T* b = t.b;
  const T* a_group[groups];
#pragma GCC unroll 16
  for (i64 i = 0; i < groups; ++i) {
    a_group[i] = t.a + 4 * i * lda;
    asm("" : "+r"(a_group[i]));
  }
  i64 lda_3 = 3 * lda;
  asm("" : "+r"(lda_3));
  if (t.far) {
#pragma GCC unroll 16
    for (i64 i = 0; i < M; ++i)
#pragma GCC unroll 16
      for (i64 v = 0; v < N; ++v) __builtin_prefetch(t.c + i * t.ldc + v * w, 1);
  }
  for (const Run *run = t.runs, *end = run + t.run_count; run != end; ++run) {
    for (i64 l = run->length; l > 0; --l) {
      V b_l[N];
#pragma GCC unroll 16
      for (i64 v = 0; v < N - 1; ++v) b_l[v] = load<V>(b + v * w);
      b_l[N - 1] = tail.load(b + (N - 1) * w);
#pragma GCC unroll 16
      for (i64 i = 0; i < M; ++i) {
        const T* const group = a_group[kByColumns ? 0 : i / 4];
        const V a_il =
            broadcast<V>(kByColumns ? group[i] : group[i % 4 == 3 ? lda_3 : i % 4 * lda]);
#pragma GCC unroll 16
        for (i64 v = 0; v < N; ++v) sum[i][v] = fma(a_il, b_l[v], sum[i][v]);
      }
#pragma GCC unroll 16
      for (i64 i = 0; i < groups; ++i) a_group[i] += kByColumns ? lda : 1;
      b += ldb;
    }
#pragma GCC unroll 16
    for (i64 i = 0; i < groups; ++i) a_group[i] += run->skip;
  }
  const auto read = [&](const T* p, i64 v)
                        LAT_FLAT { return v < N - 1 ? load<V>(p + v * w) : tail.load(p + v * w); };
  if (t.add) {
#pragma GCC unroll 16
    for (i64 i = 0; i < M; ++i)
#pragma GCC unroll 16
      for (i64 v = 0; v < N; ++v) sum[i][v] = read(t.c + i * t.ldc, v) + sum[i][v];
  }
  if (t.bias) {
#pragma GCC unroll 16
    for (i64 v = 0; v < N; ++v) {
      const V bias = read(t.bias, v);
#pragma GCC unroll 16
      for (i64 i = 0; i < M; ++i) sum[i][v] = sum[i][v] + bias;
    }
  }
  if (t.relu) {
#pragma GCC unroll 16
    for (i64 i = 0; i < M; ++i)
#pragma GCC unroll 16
      for (i64 v = 0; v < N; ++v) sum[i][v] = m::relu(sum[i][v]);
  }
  T* c = t.c;
#pragma GCC unroll 16
  for (i64 i = 0; i < M; ++i, c += t.ldc) {
#pragma GCC unroll 16
    for (i64 v = 0; v < N - 1; ++v) store(c + v * w, sum[i][v]);
    tail.store(c + (N - 1) * w, sum[i][N - 1]);
  }
}

template <class T>
using TileFn = void (*)(const Tile<T>&);

// Every tile, by rows - 1 and vectors - 1.
template <class T, bool kByColumns>
struct Tiles {
  TileFn<T> fn[kTileRows<T>][tile_vectors<T>(1)];

  constexpr Tiles() : fn{} { fill<1, 1>(); }

 private:
  template <i64 M, i64 N>
  constexpr void fill() {
    fn[M - 1][N - 1] = &tile<T, M, N, kByColumns>;
    if constexpr (N < tile_vectors<T>(M))
      fill<M, N + 1>();
    else if constexpr (M < kTileRows<T>)
      fill<M + 1, 1>();
  }
};
template <class T, bool kByColumns>
inline constexpr Tiles<T, kByColumns> kTiles{};

// `count` tiles, each below the one before. 1 <= rows <= kTileRows, 1 <= t.cols <= tile_cols(rows).
template <class T>
inline void run_tile(Tile<T> t, bool by_columns, i64 rows, i64 count = 1) {
  const i64 vectors = ceil_div(t.cols, kWidth<Vec<T>>);
  const TileFn<T> fn = by_columns ? kTiles<T, true>.fn[rows - 1][vectors - 1]
                                  : kTiles<T, false>.fn[rows - 1][vectors - 1];
  for (fn(t); --count > 0; fn(t)) t.a += by_columns ? rows : rows * t.lda, t.c += rows * t.ldc;
}

// c[i,j] = act(c[i,j]) ; a tile itself knows only ReLU.
template <class T>
inline void activate_tile(T* c, i64 ldc, i64 rows, i64 cols, i64 act) {
  const bool whole = cols == ldc;  // rows that follow each other are one
  const i64 n = whole ? 1 : rows, length = whole ? rows * cols : cols;
  const auto each = [=](auto f) LAT_FLAT {
    for (i64 i = 0; i < n; ++i)
      map<T>({i * ldc, i * ldc + length},
             [&](auto in, i64 j) LAT_FLAT { in.store(c + j, f(in.load(c + j))); });
  };
  switch (act) {
    case 1:
      return each([](auto x) LAT_FLAT { return activate(x, 1); });
    case 2:
      return each([](auto x) LAT_FLAT { return activate(x, 2); });
    case 3:
      return each([](auto x) LAT_FLAT { return activate(x, 3); });
  }
}

}  // namespace lat::kernels::LAT_ISA
