// Sums and maxima along rows and columns, and log-softmax.
#include "tests/kernels/row_cases.h"

namespace lat::test {
namespace {

struct Shape {
  i64 rows, cols;
};
std::vector<Shape> shapes() {
  std::vector<Shape> s = {{0, 5}, {3, 10}, {128, 20}, {100, 33}, {5, 8193}, {2, 12288}};
  for (const i64 n : kSizes) {
    s.push_back({1, n});
    s.push_back({n, 3});
    if (n < 5000) s.push_back({7, n});
  }
  return s;
}

TEST_CASE("row kernels equal the specification everywhere") {
  for (const Shape& s : shapes())
    for_row_calls(s.rows, s.cols, [](const Call& call) { call.check_everywhere(); });
}

TEST_CASE("column sums equal the specification everywhere") {
  struct Block {
    i64 outer, n, inner;
  };
  std::vector<Block> blocks = {{1, 0, 5},     {0, 5, 5},      {5, 5, 0},
                               {3, 511, 10},  {3, 512, 10},   {3, 513, 10},
                               {1, 2000, 70}, {2, 1537, 130}, {40, 6, 1}};
  for (const i64 n : kSizes) {
    blocks.push_back({1, 30, n});
    blocks.push_back({2, n, 9});
  }
  for (const Block& b : blocks) {
    const i64 size = b.outer * b.n * b.inner;
    const Values y = numbers(b.outer * b.inner);
    for (const Values& x : {numbers(size, -3, 3, 5), wild(size, 5)}) {  // most sums of wild are NaN
      Call("col_sum")
          .out(b.outer * b.inner)
          .in(x)
          .integers({b.outer, b.n, b.inner})
          .check_everywhere();
      Call("col_sum_into").inout(y).in(x).integers({b.outer, b.n, b.inner}).check_everywhere();
    }
  }
}

TEST_CASE("sums in double equal long double sums") {
  const i64 rows = 6, cols = 9000;
  const Values x = numbers(rows * cols);
  const Values by_row =
      Call("row_sum").out(rows).in(x).integers({rows, cols}).real(0.5).run(best_isa(), kDouble)[0];
  const Values by_col =
      Call("col_sum").out(cols).in(x).integers({1, rows, cols}).run(best_isa(), kDouble)[0];
  const Values onto = Call("col_sum_into")
                          .inout(Values(size_t(cols), 2))
                          .in(x)
                          .integers({1, rows, cols})
                          .run(best_isa(), kDouble)[0];
  const Values most =
      Call("row_max").out(rows).in(x).integers({rows, cols}).run(best_isa(), kDouble)[0];
  for (i64 r = 0; r < rows; ++r) {
    long double sum = 0, top = -100;
    for (i64 c = 0; c < cols; ++c) {
      sum += x[size_t(r * cols + c)];
      top = std::max(top, static_cast<long double>(x[size_t(r * cols + c)]));
    }
    CHECK(by_row[size_t(r)] == doctest::Approx(double(sum / 2)).epsilon(1e-12));
    CHECK(most[size_t(r)] == double(top));
  }
  for (i64 c = 0; c < cols; ++c) {
    long double sum = 0;
    for (i64 r = 0; r < rows; ++r) sum += x[size_t(r * cols + c)];
    REQUIRE(std::fabs(by_col[size_t(c)] - double(sum)) < 1e-13);
    REQUIRE(std::fabs(onto[size_t(c)] - double(sum + 2)) < 1e-13);
  }
}

TEST_CASE("row sums follow the written order") {
  // 2^24 + 1 is lost in float, so the result tells who met whom first.
  Values x(130, 0);
  x[0] = 16777216;
  x[64] = 1;  // lane 0 after x[0]: lost
  x[32] = 1;  // lanes 32 and 1 meet lane 0 in different folds: each is lost
  x[1] = 0.5;
  CHECK(Call("row_sum").out(1).in(x).integers({1, 130}).real(1).run(best_isa(), kFloat)[0][0] ==
        16777216);
  x[96] = 1;  // lane 32 now brings 2
  CHECK(Call("row_sum").out(1).in(x).integers({1, 130}).real(1).run(best_isa(), kFloat)[0][0] ==
        16777218);
}

TEST_CASE("row_max keeps NaN, and an empty row is -inf") {
  Values x(200, 1);
  x[130] = NAN;
  CHECK(std::isnan(Call("row_max").out(1).in(x).integers({1, 200}).run(best_isa(), kFloat)[0][0]));
  CHECK(Call("row_max").out(1).in({}).integers({1, 0}).run(best_isa(), kFloat)[0][0] == -INFINITY);
}

TEST_CASE("log_softmax in double equals its formula, its derivative central differences") {
  const i64 rows = 5, cols = 71;
  const size_t n = size_t(rows * cols);
  const Values x = numbers(rows * cols, -4, 4, 1), dy = numbers(rows * cols, -1, 1, 2);
  const auto value = [&](const Values& at) {
    return Call("log_softmax")
        .out(rows * cols)
        .in(at)
        .integers({rows, cols})
        .run(best_isa(), kDouble)[0];
  };
  const Values y = value(x);
  const Values dx = Call("log_softmax_d1")
                        .out(rows * cols)
                        .in(dy)
                        .in(y)
                        .integers({rows, cols})
                        .run(best_isa(), kDouble)[0];
  for (i64 r = 0; r < rows; ++r) {
    long double sum = 0;
    for (i64 c = 0; c < cols; ++c)
      sum += std::exp(static_cast<long double>(x[size_t(r * cols + c)]));
    for (i64 c = 0; c < cols; ++c) {
      const size_t i = size_t(r * cols + c);
      REQUIRE(y[i] == doctest::Approx(double(x[i] - std::log(sum))).epsilon(1e-13));
    }
  }
  const double h = 1e-5;
  for (size_t i = 0; i < n; i += 17) {
    Values up = x, down = x;
    up[i] += h, down[i] -= h;
    const Values y1 = value(up), y0 = value(down);
    double want = 0;
    for (size_t k = 0; k < n; ++k) want += dy[k] * (y1[k] - y0[k]) / (2 * h);
    REQUIRE(std::fabs(dx[i] - want) < 1e-7);
  }
}

TEST_CASE("log_softmax does not overflow") {
  const Values y = Call("log_softmax")
                       .out(3)
                       .in({3e38, -3e38, 3e38})
                       .integers({1, 3})
                       .run(best_isa(), kFloat)[0];
  CHECK(y[0] == doctest::Approx(-std::log(2)));
  CHECK(std::isinf(y[1]));
}

}  // namespace
}  // namespace lat::test
