#pragma once
// Gathering as plain loops.
#include "kernels/common/types.h"
#include "kernels/gather/permutation.h"

namespace lat::kernels::spec {

template <class T>
void shuffle(i32* index, const u64* clock, i64 rows, i64 n, i64 seed) {
  const Shuffle member(i64(clock[0]) - 1, rows, n, u64(seed));
  for (i64 r = 0; r < rows; ++r) index[r] = i32(member(r));
}

template <class T>
void gather(T* y, const T* table, const i32* index, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r)
    for (i64 c = 0; c < cols; ++c) y[r * cols + c] = table[index[r] * cols + c];
}

template <class T>
void gather_u8(T* y, const u8* table, const i32* index, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r)
    for (i64 c = 0; c < cols; ++c) y[r * cols + c] = T(table[index[r] * cols + c]) / T(255);
}

template <class T>
void put_row(InOut<T> ring, const u64* clock, const T* x, i64 rows, i64 cols, i64 first, i64 n) {
  const i64 row = i64(clock[0] - 1) % rows;
  for (i64 c = 0; c < n; ++c) ring.p[row * cols + first + c] = x[c];
}

template <class T>
void arg_max(i32* index, const T* x, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r) {
    i64 best = 0;
    for (i64 c = 1; c < cols; ++c)
      if (x[r * cols + best] < x[r * cols + c]) best = c;
    index[r] = i32(best);
  }
}

template <class T>
void one_hot(T* y, const i32* index, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r)
    for (i64 c = 0; c < cols; ++c) y[r * cols + c] = c == index[r] ? T(1) : T(0);
}

}  // namespace lat::kernels::spec
