// One operation a kernel, as a tape of elementwise ops would queue them: eight kernels.
//
//   eps = noise   t = logvar / 2   t = exp(t)   z = mu + t eps   t = expm1(logvar)   t = t - logvar
//   t = t + mu^2   kl = 1/2 row sums of t
//
// Each reads one to three arrays from the memory and writes one; t lives in the scratch memory for
// nothing else.
#include "kernels/common/cuda.h"

#include "kernels/common/elements.h"
#include "kernels/common/math.h"
#include "kernels/random/random.h"
#include "kernels/reduce/reduce.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {
namespace {

__global__ void halve(float* y, const float* x, i64 n) {
  for_elements(
      n, [&](i64 i) { return x[i]; }, [&](i64 i, float v) { y[i] = v * 0.5f; });
}
__global__ void exponential(float* y, const float* x, i64 n) {
  for_elements(
      n, [&](i64 i) { return x[i]; }, [&](i64 i, float v) { y[i] = m::exp(v); });
}
__global__ void exponential_less_1(float* y, const float* x, i64 n) {
  for_elements(
      n, [&](i64 i) { return x[i]; }, [&](i64 i, float v) { y[i] = m::expm1(v); });
}
__global__ void subtract(float* y, const float* a, const float* b, i64 n) {
  struct Operands {
    float a, b;
  };
  for_elements(
      n,
      [&](i64 i) {
        return Operands{a[i], b[i]};
      },
      [&](i64 i, Operands v) { y[i] = v.a - v.b; });
}
// y = a b + c
__global__ void multiply_add(float* y, const float* a, const float* b, const float* c, i64 n) {
  struct Operands {
    float a, b, c;
  };
  for_elements(
      n,
      [&](i64 i) {
        return Operands{a[i], b[i], c[i]};
      },
      [&](i64 i, Operands v) { y[i] = fma(v.a, v.b, v.c); });
}

// y = a + b^2
__global__ void add_square(float* y, const float* a, const float* b, i64 n) {
  struct Operands {
    float a, b;
  };
  for_elements(
      n,
      [&](i64 i) {
        return Operands{a[i], b[i]};
      },
      [&](i64 i, Operands v) { y[i] = fma(v.b, v.b, v.a); });
}

}  // namespace

void latent_chain(Part stream, const LatentCall& x) {
  const i64 n = x.rows * x.cols;
  float* const t = static_cast<float*>(stream.scratch);
  const gpu::Extent blocks = blocks_of(n);
  normal<float>(stream, x.eps, x.clock, n, x.cols, x.seed, x.stream);
  stream.launch(halve, {blocks, kThreads}, t, x.logvar, n);
  stream.launch(exponential, {blocks, kThreads}, t, t, n);
  stream.launch(multiply_add, {blocks, kThreads}, x.z, t, x.eps, x.mu, n);
  stream.launch(exponential_less_1, {blocks, kThreads}, t, x.logvar, n);
  stream.launch(subtract, {blocks, kThreads}, t, t, x.logvar, n);
  stream.launch(add_square, {blocks, kThreads}, t, t, x.mu, n);
  row_sum<float>(stream, x.kl, t, x.rows, x.cols, 0.5);
}

}  // namespace lat::kernels::LAT_ISA
