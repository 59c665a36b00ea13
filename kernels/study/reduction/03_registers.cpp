// The 64 lanes are vectors in registers: one load and one addition for each vector of x, nothing stored.
//
// With 64 lanes there are enough chains to hide the latency of an addition; from here on the row's way through the memory
// decides. The last, partial group is added by elements.
#include "kernels/common/vec.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void reduction_registers(Part, float* y, const float* x, i64 rows, i64 cols, double scale) {
  constexpr i64 w = kWidth<VecF>, n = kLanes / w;
  for (i64 r = 0; r < rows; ++r, x += cols) {
    float total = 0;
    for (i64 chunk = 0; chunk < cols; chunk += kRowChunk) {
      const i64 end = min_of(chunk + kRowChunk, cols);
      VecF sum[n] = {};
      i64 c = chunk;
      for (; c + kLanes <= end; c += kLanes)
#pragma GCC unroll 16
        for (i64 v = 0; v < n; ++v) sum[v] += load<VecF>(x + c + v * w);
      alignas(64) float lane[kLanes];
#pragma GCC unroll 16
      for (i64 v = 0; v < n; ++v) store(lane + v * w, sum[v]);
      for (i64 l = 0; c + l < end; ++l) lane[l] += x[c + l];
      for (i64 half = kLanes / 2; half > 0; half /= 2)
        for (i64 l = 0; l < half; ++l) lane[l] += lane[l + half];
      total = chunk == 0 ? lane[0] : total + lane[0];
    }
    y[r] = float(scale) * total;
  }
}

}  // namespace lat::kernels::LAT_ISA
