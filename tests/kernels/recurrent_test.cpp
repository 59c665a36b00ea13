// Recurrent cells.
#include "tests/kernels/recurrent_cases.h"

namespace lat::test {
namespace {

TEST_CASE("recurrent kernels equal the specification everywhere") {
  for (const Cells s :
       {Cells{0, 5}, {3, 0}, {1, 1}, {7, 3}, {2, 16}, {5, 33}, {3, 64}, {41, 127}, {1, 5000}})
    for_recurrent_calls(s, [](const Call& call) { call.check_everywhere(); });
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
