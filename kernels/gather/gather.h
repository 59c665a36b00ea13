#pragma once
// Batches out of a table that stays where it is, rows into a ring, and the choice of a column. Bound by memory.
#include "kernels/common/types.h"

namespace lat::kernels::LAT_ISA {

constexpr i64 kGatherGrain = 1 << 17;  // bytes that take about 10 us

// index[r] = the member of 0 .. n-1 in row r of batch clock[0] - 1: batches of `rows` out of an endless run of epochs,
// each in an order of its own, a function of seed and epoch alone (permutation.h); an epoch leaves out n mod rows.
// 1 <= rows <= n, clock[0] >= 1
template <class T>
void shuffle(Part part, i32* index, const u64* clock, i64 rows, i64 n, i64 seed);
template <class T>
Plan shuffle_plan(i32*, const u64*, i64, i64, i64) {
  return {};
}

// y[r,c] = table[index[r],c]                    y (rows, cols), index in 0 .. the table's rows - 1
template <class T>
void gather(Part part, T* y, const T* table, const i32* index, i64 rows, i64 cols);
template <class T>
Plan gather_plan(T*, const T*, const i32*, i64 rows, i64 cols) {
  return share(rows * cols * i64(sizeof(T)), kGatherGrain, rows);
}

// y[r,c] = table[index[r],c] / 255, of pixels
template <class T>
void gather_u8(Part part, T* y, const u8* table, const i32* index, i64 rows, i64 cols);
template <class T>
Plan gather_u8_plan(T*, const u8*, const i32*, i64 rows, i64 cols) {
  return share(rows * cols * i64(sizeof(T)), kGatherGrain, rows);
}

// ring[(clock[0] - 1) mod rows, first + c] = x[c]: what a step leaves in the row that is its turn
// ring (rows, cols), x (n), first + n <= cols, clock[0] >= 1
template <class T>
void put_row(Part part, InOut<T> ring, const u64* clock, const T* x, i64 rows, i64 cols, i64 first,
             i64 n);
template <class T>
Plan put_row_plan(InOut<T>, const u64*, const T*, i64, i64, i64, i64) {
  return {};
}

// index[r] = the first c where x[r,c] is largest; a NaN is never larger      x (rows, cols), cols >= 1
template <class T>
void arg_max(Part part, i32* index, const T* x, i64 rows, i64 cols);
template <class T>
Plan arg_max_plan(i32*, const T*, i64 rows, i64 cols) {
  return share(rows * cols * i64(sizeof(T)), kGatherGrain, rows);
}

// y[r,c] = c = index[r] ? 1 : 0                 y (rows, cols)
template <class T>
void one_hot(Part part, T* y, const i32* index, i64 rows, i64 cols);
template <class T>
Plan one_hot_plan(T*, const i32*, i64 rows, i64 cols) {
  return share(rows * cols * i64(sizeof(T)), kGatherGrain, rows);
}

}  // namespace lat::kernels::LAT_ISA
