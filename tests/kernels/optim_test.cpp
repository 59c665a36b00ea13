// Optimisers and the guards around them.
#include "tests/kernels/optim_cases.h"

namespace lat::test {
namespace {

TEST_CASE("optimiser kernels equal the specification everywhere") {
  for_optim_calls(kSizes, [](const Call& call) { call.check_everywhere(); });
}

TEST_CASE("50 steps of adam equal an independent implementation") {
  const size_t n = 100;
  const double beta1 = 0.9, beta2 = 0.999, lr = 0.01 * 0.5, eps = 1e-8;
  for (const double decay : {0.0, 0.1})
    for (const int dtype : {kFloat, kDouble}) {
      Values theta = numbers(100, -1, 1, 1), m(n, 0), v(n, 0), state = {0, 1, 1};
      std::vector<long double> t(theta.begin(), theta.end()), first(n, 0), second(n, 0);
      for (int step = 1; step <= 50; ++step) {
        const Values g = numbers(100, -2, 2, u64(step + 100));
        state = Call("adam_count")
                    .inout_double(state)
                    .in_i32({1})
                    .real(beta1)
                    .real(beta2)
                    .run(best_isa(), dtype)[0];
        const auto out = adam(theta, g, m, v, 0.01, state, 1, decay).run(best_isa(), dtype);
        theta = out[0], m = out[2], v = out[3];
        for (size_t i = 0; i < n; ++i) {
          REQUIRE(out[1][i] == 0);
          first[i] = beta1 * first[i] + (1 - beta1) * g[i];
          second[i] = beta2 * second[i] + (1 - beta2) * g[i] * g[i];
          const long double mhat = first[i] / (1 - std::pow(static_cast<long double>(beta1), step));
          const long double vhat =
              second[i] / (1 - std::pow(static_cast<long double>(beta2), step));
          t[i] = t[i] - lr * decay * t[i] - lr * mhat / (std::sqrt(vhat) + eps);
        }
      }
      CHECK(state[0] == 50);
      // Float: theta below 1.3 is rounded at most twice a step, a step below lr = 0.005 a few
      // times.
      const double bound = dtype == kFloat ? 50 * 1.5e-7 : 1e-13;
      for (size_t i = 0; i < n; ++i) REQUIRE(std::fabs(theta[i] - double(t[i])) < bound);
    }
}

TEST_CASE("a failed step changes nothing but clears the gradient") {
  const i64 n = 777;
  const Values theta = numbers(n, -1, 1, 1), g = wild(n, 2), m = numbers(n, -1, 1, 3),
               v = numbers(n, 0, 1, 4);
  for (const Isa isa : fast_isas()) {
    const auto out = adam(theta, g, m, v, 0.01, {3, 0.729, 0.997}, 0, 0.1).run(isa, kFloat);
    CHECK(out[0] == theta);
    CHECK(out[2] == m);
    CHECK(out[3] == v);
    for (const double z : out[1]) REQUIRE((z == 0 && !std::signbit(z)));
    const auto sgd =
        Call("sgd").inout(theta).inout(g).in({0.1}).in_i32({0}).integer(n).real(1).run(isa, kFloat);
    CHECK(sgd[0] == theta);
    for (const double z : sgd[1]) REQUIRE((z == 0 && !std::signbit(z)));
    CHECK(
        Call("lerp_into").inout(theta).in(m).in({0.1}).in_i32({0}).integer(n).run(isa, kFloat)[0] ==
        theta);
    CHECK(Call("assign").inout(theta).in(m).in_i32({0}).integer(n).run(isa, kFloat)[0] == theta);
    CHECK(Call("adam_count")
              .inout_double({3, 0.5, 0.6})
              .in_i32({0})
              .real(0.9)
              .real(0.9)
              .run(isa, kFloat)[0] == Values{3, 0.5, 0.6});
  }
}

TEST_CASE("all_finite finds one bad element anywhere") {
  const i64 n = 300;
  for (const Isa isa : fast_isas())
    for (const int dtype : {kFloat, kDouble}) {
      Values g = numbers(n);
      g[7] = dtype == kFloat ? 0x1.fffffep127 : 0x1.fffffffffffffp1023;
      const auto ok = [&](double before) {
        return Call("all_finite").inout_i32({before}).in(g).integer(n).run(isa, dtype)[0][0];
      };
      REQUIRE(ok(1) == 1);
      REQUIRE(ok(0) == 0);
      for (size_t i = 0; i < size_t(n); ++i)
        for (const double bad : {double(NAN), double(INFINITY), -double(INFINITY)}) {
          const double kept = g[i];
          g[i] = bad;
          REQUIRE(ok(1) == 0);
          g[i] = kept;
        }
    }
}

TEST_CASE("shards are joined as a tree") {
  // ((a + d) + c) + (b + e) for five planes; the parts differ in float.
  const float a = 1e8f, b = 3.0f, c = -1e8f, d = 5.0f, e = 0.25f;
  const Values out =
      Call("join_shards").inout({a, b, c, d, e}).integer(5).integer(1).run(best_isa(), kFloat)[0];
  CHECK(out[0] == double(((a + d) + c) + (b + e)));
  CHECK(Values(out.begin() + 1, out.end()) == Values(4, 0));
}

// The norm of a flat buffer, and its factor.
struct Clipped {
  double norm, factor, ok;
};
Clipped clip(const Values& g, double most, Isa isa, int dtype) {
  const i64 n = i64(g.size()), chunks = ceil_div(n, kRowChunk);
  const Values sums = Call("chunk_squares").out(chunks).in(g).integer(n).run(isa, dtype)[0];
  const auto out = Call("clip_factor")
                       .out(1)
                       .out(1)
                       .inout_i32({1})
                       .in(sums)
                       .integer(chunks)
                       .real(most)
                       .run(isa, dtype);
  return {out[0][0], out[1][0], out[2][0]};
}

TEST_CASE("the norm of a flat buffer is that of a row of squares, and its factor brings it down") {
  const i64 n = 10007;
  const Values g = numbers(n);
  const Values squares =
      Call("square").out(n).in(g).integer(n).real(0).real(0).run(best_isa(), kFloat)[0];
  const Values total =
      Call("row_sum").out(1).in(squares).integers({1, n}).real(1).run(best_isa(), kFloat)[0];
  long double sum = 0;
  for (const double v : g) sum += static_cast<long double>(v) * v;
  for (const Isa isa : fast_isas()) {
    const Clipped c = clip(g, 2, isa, kFloat);
    CHECK(c.norm == double(std::sqrt(float(total[0]))));
    CHECK(c.factor == double(2 / float(c.norm)));
    CHECK(clip(g, c.norm, isa, kFloat).factor == 1);
    CHECK(clip(g, 1e9, isa, kFloat).factor == 1);
    CHECK(clip(g, 2, isa, kDouble).norm == doctest::Approx(double(std::sqrt(sum))).epsilon(1e-13));
  }
}

TEST_CASE("a norm that is not finite fails the step") {
  for (const Isa isa : fast_isas())
    for (const double bad : {double(NAN), double(INFINITY), -double(INFINITY), 1e30})
      for (const size_t at : {0, 4095, 4096, 5000}) {
        Values g = numbers(5001);
        CHECK(clip(g, 1, isa, kFloat).ok == 1);
        g[at] = bad;  // 1e30 squared is beyond the largest float
        CHECK(clip(g, 1, isa, kFloat).ok == 0);
      }
}

TEST_CASE("sgd, lerp_into and assign have the values of their names") {
  CHECK(Call("sgd").inout({1}).inout({2}).in({0.5}).in_i32({1}).integer(1).real(0.5).run(
            best_isa(), kFloat)[0][0] == 0.5);
  CHECK(Call("lerp_into")
            .inout({1})
            .in({3})
            .in({0.25})
            .in_i32({1})
            .integer(1)
            .run(best_isa(), kFloat)[0][0] == 1.5);
  CHECK(Call("assign").inout({1}).in({3}).in_i32({1}).integer(1).run(best_isa(), kFloat)[0][0] ==
        3);
}

}  // namespace
}  // namespace lat::test
