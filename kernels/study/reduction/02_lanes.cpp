// 64 elements at a time in a loop of constant length: no remainder to compute, and the compiler may use vectors. The lanes
// still wait in memory between one group of 64 and the next.
#include "kernels/common/vec.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void reduction_lanes(Part, float* y, const float* x, i64 rows, i64 cols, double scale) {
  for (i64 r = 0; r < rows; ++r, x += cols) {
    float total = 0;
    for (i64 chunk = 0; chunk < cols; chunk += kRowChunk) {
      const i64 end = min_of(chunk + kRowChunk, cols);
      alignas(64) float lane[kLanes] = {};
      i64 c = chunk;
      for (; c + kLanes <= end; c += kLanes)
        for (i64 l = 0; l < kLanes; ++l) lane[l] += x[c + l];
      for (i64 l = 0; c + l < end; ++l) lane[l] += x[c + l];
      for (i64 half = kLanes / 2; half > 0; half /= 2)
        for (i64 l = 0; l < half; ++l) lane[l] += lane[l + half];
      total = chunk == 0 ? lane[0] : total + lane[0];
    }
    y[r] = float(scale) * total;
  }
}

}  // namespace lat::kernels::LAT_ISA
