// A row at a time: maximum, sum and result while the row lies in the first-level cache. The matrix is read once and
// written once, and the differences are computed again instead of stored.
#include "kernels/common/math.h"
#include "kernels/common/reduce.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {

void softmax_rows(Part, float* y, const float* x, i64 rows, i64 cols) {
  for (i64 r = 0; r < rows; ++r, x += cols, y += cols) {
    const VecF most = splat<VecF>(row_most(x, cols));
    const VecF norm = splat<VecF>(m::log(row_total<float>(
        cols, [&](auto in, i64 c) LAT_FLAT { return m::exp(in.load(x + c) - most); })));
    map<float>({0, cols},
               [&](auto in, i64 c) LAT_FLAT { in.store(y + c, (in.load(x + c) - most) - norm); });
  }
}

}  // namespace lat::kernels::LAT_ISA
