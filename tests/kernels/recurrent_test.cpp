// Recurrent cells.
#include "tests/kernels/call.h"

namespace lat::test {
namespace {

struct Shape {
  i64 rows, cols;
};
constexpr Shape kShapes[] = {{0, 5},  {3, 0},  {1, 1},    {7, 3},   {2, 16},
                             {5, 33}, {3, 64}, {41, 127}, {1, 5000}};

Values every_third_held(i64 rows) {
  Values v(static_cast<size_t>(rows), 1);
  for (size_t r = 0; r < v.size(); r += 3) v[r] = 0;
  return v;
}

TEST_CASE("recurrent kernels equal the specification everywhere") {
  for (const Shape& s : kShapes)
    for (const bool special : {false, true})
      for (const bool masked : {false, true}) {
        const i64 n = s.rows * s.cols;
        u64 seed = 0;
        const auto draw = [&](i64 size) {
          return special ? wild(size, ++seed) : numbers(size, -3, 3, ++seed);
        };
        const Values x = draw(4 * n), p = draw(4 * n), h = draw(n), c = draw(n), y = draw(n),
                     more = draw(n);
        const Values gates = numbers(4 * n, 0, 1), mask = every_third_held(s.rows);
        const std::vector<i64> size = {s.rows, s.cols};
        const auto first = [&](const Values& v, i64 k) { return Values(v.begin(), v.begin() + k); };
        const auto maybe = [&](Call call) { return masked ? call.in_u8(mask) : call.null('R'); };
        const auto half = [&](Call call, const Values& v) {
          return masked ? call.in(v) : call.null('r');
        };
        maybe(Call("gru_cell").out(n).out(3 * n).in(first(x, 3 * n)).in(first(p, 3 * n)).in(h))
            .integers(size)
            .check_everywhere();
        half(Call("gru_cell_d1").out(3 * n).out(3 * n).out(n).in(y), more)
            .in(first(gates, 3 * n))
            .in(first(p, 3 * n))
            .in(h)
            .integers(size)
            .check_everywhere();
        maybe(half(Call("lstm_cell").out(n).out(n).out(4 * n).in(x), p).in(h).in(c))
            .integers(size)
            .check_everywhere();
        Call d1 = Call("lstm_cell_d1").out(4 * n).out(n);
        masked ? d1.out(n) : d1.null('w');
        maybe(half(half(half(d1.in(y), more), h), more).in(gates).in(c).in(h))
            .integers(size)
            .check_everywhere();
      }
}

// With saturated gates a cell copies: update gate 1 keeps h, 0 takes n; forget and input gates choose c or g.
TEST_CASE("saturated gates choose exactly") {
  for (const Isa isa : fast_isas()) {
    const auto gru = [&](double r, double z) {
      return Call("gru_cell")
          .out(1)
          .out(3)
          .in({r, z, 0})
          .in({0, 0, 0.5})
          .in({-0.25})
          .null('R')
          .integers({1, 1})
          .run(isa, kFloat)[0][0];
    };
    CHECK(gru(-200, 200) == -0.25);
    CHECK(gru(-200, -200) == 0);
    CHECK(gru(200, -200) == doctest::Approx(std::tanh(0.5)).epsilon(1e-7));
    const auto lstm = [&](double i, double f, double o) {
      return Call("lstm_cell")
          .out(1)
          .out(1)
          .out(4)
          .in({i, f, 20, o})
          .null('r')
          .in({7})
          .in({-0.25})
          .null('R')
          .integers({1, 1})
          .run(isa, kFloat);
    };
    CHECK(lstm(-200, 200, -200)[1][0] == -0.25);
    CHECK(lstm(-200, 200, -200)[0][0] == 0);
    CHECK(lstm(200, -200, 200)[1][0] == 1);
    CHECK(lstm(200, -200, 200)[0][0] == doctest::Approx(std::tanh(1.0)).epsilon(1e-7));
    CHECK(lstm(200, 200, 200)[1][0] == 0.75);
  }
}

}  // namespace
}  // namespace lat::test
