// The sine and cosine of doubles: their worst errors against 80-bit arithmetic, and vectors against scalars.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#define LAT_ISA angles_test
#include "kernels/common/angles.h"

namespace lat::kernels::angles_test {
namespace {

struct Worst {
  double sin = 0, cos = 0;
};

double ulps(double y, long double exact) {
  const double near = std::fabs(static_cast<double>(exact));
  const double ulp = std::nextafter(near, 2.0 * near + 1) - near;
  return static_cast<double>(std::fabs(static_cast<long double>(y) - exact) / ulp);
}

Worst worst_of(i64 n, double most) {
  std::mt19937_64 bits(7);
  std::uniform_real_distribution<double> angle(-most, most);
  Worst worst;
  for (i64 i = 0; i < n; ++i) {
    const double x = angle(bits);
    const m::SinCos<double> y = m::sin_cos(x);
    const long double exact = x;
    worst.sin = std::max(worst.sin, ulps(y.sin, sinl(exact)));
    worst.cos = std::max(worst.cos, ulps(y.cos, cosl(exact)));
  }
  return worst;
}

}  // namespace

TEST_CASE("angles: as near to exact as the header states") {
  for (const double most : {0.8, 4.0, 100.0, 1e6}) {
    const Worst worst = worst_of(100000, most);
    CAPTURE(most);
    MESSAGE("sin ", worst.sin, ", cos ", worst.cos, " ulp within ", most);
    CHECK(worst.sin < 0.51);
    CHECK(worst.cos < 0.51);
  }
}

TEST_CASE("angles: the worst of 10^7 (10 s)" * doctest::skip()) {
  Worst worst;
  for (const double most : {0.8, 4.0, 100.0, 1e6}) {
    const Worst w = worst_of(2500000, most);
    worst = {std::max(worst.sin, w.sin), std::max(worst.cos, w.cos)};
  }
  MESSAGE("sin ", worst.sin, ", cos ", worst.cos);
  CHECK(worst.sin < 0.51);
  CHECK(worst.cos < 0.51);
}

TEST_CASE("angles: special values") {
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(m::sin(0.0) == 0);
  CHECK(m::cos(0.0) == 1);
  CHECK(m::sin(1e-300) == 1e-300);
  CHECK(m::cos(1e-300) == 1);
  CHECK(std::isnan(m::sin(infinity)));
  CHECK(std::isnan(m::cos(-infinity)));
  CHECK(std::isnan(m::sin(std::nan(""))));
  for (const double x : {0.3, 1.0, 2.0, 3.141592653589793, 5.0, 40.0}) {
    CHECK(m::sin(-x) == -m::sin(x));
    CHECK(m::cos(-x) == m::cos(x));
  }
}

TEST_CASE("angles: a lane of a vector is the scalar") {
  std::mt19937_64 bits(3);
  std::uniform_real_distribution<double> angle(-50, 50);
  for (int i = 0; i < 10000; ++i) {
    VecD x{};
    for (i64 l = 0; l < kWidth<VecD>; ++l) x[l] = angle(bits);
    const auto y = m::sin_cos(x);
    for (i64 l = 0; l < kWidth<VecD>; ++l) {
      REQUIRE(y.sin[l] == m::sin(double(x[l])));
      REQUIRE(y.cos[l] == m::cos(double(x[l])));
    }
  }
}

}  // namespace lat::kernels::angles_test
