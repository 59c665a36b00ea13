// Linear recurrences along time.
#include "tests/kernels/scan_cases.h"

namespace lat::test {
namespace {

TEST_CASE("scan kernels equal the specification everywhere") {
  struct Shape {
    i64 steps, cols;
  };
  for (const Shape s :
       {Shape{0, 5}, {5, 0}, {1, 1}, {1, 70}, {7, 3}, {20, 16}, {9, 33}, {13, 130}, {500, 150}})
    for_scan_calls(s.steps, s.cols, [](const Call& call) { call.check_everywhere(); });
}

TEST_CASE("a scan with one factor is a geometric sum") {
  const i64 steps = 40;
  for (const Isa isa : fast_isas())
    for (const i64 reverse : {0, 1}) {
      const Values y = Call("scan")
                           .out(steps)
                           .in(Values(steps, 0.5))
                           .in(Values(steps, 3))
                           .in({2})
                           .integers({steps, 1, reverse})
                           .run(isa, kDouble)[0];
      for (i64 k = 0; k < steps; ++k) {  // 6 - 4 / 2^(k+1)
        const i64 row = reverse ? steps - 1 - k : k;
        REQUIRE(y[size_t(row)] == 6 - std::ldexp(4, -int(k + 1)));
      }
    }
}

TEST_CASE("a step of a scan is one fma") {
  const double a = double(1 + 0x1p-12f), start = a, b = -1;
  const Values y = Call("scan").out(1).in({a}).in({b}).in({start}).integers({1, 1, 1}).run(
      best_isa(), kFloat)[0];
  CHECK(y[0] == double(std::fma(float(a), float(start), float(b))));
  CHECK(y[0] != double(float(float(a) * float(start)) + float(b)));
}

TEST_CASE("the derivative of a scan equals central differences") {
  const i64 steps = 6, cols = 2, n = steps * cols;
  const Values a = numbers(n, -1, 1, 1), b = numbers(n, -1, 1, 2), start = numbers(cols, -1, 1, 3),
               dy = numbers(n, -1, 1, 4);
  for (const i64 reverse : {0, 1}) {
    const std::vector<i64> sizes = {steps, cols, reverse};
    const auto forward = [&](const Values& in) {  // a, b, start
      const auto part = [&](i64 from, i64 to) {
        return Values(in.begin() + from, in.begin() + to);
      };
      return Call("scan")
          .out(n)
          .in(part(0, n))
          .in(part(n, 2 * n))
          .in(part(2 * n, 2 * n + cols))
          .integers(sizes)
          .run(best_isa(), kDouble)[0];
    };
    Values all = a;
    all.insert(all.end(), b.begin(), b.end());
    all.insert(all.end(), start.begin(), start.end());
    const Values y = forward(all);
    const auto d =
        Call("scan_d1").out(n).out(n).out(cols).in(dy).in(a).in(y).in(start).integers(sizes).run(
            best_isa(), kDouble);
    Values got = d[0];
    got.insert(got.end(), d[1].begin(), d[1].end());
    got.insert(got.end(), d[2].begin(), d[2].end());
    const double h = 1e-5;
    for (size_t i = 0; i < all.size(); ++i) {
      Values up = all, down = all;
      up[i] += h, down[i] -= h;
      const Values y1 = forward(up), y0 = forward(down);
      double want = 0;
      for (size_t k = 0; k < size_t(n); ++k) want += dy[k] * (y1[k] - y0[k]) / (2 * h);
      REQUIRE(std::fabs(got[i] - want) < 1e-8);
    }
  }
}

}  // namespace
}  // namespace lat::test
