#pragma once
// CUDA: what a block of the rungs 02 and 03 holds in shared memory. Its outputs are a rectangle of
// pixels of one image by 32 channels; every product finds its pixel in a tile of the image, framed
// with +0, and its filter in a slice that is replaced by the next.
#include "kernels/study/conv/sums.h"

namespace lat::kernels::LAT_ISA {

constexpr i32 kChannels = 32, kSlice = 32;  // of a block; products of a slice of the filter
constexpr i64 kMostShared = 96 << 10;       // bytes of a tile

struct ImageTile {
  i64 rows, row;                // outputs: rows of `row` pixels
  i64 image_rows, line, pitch;  // their patches: rows of `line` floats, `pitch` apart

  // An odd pitch: neighbouring rows begin in different banks.
  ImageTile(const ConvCall& z, i64 rows_, i64 row_)
      : rows(rows_),
        row(row_),
        image_rows((rows - 1) * z.stride + z.R),
        line(((row - 1) * z.stride + z.S) * z.C),
        pitch(line | 1) {}
  i64 bytes() const { return image_rows * pitch * i64(sizeof(float)); }
  i64 blocks(const ConvCall& z) const {
    return z.B * ceil_div(z.P, rows) * ceil_div(z.Q, row) * ceil_div(z.K, kChannels);
  }
};

// Where the outputs of this block begin.
struct Corner {
  i64 b, p, q, k;
  __device__ __forceinline__ Corner(const ConvCall& z, const ImageTile& tile) {
    const i64 columns = ceil_div(z.Q, tile.row), all_rows = ceil_div(z.P, tile.rows);
    i64 block = blockIdx.x;
    const i64 slices = ceil_div(z.K, kChannels);
    k = block % slices * kChannels;
    block /= slices;
    q = block % columns * tile.row;
    block /= columns;
    p = block % all_rows * tile.rows;
    b = block / all_rows;
  }
};

// A warp a row; pixels of a row lie one after the other in x.
__device__ __forceinline__ void load_image(float* to, const ConvCall& z, const ImageTile& tile,
                                           const Corner& at) {
  const i64 begin = (at.q * z.stride - z.pad) * z.C;  // in the row
  for (i64 r = threadIdx.x / 32; r < tile.image_rows; r += blockDim.x / 32) {
    const i64 h = at.p * z.stride - z.pad + r;
    const float* const from = z.x + (at.b * z.H + h) * z.W * z.C;
    for (i64 e = begin + threadIdx.x % 32; e < begin + tile.line; e += 32)
      to[r * tile.pitch + e - begin] = 0 <= h && h < z.H && 0 <= e && e < z.W * z.C ? from[e] : 0;
  }
}

// The filters of the products first, first + 1, ... (n of them).
__device__ __forceinline__ void load_slice(float (&to)[kSlice][kChannels], const ConvCall& z,
                                           const Corner& at, i64 first, i64 n) {
  const i64 k = at.k + threadIdx.x % 32;
  for (i64 i = threadIdx.x / 32; i < n; i += blockDim.x / 32)
    to[i][threadIdx.x % 32] = k < z.K ? z.f[(first + i) * z.K + k] : 0;
}

// multiply(f, offset) for all products in order: f[32] filters, and how far into the tile a patch's
// pixel lies from its first.
template <class Sums, class Multiply>
__device__ __forceinline__ void for_products(Sums& sums, float (&slice)[kSlice][kChannels],
                                             const ConvCall& z, const ImageTile& tile,
                                             const Corner& at, Multiply&& multiply) {
  const i64 run = z.S * z.C, n = z.R * run;
  i64 offset = 0, in_run = 0;
  for (i64 first = 0; first < n; first += kSlice) {
    const i64 here = min_of(kSlice, n - first);
    __syncthreads();
    load_slice(slice, z, at, first, here);
    __syncthreads();
    sums.begin(first);
    for (i64 i = 0; i < here; ++i) {
      multiply(slice[i], offset);
      ++offset;
      if (++in_run == run) in_run = 0, offset += tile.pitch - run;
    }
  }
  sums.end_chunk();
}

}  // namespace lat::kernels::LAT_ISA
