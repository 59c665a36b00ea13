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
    __builtin_prefetch(src + cols + w);  // of the panel that is copied next
    for (i64 c = 0; c < whole; c += w) store(dst + c, load<V>(src + c));
    store(dst + whole, tail.load(src + whole));
  }
}

// The columns of src (rows, cols) as panels of so many, each of them `rows` rows that follow each other. src is read as
// it lies, a row after the other.
template <class T>
void copy_panels(T* dst, i64 panel, const T* src, i64 lds, i64 rows, i64 cols) {
  using V = Vec<T>;
  constexpr i64 w = kWidth<V>;
  const i64 whole = (cols - 1) / w * w;
  const Tail<V> tail(cols - whole);
  for (i64 r = 0; r < rows; ++r, dst += panel, src += lds) {
    i64 j = 0;
    for (T* to = dst; j < whole; to += panel * rows)
      for (i64 c = 0; c < panel && j < whole; c += w, j += w) store(to + c, load<V>(src + j));
    store(dst + whole / panel * panel * rows + whole % panel, tail.load(src + whole));
  }
}

// Vectors as groups of 16 bytes, inside of which shuffles are cheap.
template <class T>
constexpr i64 kGroup = i64(16 / sizeof(T));

// Group g of the vector is p[g * step], p[g * step + 1], ...
template <class V>
LAT_INLINE V load_groups(const Elem<V>* p, i64 step) {
#if LAT_VECTOR_BYTES > 16
  const auto at = [=](i64 g) LAT_FLAT {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + g * step));
  };
#endif
#if LAT_VECTOR_BYTES == 64
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(at(0)), at(1), 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(at(2)), at(3), 1);
  return bits<V>(_mm512_maskz_inserti64x4(__mmask8(-1), _mm512_castsi256_si512(low), high, 1));
#elif LAT_VECTOR_BYTES == 32
  return bits<V>(_mm256_inserti128_si256(_mm256_castsi128_si256(at(0)), at(1), 1));
#else
  static_cast<void>(step);
  return load<V>(p);
#endif
}

// Of each n lanes: a[first], b[first], a[first + 1], ...
template <class V, i64 n, i64 first, size_t... I>
LAT_INLINE V zip(V a, V b, std::index_sequence<I...>) {
  return __builtin_shufflevector(
      a, b, int(i64(I) / n * n + first + i64(I) % n / 2 + i64(I) % 2 * kWidth<V>)...);
}

// The first n columns of w rows: lane r of x[c] is src[r * lds + c]. The rows of a vector's groups are as far apart as a
// group has elements; zipping the first half of such vectors with the second half, once or twice, is the transposition.
template <class T>
LAT_INLINE void load_columns(Vec<T> (&x)[kGroup<T>], const T* src, i64 lds) {
  using V = Vec<T>;
  constexpr i64 n = kGroup<T>;
  constexpr std::make_index_sequence<size_t(kWidth<V>)> lanes{};
  V y[n];
#pragma GCC unroll 4
  for (i64 r = 0; r < n; ++r) x[r] = load_groups<V>(src + r * lds, n * lds);
#pragma GCC unroll 2
  for (i64 step = 1; step < n; step *= 2) {
#pragma GCC unroll 2
    for (i64 r = 0; r < n / 2; ++r) {
      y[2 * r] = zip<V, n, 0>(x[r], x[r + n / 2], lanes);
      y[2 * r + 1] = zip<V, n, n / 2>(x[r], x[r + n / 2], lanes);
    }
#pragma GCC unroll 4
    for (i64 r = 0; r < n; ++r) x[r] = y[r];
  }
}

// w x w elements: dst[c * ldd + r] = src[r * lds + c].
template <class T>
LAT_INLINE void transpose_square(T* dst, i64 ldd, const T* src, i64 lds) {
  constexpr i64 n = kGroup<T>;
#pragma GCC unroll 4
  for (i64 c = 0; c < kWidth<Vec<T>>; c += n) {
    Vec<T> x[n];
    load_columns(x, src + c, lds);
#pragma GCC unroll 4
    for (i64 k = 0; k < n; ++k) store(dst + (c + k) * ldd, x[k]);
  }
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
