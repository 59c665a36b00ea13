// Matrix products of every instruction set against the plain loops, bit for bit.
#include "tests/kernels/matmul_cases.h"

namespace lat::test {
namespace {

void check(const Shape& s, Form form, bool bias, i64 act, Factors kind) {
  product(s, form, inputs(s, kind), bias, act).check(kFloat);
}

void check_double(const Shape& s, Form form, bool bias, i64 act, Factors kind) {
  product(s, form, inputs(s, kind), bias, act).check(kDouble);
}

TEST_CASE("matmul: every instruction set has the bits of the plain loops") {
  const i64 sizes[] = {0, 1, 2, 3, 5, 7, 13, 31, 32, 33, 65};
  const i64 depths[] = {0, 1, 2, 3, 17, 64, 127};
  u64 turn = 0;
  for (const i64 m : sizes)
    for (const i64 n : sizes)
      for (const i64 k : depths) {
        if (m * n * k > 65 * 33 * 64) continue;
        const i64 flags = i64(turn % 4);
        const Factors kind = turn % 5 == 0   ? Factors::tiny
                             : turn % 7 == 0 ? Factors::special
                                             : Factors::unit;
        const Form form = Form(turn / 4 % 3);
        check({1, m, n, k, flags}, form, turn % 2 == 0, i64(turn / 12 % 4), kind);
        ++turn;
      }
}

TEST_CASE("matmul: long sums, at and around the chunk") {
  for (const i64 k : {511, 512, 513, 1024, 1025, 1537})
    for (const i64 flags : {0, 1, 2, 3}) {
      check({1, 15, 34, k, flags}, Form::plain, false, 0, Factors::unit);
      check({1, 15, 18, k, flags}, Form::into, false, 0, Factors::unit);
      check({1, 3, 33, k, flags}, Form::linear, true, 2, Factors::unit);
      check({1, 17, 3, k, flags}, Form::linear, true, 3, Factors::unit);
      check({1, 1, 19, k, flags}, Form::linear, true, 1, Factors::tiny);
      check({1, 19, 1, k, flags}, Form::into, false, 0, Factors::tiny);
      check({1, 40, 20, k, flags}, Form::into, false, 0, Factors::unit);
      check({1, 37, 9, k, flags}, Form::linear, true, 2, Factors::special);
    }
}

TEST_CASE("matmul: shapes with one, ten and twenty columns, and calls worth several parts") {
  for (const i64 n : {1, 2, 4, 10, 20})
    for (const i64 flags : {0, 1, 2, 3}) {
      check({1, 130, n, 256, flags}, Form::linear, true, 1, Factors::unit);
      check({1, n, 130, 256, flags}, Form::linear, true, 1, Factors::unit);
    }
  for (const i64 flags : {0, 1, 2, 3}) {
    check({1, 61, 300, 200, flags}, Form::plain, false, 0, Factors::unit);
    check({1, 300, 61, 200, flags}, Form::into, false, 0, Factors::unit);
  }
}

TEST_CASE("matmul: batches, with either operand shared") {
  for (i64 flags = 0; flags < 16; ++flags)
    for (const i64 batch : {0, 1, 3, 9}) {
      check({batch, 5, 7, 11, flags}, Form::plain, false, 0, Factors::unit);
      check({batch, 7, 3, 33, flags}, Form::into, false, 0, Factors::unit);
      check({batch, 1, 20, 17, flags}, Form::linear, true, i64(flags % 4), Factors::unit);
      check({batch, 33, 1, 19, flags}, Form::linear, true, i64(flags % 4), Factors::unit);
    }
}

TEST_CASE("matmul: every activation, with and without bias") {
  for (i64 act = 0; act < 4; ++act)
    for (const bool bias : {false, true})
      for (const i64 n : {1, 15, 16, 40})
        check({1, 9, n, 21, 0}, Form::linear, bias, act, Factors::unit);
}

TEST_CASE("matmul: a row alone has the bits it has in the batch") {
  const Shape s{1, 29, 37, 700, 0};
  const MatmulInputs in = inputs(s, Factors::unit);
  for (const Isa isa : fast_isas()) {
    const Values all = product(s, Form::plain, in).run(isa, kFloat, 1)[0];
    for (i64 i = 0; i < s.m; ++i) {
      MatmulInputs one = in;
      one.a.assign(in.a.begin() + i * s.k, in.a.begin() + (i + 1) * s.k);
      const Values alone = product({1, 1, s.n, s.k, 0}, Form::plain, one).run(isa, kFloat, 1)[0];
      CHECK(same_bits(alone, Values(all.begin() + i * s.n, all.begin() + (i + 1) * s.n)));
    }
  }
}

TEST_CASE("matmul: in double, against sums in long double") {
  for (const i64 flags : {0, 1, 2, 3})
    for (const i64 k : {1, 31, 600}) {
      const Shape s{1, 13, 21, k, flags};
      check_double(s, Form::plain, false, 0, Factors::unit);
      check_double(s, Form::into, false, 0, Factors::tiny_in_double);
      check_double(s, Form::linear, true, 1, Factors::unit);
      check_double({1, 21, 1, k, flags}, Form::linear, true, 3, Factors::unit);
      const MatmulInputs in = inputs(s, Factors::unit);
      for (const Isa isa : fast_isas()) {
        const Values c = product(s, Form::plain, in).run(isa, kDouble, 1)[0];
        for (i64 i = 0; i < s.m; ++i)
          for (i64 j = 0; j < s.n; ++j) {
            long double sum = 0, size = 0;
            for (i64 l = 0; l < k; ++l) {
              const long double t =
                  static_cast<long double>(in.a[size_t(flags & 1 ? l * s.m + i : i * k + l)]) *
                  static_cast<long double>(in.b[size_t(flags & 2 ? j * k + l : l * s.n + j)]);
              sum += t;
              size += std::fabs(t);
            }
            // A chain of n correctly rounded steps errs by at most about n u sum|a b|, u = 2^-53.
            const long double bound = static_cast<long double>(k + 8) * 0x1.01p-53L * size;
            const long double found = static_cast<long double>(c[size_t(i * s.n + j)]);
            CHECK(std::fabs(found - sum) <= bound);
          }
      }
    }
}

}  // namespace
}  // namespace lat::test
