// Batches gathered from a table, and the order they come in.
#include <numeric>
#include <set>

#include "tests/kernels/gather_cases.h"

namespace lat::test {
namespace {

Values indices(i64 rows, i64 table, u64 seed) {
  Values index(static_cast<size_t>(rows));
  Rng rng{seed};
  for (double& i : index) i = std::floor(rng.uniform(0, static_cast<double>(table)));
  return index;
}

TEST_CASE("gather: every instruction set equals the specification") {
  struct Shape {
    i64 rows, table, cols;
  };
  for (const Shape s : {Shape{0, 3, 4},
                        {3, 5, 0},
                        {1, 1, 1},
                        {5, 9, 2},
                        {19, 9, 3},
                        {11, 6, 4},
                        {7, 3, 5},
                        {16, 40, 64},
                        {9, 2, 131},
                        {130, 200, 784}}) {
    const Values index = indices(s.rows, s.table, 3);
    const i64 n = s.rows * s.cols;
    Values pixels(static_cast<size_t>(s.table * s.cols));
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<double>(i * 37 % 256);
    const auto sizes = [&](Call call) { return call.in_i32(index).integers({s.rows, s.cols}); };
    sizes(Call("gather").out(n).in(wild(s.table * s.cols, 2))).check_everywhere();
    sizes(Call("gather_u8").out(n).in_u8(pixels)).check_everywhere();
  }
  for (const i64 n : {1, 5, 64, 1000, 60000})
    for (const i64 rows : {i64{1}, n / 3 + 1, n})
      for (const double tick : {1.0, 2.0, 1e6})
        Call("shuffle").out_i32(rows).in_u64({tick, 0}).integers({rows, n, 77}).check_everywhere();
}

TEST_CASE("gather: rows are the table's, pixels are 255ths") {
  const auto rows = Call("gather").out(4).in({1, 2, 3, 4, 5, 6}).in_i32({2, 0}).integers({2, 2});
  CHECK(rows.run(Isa::spec, kFloat)[0] == Values{5, 6, 1, 2});
  const auto pixels = Call("gather_u8").out(3).in_u8({0, 51, 255}).in_i32({0}).integers({1, 3});
  CHECK(pixels.run(Isa::spec, kDouble)[0] == Values{0, 0.2, 1});
}

TEST_CASE("put_row: a step writes its own row of a ring, and nothing else") {
  for_put_row_calls([](const Call& call) { call.check_everywhere(); });
  const auto put =
      Call("put_row").inout(Values(6, 9)).in_u64({5, 0}).in({1}).integers({3, 2, 1, 1});
  CHECK(put.run(Isa::spec, kFloat)[0] == Values{9, 9, 9, 1, 9, 9});
}

TEST_CASE("arg_max and one_hot: every instruction set equals the specification") {
  for_choice_calls([](const Call& call) { call.check_everywhere(); });
  const auto choice =
      Call("arg_max").out_i32(4).in({1, 3, 3, -2, -1, -9, NAN, 1, 2, 4, NAN, 5}).integers({4, 3});
  CHECK(choice.run(Isa::spec, kFloat)[0] == Values{1, 1, 0, 2});
  const auto hot = Call("one_hot").out(6).in_i32({2, 0}).integers({2, 3});
  CHECK(hot.run(Isa::spec, kFloat)[0] == Values{0, 0, 1, 1, 0, 0});
}

TEST_CASE("shuffle: the batches of an epoch have no member twice, and epochs differ") {
  const i64 n = 103, rows = 10;
  const auto epoch = [&](i64 number) {
    Values all;
    for (i64 b = 0; b < n / rows; ++b) {
      const double tick = static_cast<double>(number * (n / rows) + b + 1);
      const Values some = Call("shuffle")
                              .out_i32(rows)
                              .in_u64({tick, 0})
                              .integers({rows, n, 5})
                              .run(Isa::spec, kFloat)[0];
      all.insert(all.end(), some.begin(), some.end());
    }
    CHECK(std::set<double>(all.begin(), all.end()).size() == 100);
    CHECK(*std::max_element(all.begin(), all.end()) < n);
    return all;
  };
  CHECK(epoch(0) == epoch(0));
  CHECK(epoch(0) != epoch(1));
}

}  // namespace
}  // namespace lat::test
