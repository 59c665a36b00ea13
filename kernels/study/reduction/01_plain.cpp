// The specification: element c of a row goes to lane c mod 64, then the lanes are folded by halves.
//
// 64 chains instead of one: what looks clumsy here is what lets every later rung add 64 numbers side by side without
// changing a bit. The lane's number is computed for every element, and every sum is loaded and stored.
#include "kernels/common/vec.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void reduction_plain(Part, float* y, const float* x, i64 rows, i64 cols, double scale) {
  for (i64 r = 0; r < rows; ++r, x += cols) {
    float total = 0;
    for (i64 chunk = 0; chunk < cols; chunk += kRowChunk) {
      float lane[kLanes] = {};
      for (i64 c = chunk; c < min_of(chunk + kRowChunk, cols); ++c) lane[c % kLanes] += x[c];
      for (i64 half = kLanes / 2; half > 0; half /= 2)
        for (i64 l = 0; l < half; ++l) lane[l] += lane[l + half];
      total = chunk == 0 ? lane[0] : total + lane[0];
    }
    y[r] = float(scale) * total;
  }
}

}  // namespace lat::kernels::LAT_ISA
