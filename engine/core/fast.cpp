#include "engine/core/fast.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "engine/core/library.h"
#include "engine/core/product.h"

namespace lat {

using kernels::Arg;
using kernels::K;
using kernels::Kernel;
using kernels::Part;
using kernels::Plan;

namespace {

void multiply(const Product& x) {
  const OpenBlas& blas = openblas();
  const int m = int(x.m), n = int(x.n), k = int(x.k);
  for (i64 g = 0; g < x.batch; ++g)
    blas.gemm(OpenBlas::kRowMajor, x.turned_a() ? OpenBlas::kTransposed : OpenBlas::kPlain,
              x.turned_b() ? OpenBlas::kTransposed : OpenBlas::kPlain, m, n, k, 1,
              x.a + (x.one_a() ? 0 : g * x.m * x.k), x.turned_a() ? m : k,
              x.b + (x.one_b() ? 0 : g * x.k * x.n), x.turned_b() ? k : n, x.into ? 1.0f : 0.0f,
              x.c + g * x.m * x.n, n);
}

void matmul(const Arg* args, Part) { multiply(product_of(K::matmul, args)); }
void matmul_into(const Arg* args, Part) { multiply(product_of(K::matmul_into, args)); }

// y, x, w, bias, batch, m, n, k, flags, act. The bias is there before the product; what follows is ours.
void linear_act(const Arg* args, Part) {
  Product x = product_of(K::linear_act, args);
  x.into = x.bias != nullptr;
  if (x.bias)
    for (i64 g = 0; g < x.batch; ++g)
      for (i64 i = 0; i < x.m; ++i)
        std::copy_n(x.bias + (x.one_b() ? 0 : g * x.n), x.n, x.c + (g * x.m + i) * x.n);
  multiply(x);
  const K acts[] = {K::relu, K::tanh, K::sigmoid};
  if (x.act > 0) {
    const Kernel* const rows = kernels::table(kernels::best_isa());
    const Arg in_place[5] = {args[0], args[0], {.i = x.batch * x.m * x.n}, {.r = 0}, {.r = 0}};
    rows[static_cast<size_t>(acts[x.act - 1])].run[0](in_place, {0, 1, nullptr});
  }
}

Plan one_part(const Arg*) { return {}; }

constexpr K kProducts[] = {K::matmul, K::matmul_into, K::linear_act};
constexpr void (*kByLibrary[])(const Arg*, Part) = {matmul, matmul_into, linear_act};

}  // namespace

double fast_bound(i64 k) {
  const double ku = static_cast<double>(k) * 0x1p-24;
  return 2 * ku / (1 - ku);
}

Fast::Fast(kernels::Isa isa, Team& team)
    : team_(team), rows_(kernels::table(isa), kernels::table(isa) + kernels::kKernelCount) {
  openblas();
  for (size_t i = 0; i < std::size(kProducts); ++i) {
    Kernel row = rows_[static_cast<size_t>(kProducts[i])];
    row.run[0] = kByLibrary[i];
    row.plan[0] = one_part;
    rows_.push_back(row);
  }
}

i64 Fast::won() const {
  return std::count_if(won_.begin(), won_.end(), [](const auto& w) { return w.second; });
}

int32_t Fast::quicker(int32_t kernel, const Arg* args) {
  const auto* const found = std::find(std::begin(kProducts), std::end(kProducts), K(kernel));
  if (found == std::end(kProducts)) return kernel;
  const Arg* const sizes = args + (*found == K::linear_act ? 4 : 3);
  std::vector<i64> shape(5);
  std::transform(sizes, sizes + 5, shape.begin(), [](const Arg& a) { return a.i; });
  const auto [at, fresh] = won_.try_emplace(shape, false);
  if (fresh) at->second = race(shape);
  return at->second ? kernels::kKernelCount + static_cast<int32_t>(found - std::begin(kProducts))
                    : kernel;
}

bool Fast::race(const std::vector<i64>& shape) {
  const i64 batch = shape[0], m = shape[1], n = shape[2], k = shape[3];
  if (std::min({batch, m, n, k}) < 1 || std::max({m, n, k}) > std::numeric_limits<int>::max())
    return false;
  openblas().set_threads(team_.size());
  // Operands of their own: an output may be somebody's sum.
  std::vector<float> a(static_cast<size_t>(batch * m * k), 1),
      b(static_cast<size_t>(batch * k * n), 1), c(static_cast<size_t>(batch * m * n));
  const Arg args[8] = {{.p = c.data()}, {.p = a.data()}, {.p = b.data()}, {.i = batch},
                       {.i = m},        {.i = n},        {.i = k},        {.i = shape[4]}};
  const Kernel& exact = rows_[static_cast<size_t>(K::matmul)];
  const Plan plan = exact.plan[0](args);
  team_.reserve_workspace(plan.workspace);
  const FloatGuard guard;
  constexpr int kRounds = 5;
  double best[2] = {1e300, 1e300};
  const double flops = 2.0 * static_cast<double>(batch) * static_cast<double>(m) *
                       static_cast<double>(n) * static_cast<double>(k);
  const i64 calls = std::clamp<i64>(static_cast<i64>(1e6 / flops), 1, 1000);
  for (int round = 0; round <= kRounds; ++round)
    for (const int side : {0, 1}) {
      const auto start = std::chrono::steady_clock::now();
      for (i64 i = 0; i < calls; ++i)
        if (side == 0)
          team_.run(exact.run[0], args, plan.parts);
        else
          matmul(args, {0, 1, nullptr});
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      if (round > 0) best[side] = std::min(best[side], taken.count());
    }
  return best[1] < best[0];
}

}  // namespace lat
