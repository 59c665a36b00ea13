// A row that lies scattered is gathered first, so that every pass runs over neighbours in the cache.
#include "kernels/norm/norm.h"

#include "kernels/common/reduce.h"
#include "kernels/norm/terms.h"

namespace lat::kernels::LAT_ISA {
namespace {

// body(in, i, k, c): the elements i, i + 1, ... of x (batch, places, groups, each), which are k, k + 1, ... of
// row r and have the channels c, c + 1, ...
template <class T, class Body>
LAT_INLINE void for_row(i64 r, i64 places, i64 groups, i64 each, Body&& body) {
  const i64 channels = groups * each, channel = r % groups * each;
  const i64 first = r / groups * places * channels + channel;
  for (i64 p = 0; p < places; ++p)
    map<T>({0, each}, [&](auto in, i64 e) LAT_FLAT {
      body(in, first + p * channels + e, p * each + e, channel + e);
    });
}

}  // namespace

template <class T>
void norm(Part part, T* y, T* mean, T* inv, const T* x, const T* gain, const T* bias, i64 batch,
          i64 places, i64 groups, i64 each, double eps) {
  using V = Vec<T>;
  const i64 rows = batch * groups, n = places * each;
  const bool scattered = places > 1 && groups > 1;
  T* const gathered = static_cast<T*>(part.workspace);
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const T* const row = scattered ? gathered : x + r * n;
    if (scattered)
      for_row<T>(r, places, groups, each, [&](auto in, i64 i, i64 k, i64) LAT_FLAT {
        in.store(gathered + k, in.load(x + i));
      });
    const T m = row_total(row, n) / T(n);
    const V vm = splat<V>(m);
    const T variance =
        row_join<Sum, true, T>(
            n, [&](auto in, i64 k) LAT_FLAT { return squared_deviation(in.load(row + k), vm); }) /
        T(n);
    mean[r] = m;
    inv[r] = inverse_deviation(variance, T(eps));
    const V vinv = splat<V>(inv[r]);
    for_row<T>(r, places, groups, each, [&](auto in, i64 i, i64 k, i64 c) LAT_FLAT {
      in.store(y + i, norm_value(in.load(row + k), vm, vinv, gain, bias,
                                 [&](const T* from) LAT_FLAT { return in.load(from + c); }));
    });
  }
}

template <class T>
void norm_d1(Part part, T* dx, T* dgain, const T* dy, const T* x, const T* mean, const T* inv,
             const T* gain, i64 batch, i64 places, i64 groups, i64 each) {
  using V = Vec<T>;
  const i64 rows = batch * groups, n = places * each;
  T* const d = static_cast<T*>(part.workspace);
  T* const h = d + n;
  for (i64 r = part.begin(rows); r < part.end(rows); ++r) {
    const V m = splat<V>(mean[r]), s = splat<V>(inv[r]);
    for_row<T>(r, places, groups, each, [&](auto in, i64 i, i64 k, i64 c) LAT_FLAT {
      const V dyi = in.load(dy + i);
      const NormSlope<V> slope(dyi, in.load(x + i), m, s, gain,
                               [&](const T* from) LAT_FLAT { return in.load(from + c); });
      in.store(d + k, slope.d);
      in.store(h + k, slope.h);
      if (dgain) in.store(dgain + i, dyi * slope.h);
    });
    if (!dx) continue;
    const V mean_d = splat<V>(row_total(d, n) / T(n));
    const V mean_dh = splat<V>(
        row_join<Sum, true, T>(
            n, [&](auto in, i64 k)
                   LAT_FLAT { return NormSlope<V>(in.load(d + k), in.load(h + k)).product(); }) /
        T(n));
    for_row<T>(r, places, groups, each, [&](auto in, i64 i, i64 k, i64) LAT_FLAT {
      in.store(dx + i, NormSlope<V>(in.load(d + k), in.load(h + k)).dx(mean_d, mean_dh, s));
    });
  }
}

#define KERNEL(name, plan) LAT_INSTANTIATE(name)
#include "kernels/norm/norm.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
