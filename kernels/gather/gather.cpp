// A row is copied at the speed of memory; pixels are divided a vector at a time.
#include "kernels/gather/gather.h"

#include <string.h>

#include <type_traits>

#include "kernels/common/map.h"
#include "kernels/gather/permutation.h"

namespace lat::kernels::LAT_ISA {

template <class T>
void shuffle(Part part, i32* index, const u64* clock, i64 rows, i64 n, i64 seed) {
  const Shuffle member(i64(clock[0]) - 1, rows, n, u64(seed));
  i64 r = part.begin(rows);
#if LAT_VECTOR_BYTES > 0
  typedef u64 Lanes __attribute__((vector_size(LAT_VECTOR_BYTES)));
  constexpr i64 w = LAT_VECTOR_BYTES / 8;
  for (; r + w <= part.end(rows); r += w) {
    const Lanes to = member.order.from<Lanes>(member.first + r);
    for (i64 l = 0; l < w; ++l) index[r + l] = i32(to[l]);
  }
#endif
  for (; r < part.end(rows); ++r) index[r] = i32(member(r));
}

template <class T>
void gather(Part part, T* y, const T* table, const i32* index, i64 rows, i64 cols) {
  const auto copy = [=](auto n) LAT_FLAT {  // of n elements
    for (i64 i = part.begin(rows); i < part.end(rows); ++i)
      memcpy(y + i * n, table + index[i] * n, size_t(n) * sizeof(T));
  };
  switch (cols) {  // a call of memcpy costs more than to copy a short row
    case 1:
      return copy(std::integral_constant<i64, 1>{});
    case 2:
      return copy(std::integral_constant<i64, 2>{});
    case 3:
      return copy(std::integral_constant<i64, 3>{});
    case 4:
      return copy(std::integral_constant<i64, 4>{});
    default:
      return copy(cols);
  }
}

template <class T>
void gather_u8(Part part, T* y, const u8* table, const i32* index, i64 rows, i64 cols) {
  constexpr i64 w = kWidth<Vec<T>>;
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const u8* const from = table + index[r] * cols;
    T* const to = y + r * cols;
    i64 c = 0;
    for (; c + w <= cols; c += w) {
      T values[w];
      for (i64 k = 0; k < w; ++k) values[k] = T(from[c + k]);
      store(to + c, load<Vec<T>>(values) / T(255));
    }
    for (; c < cols; ++c) to[c] = T(from[c]) / T(255);
  }
}

template <class T>
void put_row(Part part, InOut<T> ring, const u64* clock, const T* x, i64 rows, i64 cols, i64 first,
             i64 n) {
  T* const row = ring.p + i64(clock[0] - 1) % rows * cols + first;
  for (i64 c = part.begin(n); c < part.end(n); ++c) row[c] = x[c];
}

template <class T>
void arg_max(Part part, i32* index, const T* x, i64 rows, i64 cols) {
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const T* const row = x + r * cols;
    i64 best = 0;
    for (i64 c = 1; c < cols; ++c)
      if (row[best] < row[c]) best = c;
    index[r] = i32(best);
  }
}

template <class T>
void one_hot(Part part, T* y, const i32* index, i64 rows, i64 cols) {
  for (i64 r = part.begin(rows); r < part.end(rows); ++r)
    for (i64 c = 0; c < cols; ++c) y[r * cols + c] = c == index[r] ? T(1) : T(0);
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/gather/gather.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
