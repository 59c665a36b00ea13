// Convolutions of every instruction set against the plain loops, bit for bit.
#include "tests/kernels/conv_cases.h"

namespace lat::test {
namespace {

void check_all(const Layer& l, i64 act, Factors kind, int dtype = kFloat) {
  const ConvInputs in = inputs(l, kind);
  pass_of(l, Pass::forward, in, true, act).check(dtype);
  pass_of(l, Pass::forward, in).check(dtype);
  pass_of(l, Pass::data, in, true, act).check(dtype);
  pass_of(l, Pass::data, in).check(dtype);
  pass_of(l, Pass::filter, in).check(dtype);
  pass_of(l, Pass::filter_into, in).check(dtype);
  pass_of(l, Pass::filter_and_bias_into, in).check(dtype);
}

TEST_CASE("conv: the layers of small image models") {
  check_all({2, 16, 16, 1, 32, 4, 4, 2, 1}, 1, Factors::unit);
  check_all({2, 8, 8, 32, 32, 4, 4, 2, 1}, 1, Factors::unit);
  check_all({1, 8, 8, 3, 64, 3, 3, 1, 1}, 1, Factors::unit);
  check_all({2, 4, 4, 64, 48, 3, 3, 1, 1}, 0, Factors::unit);
  check_all({1, 6, 6, 16, 40, 1, 1, 1, 0}, 0, Factors::unit);
  check_all({3, 28, 28, 1, 8, 4, 4, 2, 1}, 2, Factors::unit);
}

TEST_CASE("conv: sums longer than a chunk, cut inside a row of taps") {
  check_all({1, 5, 5, 29, 18, 5, 5, 1, 2}, 3, Factors::unit);
  check_all({1, 4, 5, 192, 17, 2, 2, 1, 0}, 0, Factors::unit);
  check_all({1, 3, 3, 600, 5, 1, 1, 1, 0}, 0, Factors::unit);
  check_all({3, 14, 15, 2, 33, 3, 3, 1, 1}, 1, Factors::unit);
  check_all({2, 24, 24, 3, 4, 3, 3, 1, 1}, 1, Factors::unit);
  check_all({1, 4, 4, 3, 150, 4, 4, 2, 1}, 1, Factors::unit);
}

TEST_CASE("conv: every small geometry") {
  u64 turn = 0;
  for (const i64 stride : {1, 2, 3})
    for (const i64 pad : {0, 1, 2})
      for (const i64 taps : {1, 2, 3, 4, 5})
        for (const i64 size : {1, 4, 7, 12}) {
          if (size + 2 * pad < taps) continue;
          const i64 C = i64(turn % 4) + 1 + (turn % 3 == 0 ? 13 : 0);
          const i64 K = i64(turn % 5) + 1 + (turn % 4 == 0 ? 30 : 0);
          const i64 width = size + i64(turn % 3);
          const Factors kind = turn % 5 == 0   ? Factors::tiny
                               : turn % 7 == 0 ? Factors::special
                                               : Factors::unit;
          check_all({1 + i64(turn % 2), size, width, C, K, taps, taps, stride, pad}, i64(turn % 4),
                    kind);
          ++turn;
        }
}

TEST_CASE("conv: taps that differ by axis, and outputs that stop early") {
  check_all({2, 7, 9, 3, 5, 2, 4, 2, 1}, 1, Factors::unit);
  check_all({2, 7, 9, 3, 5, 4, 1, 2, 1}, 1, Factors::unit);
  check_all({1, 12, 20, 2, 6, 3, 5, 1, 2}, 0, Factors::unit);
  check_all({1, 9, 9, 2, 6, 3, 3, 2, 0, 2}, 0, Factors::unit);
  check_all({1, 3, 40, 1, 1, 3, 3, 1, 1}, 0, Factors::unit);
  check_all({1, 3, 70, 1, 2, 4, 4, 2, 1}, 0, Factors::unit);
}

TEST_CASE("conv: empty sizes") {
  check_all({0, 4, 4, 2, 3, 3, 3, 1, 1}, 1, Factors::unit);
  check_all({1, 4, 4, 0, 3, 3, 3, 1, 1}, 1, Factors::unit);
  check_all({1, 4, 4, 2, 0, 3, 3, 1, 1}, 1, Factors::unit);
  check_all({1, 4, 4, 2, 3, 3, 3, 1, 1, 0}, 1, Factors::unit);
}

TEST_CASE("conv: an image alone has the bits it has in the batch") {
  const Layer l{5, 9, 9, 6, 19, 4, 4, 2, 1};
  const ConvInputs in = inputs(l, Factors::unit);
  Layer single = l;
  single.B = 1;
  const auto image = [](const Values& v, i64 b, i64 n) {
    return Values(v.begin() + b * n, v.begin() + (b + 1) * n);
  };
  for (const Isa isa : fast_isas()) {
    const Values y = pass_of(l, Pass::forward, in, true, 1).run(isa, kFloat, 2)[0];
    const Values dx = pass_of(l, Pass::data, in, true, 1).run(isa, kFloat, 2)[0];
    for (i64 b = 0; b < l.B; ++b) {
      ConvInputs one = in;
      one.x = image(in.x, b, single.x_size());
      one.y = image(in.y, b, single.y_size());
      CHECK(same_bits(pass_of(single, Pass::forward, one, true, 1).run(isa, kFloat, 1)[0],
                      image(y, b, single.y_size())));
      CHECK(same_bits(pass_of(single, Pass::data, one, true, 1).run(isa, kFloat, 1)[0],
                      image(dx, b, single.x_size())));
    }
  }
}

TEST_CASE("conv: in double, the bits of the plain loops and the three passes are adjoint") {
  const Layer layers[] = {{2, 8, 8, 1, 9, 4, 4, 2, 1}, {2, 6, 7, 5, 4, 3, 3, 1, 1}};
  for (const Layer& l : layers) {
    check_all(l, 2, Factors::unit, kDouble);
    // <conv(x, f), dy> = <x, data(dy, f)> = <f, filter(x, dy)>
    const ConvInputs in = inputs(l, Factors::unit);
    const auto dot = [](const Values& a, const Values& b) {
      REQUIRE(a.size() == b.size());
      long double sum = 0;
      for (size_t i = 0; i < b.size(); ++i)
        sum += static_cast<long double>(a[i]) * static_cast<long double>(b[i]);
      return sum;
    };
    for (const Isa isa : fast_isas()) {
      const auto run = [&](Pass pass) { return pass_of(l, pass, in).run(isa, kDouble, 1)[0]; };
      const long double forward = dot(run(Pass::forward), in.y);
      // Every sum has at most 300 terms of size at most 1, and at most 4000 sums are added.
      const long double bound = 300.0L * 300.0L * 4000.0L * 0x1p-53L;
      CHECK(std::fabs(forward - dot(run(Pass::data), in.x)) <= bound);
      CHECK(std::fabs(forward - dot(run(Pass::filter), in.f)) <= bound);
    }
  }
}

}  // namespace
}  // namespace lat::test
