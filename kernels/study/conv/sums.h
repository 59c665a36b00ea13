#pragma once
// CUDA: the sums of a thread's outputs in the order of chain.h, and what becomes of them.
#include "kernels/common/cuda.h"
#include "kernels/common/math.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

// A thread's outputs: some pixels by some channels.
template <i32 pixels, i32 channels>
struct Sums {
  float chunk[pixels][channels], total[pixels][channels];

  // A total begins with -0: whatever is added to it stays what it is.
  __device__ __forceinline__ Sums() {
    CU_UNROLL
    for (i32 p = 0; p < pixels; ++p) CU_UNROLL
    for (i32 k = 0; k < channels; ++k) chunk[p][k] = 0, total[p][k] = -0.0f;
  }
  // Called before product number i.
  __device__ __forceinline__ void begin(i64 i) {
    if (i > 0 && i % kChunk == 0) end_chunk();
  }
  __device__ __forceinline__ void end_chunk() {
    CU_UNROLL
    for (i32 p = 0; p < pixels; ++p) CU_UNROLL
    for (i32 k = 0; k < channels; ++k) total[p][k] += chunk[p][k], chunk[p][k] = 0;
  }
  __device__ __forceinline__ void multiply(const float (&x)[pixels], const float (&f)[channels]) {
    CU_UNROLL
    for (i32 p = 0; p < pixels; ++p) CU_UNROLL
    for (i32 k = 0; k < channels; ++k) chunk[p][k] = fma(x[p], f[k], chunk[p][k]);
  }
};

// Output number `pixel` of all B P Q, channel k.
__device__ __forceinline__ void store(const ConvCall& z, i64 pixel, i64 k, float total) {
  const float v = z.bias ? total + z.bias[k] : total;
  z.y[pixel * z.K + k] = z.act == 1 ? m::relu(v) : v;
}

}  // namespace lat::kernels::LAT_ISA
