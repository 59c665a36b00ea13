// Philox, and the draws made of it.
#include <algorithm>

#define LAT_ISA random_test
#include "kernels/common/philox.h"
#include "tests/kernels/random_cases.h"

namespace lat::test {
namespace {

constexpr i64 kSeed = 12345, kStream = (i64(3) << 32) | 17;

Call draw(const char* name, i64 n, const Values& clock = {5, 0}, i64 cols = 1, i64 seed = kSeed,
          i64 stream = kStream) {
  return Call(name).out(n).in_u64(clock).integers({n, cols, seed, stream});
}
Values drawn(const char* name, i64 n, const Values& clock = {5, 0}, i64 cols = 1, i64 seed = kSeed,
             i64 stream = kStream) {
  return draw(name, n, clock, cols, seed, stream).run(best_isa(), kFloat)[0];
}

TEST_CASE("philox gives Random123's known answers") {
  using lat::kernels::random_test::philox;
  const auto check = [](const u32(&c)[4], u64 key, const u32(&want)[4]) {
    const auto got = philox({{c[0], c[1], c[2], c[3]}}, key);
    for (int k = 0; k < 4; ++k) CHECK(got.word[k] == want[k]);
  };
  const u32 ones = 0xffffffffu;
  check({0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  check({ones, ones, ones, ones}, ~u64(0), {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  check({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822u,
        {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniform reads the documented bits") {
  using lat::kernels::random_test::philox;
  const u64 tick = 0x100000007u, row = 0x123456789u;
  const i64 cols = 100, n = 200, seed = 0x1122334455667788,
            stream = (i64(0xabcd) << 32) | 0x9abcdef0;
  const Values u = drawn("uniform", n, {double(tick), double(row)}, cols, seed, stream);
  for (i64 i = 0; i < n; ++i) {
    const u64 e = row * u64(cols) + u64(i), b = 16 * (e / 64) + e % 16;
    const auto w =
        philox({{u32(b), u32((b >> 32) & 0xffff) | 0xabcd0000u, 0x9abcdef0u, 7u}}, u64(seed));
    REQUIRE(u[size_t(i)] == double((w.word[e % 64 / 16] >> 8) | 1) * 0x1p-24);
  }
}

TEST_CASE("normal is Box-Muller of the documented bits") {
  using lat::kernels::random_test::philox;
  const Values z = drawn("normal", 4096);
  for (u64 e = 0; e < 4096; ++e) {
    const u64 b = 16 * (e / 64) + e % 16;
    const auto w = philox({{u32(b), 3u << 16, 17u, 5u}}, u64(kSeed));
    const u64 word = e % 64 / 16, pair = word & ~u64(1);
    const double r = std::sqrt(-2 * std::log(double((w.word[pair] >> 8) + 1) * 0x1p-24));
    const double angle = 2 * 3.14159265358979323846 * double(w.word[pair + 1]) * 0x1p-32;
    const double want = r * (word == pair ? std::cos(angle) : std::sin(angle));
    REQUIRE(std::fabs(z[e] - want) < 1e-6);
  }
}

TEST_CASE("random kernels equal the specification everywhere") {
  for (const i64 n : kSizes)
    for (const double row : {0.0, 3.0, 1e9})
      for (const Call& call : random_calls(n, row)) call.check_everywhere();
  CHECK(Call("advance").inout_u64({41, 7}).run(best_isa(), kFloat)[0] == Values{42, 7});
}

TEST_CASE("double draws are the float draws") {
  for (const char* name : {"normal", "uniform"})
    CHECK(draw(name, 1000).run(best_isa(), kDouble)[0] ==
          draw(name, 1000).run(best_isa(), kFloat)[0]);
}

TEST_CASE("a slice of rows draws what the whole batch draws there") {
  const i64 cols = 23;
  for (const char* name : {"normal", "uniform"}) {
    const Values all = drawn(name, 40 * cols, {5, 0}, cols);
    const Values slice = drawn(name, 10 * cols, {5, 10}, cols);
    CHECK(slice == Values(all.begin() + 10 * cols, all.begin() + 20 * cols));
  }
}

TEST_CASE("ticks, draws, steps and seeds differ") {
  const i64 n = 1000;
  const Values base = drawn("uniform", n);
  const Values others[] = {drawn("uniform", n, {6, 0}),
                           drawn("uniform", n, {5, 0}, 1, kSeed + 1),
                           drawn("uniform", n, {5, 0}, 1, kSeed + (i64(1) << 32)),
                           drawn("uniform", n, {5, 0}, 1, kSeed, kStream + 1),
                           drawn("uniform", n, {5, 0}, 1, kSeed, kStream + (i64(1) << 32)),
                           drawn("uniform", n, {5, 1000}, 1)};
  for (const Values& other : others) {
    int same = 0;
    double product = 0;
    for (size_t i = 0; i < size_t(n); ++i) {
      same += base[i] == other[i];
      product += (base[i] - 0.5) * (other[i] - 0.5) * 12;
    }
    CHECK(same <= 1);                                    // expected: 1000 / 2^23
    CHECK(std::fabs(product / n) < 4.5 / std::sqrt(n));  // the mean of n products of variance 1
  }
}

// Statistics with fixed seeds. Means of n values of variance s^2 have deviation s / sqrt(n): the
// bounds below are 4.5 deviations (a false alarm once in 150,000 draws of the seed).
// Kolmogorov-Smirnov: P(sqrt(n) D > 2.3) = 5e-5.
constexpr i64 kDraws = 1000000;
constexpr double kBound = 4.5;

template <class Cdf>
double kolmogorov(Values v, Cdf&& cdf) {
  std::sort(v.begin(), v.end());
  const double n = double(v.size());
  double worst = 0;
  for (size_t i = 0; i < v.size(); ++i) {
    const double f = cdf(v[i]);
    worst = std::max({worst, f - double(i) / n, double(i + 1) / n - f});
  }
  return worst * std::sqrt(n);
}

// v has mean 0 and variance 1.
void check_white(const Values& v) {
  const double n = double(v.size());
  for (const size_t lag : {1u, 2u, 15u, 16u, 17u, 32u, 48u, 64u, 1024u}) {
    double product = 0, squares = 0;
    for (size_t i = 0; i + lag < v.size(); ++i) {
      product += v[i] * v[i + lag];
      squares += (v[i] * v[i] - 1) * (v[i + lag] * v[i + lag] - 1);
    }
    CAPTURE(lag);
    CHECK(std::fabs(product / n) < kBound / std::sqrt(n));
    CHECK(std::fabs(squares / n) < kBound * 2 / std::sqrt(n));  // squares have variance at most 2
  }
}

TEST_CASE("normals are normal") {
  const Values z = drawn("normal", kDraws);
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0, top = 0;
  for (const double x : z) {
    m1 += x, m2 += x * x, m3 += x * x * x, m4 += x * x * x * x;
    top = std::max(top, std::fabs(x));
  }
  const double n = double(kDraws), bound = kBound / std::sqrt(n);
  CHECK(std::fabs(m1 / n) < bound);
  CHECK(std::fabs(m2 / n - 1) < bound * std::sqrt(2.0));
  CHECK(std::fabs(m3 / n) < bound * std::sqrt(15.0));
  CHECK(std::fabs(m4 / n - 3) < bound * std::sqrt(96.0));
  CHECK(top < 5.78);
  CHECK(top > 4.3);  // P(all of 10^6 below 4.3) = e^-17
  CHECK(kolmogorov(z, [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }) < 2.3);
  check_white(z);
}

TEST_CASE("uniforms are uniform, and neither 0 nor 1") {
  Values u = drawn("uniform", kDraws);
  const double n = double(kDraws), bound = kBound / std::sqrt(n);
  double mean = 0, second = 0;
  for (const double x : u) {
    REQUIRE(x > 0);
    REQUIRE(x < 1);
    mean += x - 0.5;
    second += (x - 0.5) * (x - 0.5);
  }
  CHECK(std::fabs(mean / n) < bound * std::sqrt(1.0 / 12));
  CHECK(std::fabs(second / n - 1.0 / 12) < bound * std::sqrt(1.0 / 180));
  CHECK(kolmogorov(u, [](double x) { return x; }) < 2.3);
  for (double& x : u) x = (x - 0.5) * std::sqrt(12.0);
  check_white(u);
}

TEST_CASE("bernoulli has the asked frequency, and 0 and 1 are certain") {
  const i64 n = 200000;
  for (const double p : {0.0, 0.001, 0.3, 0.9, 1.0}) {
    const Values y = Call("bernoulli")
                         .out(n)
                         .in(Values(size_t(n), p))
                         .in_u64({5, 0})
                         .integers({n, 1, kSeed, kStream})
                         .run(best_isa(), kFloat)[0];
    double sum = 0;
    for (const double x : y) {
      REQUIRE((x == 0 || x == 1));
      sum += x;
    }
    CHECK(std::fabs(sum / double(n) - double(float(p))) <=
          kBound * std::sqrt(p * (1 - p) / double(n)));
  }
}

TEST_CASE(
    "reparameterise is mu + sigma eps with the noise of normal; its derivative a difference") {
  const i64 n = 500;
  const Values mu = numbers(n, -2, 2, 1), lv = numbers(n, -2, 2, 2), dz = numbers(n, -2, 2, 3);
  const auto run = [&](const Values& logvar) {
    return Call("reparameterise")
        .out(n)
        .out(n)
        .in(mu)
        .in(logvar)
        .in_u64({5, 0})
        .integers({n, 1, kSeed, kStream})
        .run(best_isa(), kDouble);
  };
  const auto out = run(lv);
  CHECK(out[1] == drawn("normal", n));
  Values up = lv, down = lv;
  const double h = 1e-5;
  for (size_t i = 0; i < lv.size(); ++i) up[i] += h, down[i] -= h;
  const Values z1 = run(up)[0], z0 = run(down)[0];
  const Values d = Call("reparameterise_d1")
                       .out(n)
                       .in(dz)
                       .in(out[1])
                       .in(lv)
                       .integer(n)
                       .run(best_isa(), kDouble)[0];
  for (size_t i = 0; i < lv.size(); ++i) {
    REQUIRE(out[0][i] == doctest::Approx(mu[i] + std::exp(lv[i] / 2) * out[1][i]).epsilon(1e-14));
    REQUIRE(std::fabs(d[i] - dz[i] * (z1[i] - z0[i]) / (2 * h)) < 1e-7);
  }
}

}  // namespace
}  // namespace lat::test
