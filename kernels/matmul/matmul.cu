// Matrix products on a device: calls of kernels/common/matrices.h.
#include "kernels/common/cuda.h"

#include "kernels/common/matrices.h"
#include "kernels/matmul/matmul.h"

namespace lat::kernels::LAT_ISA {

template <class T>
void matmul(Part stream, T* c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k, i64 flags) {
  multiply<T>(stream, {c, a, b, nullptr, batch, m, n, k, flags, 0, false});
}
template <class T>
i64 matmul_scratch(T* c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k, i64 flags) {
  return scratch_bytes<T>({c, a, b, nullptr, batch, m, n, k, flags, 0, false});
}

template <class T>
void matmul_into(Part stream, InOut<T> c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k,
                 i64 flags) {
  multiply<T>(stream, {c.p, a, b, nullptr, batch, m, n, k, flags, 0, true});
}
template <class T>
i64 matmul_into_scratch(InOut<T> c, const T* a, const T* b, i64 batch, i64 m, i64 n, i64 k,
                        i64 flags) {
  return scratch_bytes<T>({c.p, a, b, nullptr, batch, m, n, k, flags, 0, true});
}

template <class T>
void linear_act(Part stream, T* y, const T* x, const T* w, const T* bias, i64 batch, i64 m, i64 n,
                i64 k, i64 flags, i64 act) {
  multiply<T>(stream, {y, x, w, bias, batch, m, n, k, flags, act, false});
}
template <class T>
i64 linear_act_scratch(T* y, const T* x, const T* w, const T* bias, i64 batch, i64 m, i64 n, i64 k,
                       i64 flags, i64 act) {
  return scratch_bytes<T>({y, x, w, bias, batch, m, n, k, flags, act, false});
}

#define LAT_INSTANTIATE(T)                                                                        \
  template void matmul(Part, T*, const T*, const T*, i64, i64, i64, i64, i64);                    \
  template i64 matmul_scratch(T*, const T*, const T*, i64, i64, i64, i64, i64);                   \
  template void matmul_into(Part, InOut<T>, const T*, const T*, i64, i64, i64, i64, i64);         \
  template i64 matmul_into_scratch(InOut<T>, const T*, const T*, i64, i64, i64, i64, i64);        \
  template void linear_act(Part, T*, const T*, const T*, const T*, i64, i64, i64, i64, i64, i64); \
  template i64 linear_act_scratch(T*, const T*, const T*, const T*, i64, i64, i64, i64, i64, i64);
LAT_INSTANTIATE(float)
LAT_INSTANTIATE(double)

}  // namespace lat::kernels::LAT_ISA
