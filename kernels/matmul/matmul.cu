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

#define KERNEL(name, plan) LAT_INSTANTIATE(name) LAT_INSTANTIATE(name##_scratch)
#include "kernels/matmul/matmul.def"
#undef KERNEL

}  // namespace lat::kernels::LAT_ISA
