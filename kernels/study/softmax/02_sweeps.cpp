// Vectors, one operation after the other over the whole matrix, as separate ops of a framework would: maxima, then the
// differences, then the logarithms of the sums of their exponentials, then the result. Sixteen elements cost what one
// did, and the matrix goes through the memory three times. Two numbers a row wait in the workspace.
#include "kernels/common/math.h"
#include "kernels/common/reduce.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void softmax_sweeps(Part part, float* y, const float* x, i64 rows, i64 cols) {
  float* const most = static_cast<float*>(part.workspace);
  float* const norm = most + rows;
  for (i64 r = 0; r < rows; ++r) most[r] = row_most(x + r * cols, cols);
  for (i64 r = 0; r < rows; ++r) {
    const VecF shift = splat<VecF>(most[r]);
    map<float>({r * cols, (r + 1) * cols},
               [&](auto in, i64 i) LAT_FLAT { in.store(y + i, in.load(x + i) - shift); });
  }
  for (i64 r = 0; r < rows; ++r)
    norm[r] = m::log(row_total<float>(
        cols, [&](auto in, i64 c) LAT_FLAT { return m::exp(in.load(y + r * cols + c)); }));
  for (i64 r = 0; r < rows; ++r) {
    const VecF shift = splat<VecF>(norm[r]);
    map<float>({r * cols, (r + 1) * cols},
               [&](auto in, i64 i) LAT_FLAT { in.store(y + i, in.load(y + i) - shift); });
  }
}

}  // namespace lat::kernels::LAT_ISA
