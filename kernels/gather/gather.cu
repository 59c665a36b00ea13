// Gathering on a device: a block for a few rows, neighbouring threads at neighbouring elements.
#include "kernels/common/cuda.h"

#include "kernels/gather/gather.h"
#include "kernels/gather/permutation.h"

namespace lat::kernels::LAT_ISA {
namespace {

constexpr i64 kGatherThreads = 256, kGatherRows = 8;  // rows of a block
constexpr i64 kMostAlongY = 65535;                    // blocks

__global__ void shuffle_rows(i32* index, const u64* clock, i64 rows, i64 n, i64 seed) {
  const i64 r = blockIdx.x * kGatherThreads + threadIdx.x;
  if (r >= rows) return;
  const Shuffle member(i64(clock[0]) - 1, rows, n, u64(seed));
  index[r] = i32(member(r));
}

struct Same {
  template <class T>
  static LAT_INLINE T of(T x) {
    return x;
  }
};
struct Pixel {
  template <class T>
  static LAT_INLINE T of(u8 x) {
    return T(x) / T(255);
  }
};

// Grid: columns, then rows.
template <class Value, class T, class From>
__global__ void gather_rows(T* y, const From* table, const i32* index, i64 rows, i64 cols) {
  const i64 c = blockIdx.x * kGatherThreads + threadIdx.x;
  const i64 first = blockIdx.y * kGatherRows;
  if (c >= cols) return;
  CU_UNROLL
  for (i64 k = 0; k < kGatherRows; ++k)
    if (first + k < rows)
      y[(first + k) * cols + c] = Value::template of<T>(table[index[first + k] * cols + c]);
}

template <class T>
__global__ void put_in_turn(T* ring, const u64* clock, const T* x, i64 rows, i64 cols, i64 first,
                            i64 n) {
  const i64 c = blockIdx.x * kGatherThreads + threadIdx.x;
  if (c < n) ring[i64(clock[0] - 1) % rows * cols + first + c] = x[c];
}

template <class T>
__global__ void choose_columns(i32* index, const T* x, i64 rows, i64 cols) {
  const i64 r = blockIdx.x * kGatherThreads + threadIdx.x;
  if (r >= rows) return;
  i64 best = 0;
  for (i64 c = 1; c < cols; ++c)
    if (x[r * cols + best] < x[r * cols + c]) best = c;
  index[r] = i32(best);
}

template <class T>
__global__ void mark_columns(T* y, const i32* index, i64 n, i64 cols) {
  const i64 i = blockIdx.x * kGatherThreads + threadIdx.x;
  if (i < n) y[i] = i % cols == index[i / cols] ? T(1) : T(0);
}

template <class Value, class T, class From>
void launch_gather(Stream& stream, T* y, const From* table, const i32* index, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; r += kMostAlongY * kGatherRows) {
    const i64 some = min_of(rows - r, kMostAlongY * kGatherRows);
    stream.launch(gather_rows<Value, T, From>,
                  {{ceil_div(cols, kGatherThreads), ceil_div(some, kGatherRows)}, kGatherThreads},
                  y + r * cols, table, index + r, some, cols);
  }
}

}  // namespace

template <class T>
void shuffle(Part stream, i32* index, const u64* clock, i64 rows, i64 n, i64 seed) {
  stream.launch(shuffle_rows, {ceil_div(rows, kGatherThreads), kGatherThreads}, index, clock, rows,
                n, seed);
}

template <class T>
void gather(Part stream, T* y, const T* table, const i32* index, i64 rows, i64 cols) {
  launch_gather<Same>(stream, y, table, index, rows, cols);
}

template <class T>
void gather_u8(Part stream, T* y, const u8* table, const i32* index, i64 rows, i64 cols) {
  launch_gather<Pixel>(stream, y, table, index, rows, cols);
}

template <class T>
void put_row(Part stream, InOut<T> ring, const u64* clock, const T* x, i64 rows, i64 cols,
             i64 first, i64 n) {
  stream.launch(put_in_turn<T>, {ceil_div(n, kGatherThreads), kGatherThreads}, ring.p, clock, x,
                rows, cols, first, n);
}

template <class T>
void arg_max(Part stream, i32* index, const T* x, i64 rows, i64 cols) {
  stream.launch(choose_columns<T>, {ceil_div(rows, kGatherThreads), kGatherThreads}, index, x, rows,
                cols);
}

template <class T>
void one_hot(Part stream, T* y, const i32* index, i64 rows, i64 cols) {
  const i64 n = rows * cols;
  stream.launch(mark_columns<T>, {ceil_div(n, kGatherThreads), kGatherThreads}, y, index, n, cols);
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/gather/gather.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
