// Numerics `fast`: another order of additions, within its bound, and nothing else.
#include "engine/core/fast.h"

#include <dlfcn.h>
#include <doctest/doctest.h>

#include <cmath>

#include "engine/core/library.h"
#include "tests/harness/small_vae.h"

namespace lat {

using kernels::Arg;
using kernels::K;

namespace {

bool installed() {
  const bool found = ::dlopen(OpenBlas::kFile, RTLD_NOW | RTLD_LOCAL) != nullptr;
  if (!found) MESSAGE("SKIPPED: numerics fast needs libopenblas0-pthread, which is not installed");
  return found;
}

std::vector<float> drawn(i64 n, u32 seed) {
  std::vector<float> v(static_cast<size_t>(n));
  for (float& x : v) {
    seed = seed * 1664525u + 1013904223u;
    x = static_cast<float>(static_cast<int32_t>(seed)) * 0x1p-31f;
  }
  return v;
}

}  // namespace

TEST_CASE("fast: without OpenBLAS the package is named") {
  if (::dlopen(OpenBlas::kFile, RTLD_NOW | RTLD_LOCAL)) return;
  try {
    Context ctx({.fast = true});
    FAIL("opened");
  } catch (const Error& e) {
    CHECK(e.code == Code::machine);
    CHECK(std::string(e.what()).find("libopenblas0-pthread") != std::string::npos);
  }
}

TEST_CASE("fast: OpenBLAS's products are sums of the same products, whatever the layout") {
  if (!installed()) return;
  Team team(2);
  Fast fast(kernels::best_isa(), team);
  constexpr i64 kBatch = 2, m = 5, n = 37, k = 700;
  const double bound = fast_bound(k) / 2;  // of one of the two
  const auto bias = drawn(kBatch * n, 3);
  for (const i64 flags : {0, 1, 2, 3, 4, 8, 12, 15})
    for (const K kernel : {K::matmul, K::matmul_into, K::linear_act})
      for (const i64 act : {0, 1, 2, 3}) {
        if (act > 0 && kernel != K::linear_act) continue;
        CAPTURE(flags);
        CAPTURE(act);
        auto a = drawn(kBatch * m * k, 1), b = drawn(kBatch * k * n, 2);
        std::vector<float> c(kBatch * m * n, 0.25f);
        auto bias_of_call = bias;
        const Arg linear[] = {
            {.p = c.data()}, {.p = a.data()}, {.p = b.data()}, {.p = bias_of_call.data()},
            {.i = kBatch},   {.i = m},        {.i = n},        {.i = k},
            {.i = flags},    {.i = act}};
        const Arg plain[] = {linear[0], linear[1], linear[2], linear[4],
                             linear[5], linear[6], linear[7], linear[8]};
        const i64 row = kernel == K::matmul ? 0 : kernel == K::matmul_into ? 1 : 2;
        fast.rows()[kernels::kKernelCount + row].run[0](kernel == K::linear_act ? linear : plain,
                                                        {0, 1, nullptr});
        double worst = 0;
        for (i64 g = 0; g < kBatch; ++g)
          for (i64 i = 0; i < m; ++i)
            for (i64 j = 0; j < n; ++j) {
              const i64 ga = flags & 4 ? 0 : g, gb = flags & 8 ? 0 : g;
              double sum = kernel == K::matmul_into ? 0.25 : 0;
              if (kernel == K::linear_act) sum = bias[static_cast<size_t>(gb * n + j)];
              double size = std::abs(sum);
              for (i64 t = 0; t < k; ++t) {
                const double x =
                    a[static_cast<size_t>(ga * m * k + (flags & 1 ? t * m + i : i * k + t))];
                const double y =
                    b[static_cast<size_t>(gb * k * n + (flags & 2 ? j * k + t : t * n + j))];
                sum += x * y;
                size += std::abs(x * y);
              }
              const double want = act == 1   ? std::max(sum, 0.0)
                                  : act == 2 ? std::tanh(sum)
                                  : act == 3 ? 1 / (1 + std::exp(-sum))
                                             : sum;
              const double got = c[static_cast<size_t>((g * m + i) * n + j)];
              worst = std::max(worst, std::abs(got - want) / size);
            }
        CHECK(worst <= bound + 4 * 0x1p-24);  // the activation rounds too
        CHECK(worst > 0);
      }
}

TEST_CASE("fast: a shape is raced once, and either way a row of the same kernel is called") {
  if (!installed()) return;
  Team team(1);
  Fast fast(kernels::best_isa(), team);
  auto a = drawn(64 * 64, 1), b = drawn(64 * 64, 2), c = drawn(64 * 64, 3);
  const auto before = c;
  const Arg args[] = {{.p = c.data()}, {.p = a.data()}, {.p = b.data()}, {.i = 1},
                      {.i = 64},       {.i = 64},       {.i = 64},       {.i = 0}};
  const int32_t row = fast.quicker(static_cast<int32_t>(K::matmul_into), args);
  CHECK(std::string(fast.rows()[row].name) == "matmul_into");
  CHECK(fast.quicker(static_cast<int32_t>(K::matmul_into), args) == row);
  CHECK(c == before);  // a race writes nowhere
  CHECK(fast.shapes() == 1);
  CHECK(fast.won() == (row >= kernels::kKernelCount));
  CHECK(fast.quicker(static_cast<int32_t>(K::exp), args) == static_cast<int32_t>(K::exp));
}

TEST_CASE("fast: a VAE trains to nearly the same losses; exact numerics stay exact") {
  if (!installed()) return;
  const auto losses = [](bool fast) {
    Context ctx({.threads = 2, .seed = 5, .fast = fast});
    test::SmallVae vae(ctx, false);
    const Buffer x(ctx, {32, 6, 6, 1});
    set_values(x, test::bright_rows(32, 0));
    Step learn(ctx, "learn", [&](Tensor images) { return vae.train(images, Rng(ctx)); });
    std::vector<double> out;
    for (int i = 0; i < 12; ++i) out.push_back(item(learn(x)));
    return out;
  };
  const std::vector<double> exact = losses(false), fast = losses(true);
  for (size_t i = 0; i < exact.size(); ++i)
    CHECK(fast[i] == doctest::Approx(exact[i]).epsilon(1e-4));
  CHECK(losses(false) == exact);
}

}  // namespace lat
