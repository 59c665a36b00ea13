#pragma once
// Data movement for products: bringing operands into the layout that the register tile reads. No arithmetic.
#include <utility>

#include "kernels/common/tile.h"

namespace lat::kernels::LAT_ISA {

// dst (rows, cols) = src (rows, cols), in whole vectors: the last one of a row is filled up with +0, so that the rows of
// dst are at least as far apart.
template <class T>
void copy_panel(T* dst, i64 ldd, const T* src, i64 lds, i64 rows, i64 cols) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>;
  const i64 whole = (cols - 1) / w * w;
  const Tail<V> tail(cols - whole);
  for (i64 r = 0; r < rows; ++r, dst += ldd, src += lds) {
    for (i64 c = 0; c < whole; c += w) store(dst + c, load<V>(src + c));
    store(dst + whole, tail.load(src + whole));
  }
}

template <class V, int first, size_t... I>
LAT_INLINE V zip(V a, V b, std::index_sequence<I...>) {  // a[first], b[first], a[first + 1], ...
  constexpr int w = int(kWidth<V>);
  return __builtin_shufflevector(a, b, (first + int(I) / 2 + int(I) % 2 * w)...);
}

// w x w elements: dst[c * ldd + r] = src[r * lds + c]. Zipping the first half of the vectors with the second half,
// log2(w) times, is the transposition.
template <class T>
LAT_INLINE void transpose_square(T* dst, i64 ldd, const T* src, i64 lds) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>;
  constexpr std::make_index_sequence<size_t(w)> lanes{};
  V x[w], y[w];
#pragma GCC unroll 16
  for (i64 r = 0; r < w; ++r) x[r] = load<V>(src + r * lds);
#pragma GCC unroll 4
  for (i64 n = 1; n < w; n *= 2) {
#pragma GCC unroll 16
    for (i64 r = 0; r < w / 2; ++r) {
      y[2 * r] = zip<V, 0>(x[r], x[r + w / 2], lanes);
      y[2 * r + 1] = zip<V, int(w / 2)>(x[r], x[r + w / 2], lanes);
    }
#pragma GCC unroll 16
    for (i64 r = 0; r < w; ++r) x[r] = y[r];
  }
#pragma GCC unroll 16
  for (i64 r = 0; r < w; ++r) store(dst + r * ldd, x[r]);
}

// dst (cols, rows) = the transpose of src (rows, cols).
template <class T>
void transpose(T* dst, i64 ldd, const T* src, i64 lds, i64 rows, i64 cols) {
  constexpr i64 w = kWidth<Vec<T>>;
  i64 r = 0;
  for (; r + w <= rows; r += w) {
    i64 c = 0;
    for (; c + w <= cols; c += w) transpose_square(dst + c * ldd + r, ldd, src + r * lds + c, lds);
    for (; c < cols; ++c)
      for (i64 i = r; i < r + w; ++i) dst[c * ldd + i] = src[i * lds + c];
  }
  for (; r < rows; ++r)
    for (i64 c = 0; c < cols; ++c) dst[c * ldd + r] = src[r * lds + c];
}

}  // namespace lat::kernels::LAT_ISA
