// Normalisation over groups of channels.
#include "tests/kernels/norm_cases.h"

namespace lat::test {
namespace {

TEST_CASE("norm kernels equal the specification everywhere") {
  for (const Groups s : {Groups{0, 1, 1, 5},
                         {3, 1, 1, 0},
                         {3, 0, 2, 5},
                         {1, 1, 1, 1},
                         {5, 1, 1, 33},
                         {40, 1, 1, 1000},
                         {3, 1, 1, 4097},
                         {1, 1, 1, 9000},
                         {2, 9, 1, 5},
                         {2, 9, 5, 1},
                         {3, 20, 3, 2},
                         {2, 65, 4, 16},
                         {2, 30, 2, 33},
                         {1, 4100, 3, 1},
                         {7, 100, 8, 4},
                         {5, 1, 6, 7}})
    for_norm_calls(s, [](const Call& call) { call.check_everywhere(); });
}

// The mean of a row is 1e4 times its deviation: only a second pass keeps the variance.
TEST_CASE("a row far from 0 keeps its variance") {
  const i64 n = 500;
  Values x = numbers(n, -1, 1);
  for (double& v : x) v = double(float(v + 1e4));
  long double mean = 0, variance = 0;
  for (const double v : x) mean += v / n;
  for (const double v : x) variance += (v - mean) * (v - mean) / n;
  for (const Isa isa : fast_isas()) {
    const auto out = Call("norm")
                         .out(n)
                         .out(1)
                         .out(1)
                         .in(x)
                         .null('r')
                         .null('r')
                         .integers({1, 1, 1, n})
                         .real(0)
                         .run(isa, kFloat);
    CHECK(out[1][0] == doctest::Approx(double(mean)).epsilon(1e-6));
    CHECK(out[2][0] == doctest::Approx(double(1 / std::sqrt(variance))).epsilon(1e-5));
  }
}

// Each row against the formula, in long double, and its derivative against central differences.
TEST_CASE("norm in double equals its formula, its derivative central differences") {
  const Groups s{2, 6, 3, 5};
  const i64 n = s.batch * s.places * s.groups * s.each, channels = s.groups * s.each;
  const double eps = 1e-3;
  const Values x = numbers(n, -2, 2, 1), gain = numbers(channels, -1, 1, 2),
               bias = numbers(channels, -1, 1, 3), dy = numbers(n, -1, 1, 4);
  const std::vector<i64> sizes = {s.batch, s.places, s.groups, s.each};
  const auto forward = [&](const Values& at) {
    return Call("norm")
        .out(n)
        .out(s.batch * s.groups)
        .out(s.batch * s.groups)
        .in(at)
        .in(gain)
        .in(bias)
        .integers(sizes)
        .real(eps)
        .run(best_isa(), kDouble);
  };
  const auto y = forward(x);
  const auto d =
      Call("norm_d1").out(n).out(n).in(dy).in(x).in(y[1]).in(y[2]).in(gain).integers(sizes).run(
          best_isa(), kDouble);
  for (i64 b = 0; b < s.batch; ++b)
    for (i64 g = 0; g < s.groups; ++g) {
      const auto each = [&](auto&& f) {
        for (i64 p = 0; p < s.places; ++p)
          for (i64 e = 0; e < s.each; ++e) {
            const i64 c = g * s.each + e;
            f(size_t((b * s.places + p) * channels + c), size_t(c));
          }
      };
      long double mean = 0, variance = 0;
      const long double count = static_cast<long double>(s.places * s.each);
      each([&](size_t i, size_t) { mean += x[i] / count; });
      each([&](size_t i, size_t) { variance += (x[i] - mean) * (x[i] - mean) / count; });
      each([&](size_t i, size_t c) {
        const long double h = (x[i] - mean) / std::sqrt(variance + eps);
        REQUIRE(y[0][i] == doctest::Approx(double(h * gain[c] + bias[c])).epsilon(1e-12));
        REQUIRE(d[1][i] == doctest::Approx(double(dy[i] * h)).epsilon(1e-12));
      });
    }
  const double step = 1e-5;
  for (size_t i = 0; i < size_t(n); i += 7) {
    Values up = x, down = x;
    up[i] += step, down[i] -= step;
    const Values y1 = forward(up)[0], y0 = forward(down)[0];
    double want = 0;
    for (size_t k = 0; k < size_t(n); ++k) want += dy[k] * (y1[k] - y0[k]) / (2 * step);
    REQUIRE(std::fabs(d[0][i] - want) < 1e-7);
  }
}

}  // namespace
}  // namespace lat::test
