// The ladders' tables: every rung under the arguments of the kernel table.
#include "kernels/conv/conv.h"
#include "kernels/likelihood/likelihood.h"
#include "kernels/matmul/matmul.h"
#include "kernels/random/random.h"
#include "kernels/reduce/reduce.h"
#include "kernels/softmax/softmax.h"
#include "kernels/study/conv/direct.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {
namespace {

float* out(Arg a) { return static_cast<float*>(a.p); }
const float* in(Arg a) { return static_cast<const float*>(a.p); }

Plan alone(i64 floats) { return {1, ceil_div(floats * 4, 64) * 64}; }

// A row of the specification's table.
template <K kernel>
void specification(const Arg* a, Part part) {
  table(Isa::spec)[i32(kernel)].run[0](a, part);
}

// ---- gemm: c, a, b, batch, m, n, k, flags -------------------------------------------------------

template <Gemm* f>
void run(const Arg* a, Part part) {
  f(part, out(a[0]), in(a[1]), in(a[2]), a[4].i, a[5].i, a[6].i);
}
Plan gemm_alone(const Arg* a) { return alone(a[5].i); }
Plan gemm_shared(const Arg* a) {
  return share(a[4].i * a[5].i * a[6].i, 1 << 20, ceil_div(a[4].i, 28));
}
Plan gemm_own(const Arg* a) {
  return matmul_plan<float>(out(a[0]), in(a[1]), in(a[2]), 1, a[4].i, a[5].i, a[6].i, 0);
}
constexpr Rung kGemm[] = {
    {"01_naive", "a dot product an element", run<gemm_naive>, gemm_alone},
    {"02_reordered", "columns innermost: no addition waits for another", run<gemm_reordered>,
     gemm_alone},
    {"03_tiled", "a block of b stays in the second-level cache", run<gemm_tiled>, gemm_alone},
    {"04_packed", "the block is copied to a panel without gaps", run<gemm_packed>, gemm_alone},
    {"05_vector", "64 sums stay in registers", run<gemm_vector>, gemm_alone},
    {"06_register_tile", "several rows share each load of the panel", run<gemm_register_tile>,
     gemm_alone},
    {"07_threads", "threads claim blocks of rows", run<gemm_threads>, gemm_shared},
    {"08_product", "packs where it pays, masks the edges", run<gemm_product>, gemm_own},
};

// ---- conv: y, x, f, bias, B, H, W, C, K, R, S, P, Q, stride, pad, act ---------------------------

template <Conv* f>
void run(const Arg* a, Part part) {
  f(part, conv_call(a));
}
// A product of `rows` patches, and they beside its own workspace.
Plan patches_alone(const ConvCall& z, i64 rows) {
  const i64 depth = z.R * z.S * z.C;
  const Plan plan = matmul_plan<float>(z.y, z.x, z.f, 1, rows, z.K, depth, 0);
  return alone(plan.workspace / 4 + rows * depth);
}
Plan conv_none(const Arg*) { return {}; }
Plan im2col_plan(const Arg* a) {
  const ConvCall z = conv_call(a);
  return patches_alone(z, z.B * z.P * z.Q);
}
Plan implicit_plan(const Arg* a) { return patches_alone(conv_call(a), kPatchBlock); }
Plan direct_plan(const Arg* a) { return alone(direct_workspace(conv_call(a))); }
Plan conv_own(const Arg* a) {
  const ConvCall z = conv_call(a);
  return conv2d_plan<float>(z.y, z.x, z.f, z.bias, z.B, z.H, z.W, z.C, z.K, z.R, z.S, z.P, z.Q,
                            z.stride, z.pad, z.act);
}
constexpr Rung kConv[] = {
    {"01_plain", "seven loops, a border test at every tap", run<conv_plain>, conv_none},
    {"02_im2col", "patches as a matrix in memory, one product", run<conv_im2col>, im2col_plan},
    {"03_implicit_gemm", "a few patches at a time, in the cache", run<conv_implicit_gemm>,
     implicit_plan},
    {"04_direct", "no patches: tiles read the framed image", run<conv_direct>, direct_plan},
    {"05_fused", "bias and relu before the sums are stored", run<conv_fused>, direct_plan},
    {"06_product", "tiles across lines, masked edges, threads", run<conv_product>, conv_own},
};

// ---- reparameterise_kl: z, eps, kl, mu, logvar, clock, rows, cols, seed, stream -----------------

template <Latent* f>
void run(const Arg* a, Part part) {
  f(part, latent_call(a));
}
void latent_specification(const Arg* a, Part part) {
  Arg n;
  n.i = a[6].i * a[7].i;
  const Arg first[] = {a[0], a[1], a[3], a[4], a[5], n, a[7], a[8], a[9]};
  const Arg second[] = {a[2], a[3], a[4], a[6], a[7]};
  specification<K::reparameterise>(first, part);
  specification<K::gaussian_kl>(second, part);
}
Plan latent_alone(const Arg* a) { return alone(a[6].i * a[7].i); }
Plan latent_shared(const Arg* a) {
  return share(a[6].i * a[7].i, kRandomGrain, ceil_div(a[6].i, 16));
}
constexpr Rung kLatent[] = {
    {"01_chain", "one operation a pass: eight passes", run<latent_chain>, latent_alone},
    {"02_product", "two kernels without temporaries, threads", run<latent_product>, latent_shared},
    {"03_tiles", "both kernels on 16 rows at a time", run<latent_tiles>, latent_shared},
    {"04_one_pass", "one loop: each input is loaded once", run<latent_one_pass>, latent_shared},
};

// ---- softmax: y, x, rows, cols; reduction: y, x, rows, cols, scale ------------------------------

template <Softmax* f>
void run(const Arg* a, Part part) {
  f(part, out(a[0]), in(a[1]), a[2].i, a[3].i);
}
Plan rows_alone(const Arg* a) { return alone(2 * a[2].i); }
Plan softmax_own(const Arg* a) {
  return log_softmax_plan<float>(out(a[0]), in(a[1]), a[2].i, a[3].i);
}
constexpr Rung kSoftmax[] = {
    {"01_plain", "one element at a time", run<softmax_plain>, rows_alone},
    {"02_sweeps", "vectors; each operation over the whole matrix", run<softmax_sweeps>, rows_alone},
    {"03_rows", "all operations on a row while it is cached", run<softmax_rows>, rows_alone},
    {"04_product", "threads share the rows", run<softmax_product>, softmax_own},
};

template <Reduction* f>
void run(const Arg* a, Part part) {
  f(part, out(a[0]), in(a[1]), a[2].i, a[3].i, a[4].r);
}
Plan reduction_own(const Arg* a) {
  return row_sum_plan<float>(out(a[0]), in(a[1]), a[2].i, a[3].i, a[4].r);
}
constexpr Rung kReduction[] = {
    {"01_plain", "element c to lane c mod 64", run<reduction_plain>, rows_alone},
    {"02_lanes", "64 elements at a time: no remainders", run<reduction_lanes>, rows_alone},
    {"03_registers", "the lanes stay in registers", run<reduction_registers>, rows_alone},
    {"04_product", "folds in vectors, masks the tail, threads", run<reduction_product>,
     reduction_own},
};

template <i64 n>
constexpr Ladder ladder_of(const char* name, const Rung (&rungs)[n], i64 product, Run spec) {
  return {name, rungs, n, product, spec};
}
constexpr Ladder kAll[kLadders] = {
    ladder_of("gemm", kGemm, 7, specification<K::matmul>),
    ladder_of("conv", kConv, 5, specification<K::conv2d>),
    ladder_of("reparameterise_kl", kLatent, 1, latent_specification),
    ladder_of("softmax", kSoftmax, 3, specification<K::log_softmax>),
    ladder_of("reduction", kReduction, 3, specification<K::row_sum>),
};

}  // namespace

const Ladder& ladder(i64 index) { return kAll[index]; }

}  // namespace lat::kernels::LAT_ISA
