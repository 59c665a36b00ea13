// Each row is read three times (maximum, sum, result) while it lies in the cache; exp is computed
// once.
#include "kernels/softmax/softmax.h"

#include "kernels/common/reduce.h"
#include "kernels/softmax/terms.h"

namespace lat::kernels::LAT_ISA {

template <class T>
void log_softmax(Part part, T* y, const T* x, i64 rows, i64 cols) {
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const T* xr = x + r * cols;
    T* yr = y + r * cols;
    const Vec<T> most = splat<Vec<T>>(row_most(xr, cols));
    const Vec<T> log_sum = splat<Vec<T>>(m::log(row_total<T>(
        cols, [&](auto in, i64 c) LAT_FLAT { return softmax_weight(in.load(xr + c), most); })));
    map<T>({0, cols}, [&](auto in, i64 c) LAT_FLAT {
      in.store(yr + c, log_softmax_value(in.load(xr + c), most, log_sum));
    });
  }
}

template <class T>
void log_softmax_d1(Part part, T* dx, const T* dy, const T* y, i64 rows, i64 cols) {
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const T* dyr = dy + r * cols;
    const Vec<T> sum = splat<Vec<T>>(row_total(dyr, cols));
    map<T>({r * cols, (r + 1) * cols}, [&](auto in, i64 i) LAT_FLAT {
      in.store(dx + i, log_softmax_slope(in.load(dy + i), in.load(y + i), sum));
    });
  }
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/softmax/softmax.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
