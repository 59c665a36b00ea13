// Elementwise kernels: every line of unary.def and binary.def, and the rest of the family.
#include "tests/kernels/elementwise_cases.h"

namespace lat::test {
namespace {

struct Unary {
  const char* name;
  double from, to;
};
constexpr Unary kUnary[] = {
#define UNARY(name, f, d1, d2, from, to) {#name, from, to},
#include "kernels/elementwise/unary.def"
#undef UNARY
};
// The two numbers of an operation: a slope, a scale and shift, or bounds, all of which work with
// these.
constexpr double kP = -0.25, kQ = 1.5;

Call unary(const std::string& name, const Values& x) {
  return Call(name).out(i64(x.size())).in(x).integer(i64(x.size())).real(kP).real(kQ);
}
Call unary_d1(const std::string& name, const Values& dy, const Values& x, const Values& y) {
  const i64 n = i64(x.size());
  return Call(name + "_d1").out(n).in(dy).in(x).in(y).integer(n).real(kP).real(kQ);
}
Call unary_d2(const std::string& name, const Values& u, const Values& dy, const Values& x,
              const Values& y) {
  const i64 n = i64(x.size());
  return Call(name + "_d2").out(n).in(u).in(dy).in(x).in(y).integer(n).real(kP).real(kQ);
}

long double reference(const std::string& name, long double x) {
  const long double p = kP, q = kQ;
  if (name == "neg") return -x;
  if (name == "exp") return std::exp(x);
  if (name == "log") return std::log(x);
  if (name == "log1p") return std::log1p(x);
  if (name == "sqrt") return std::sqrt(x);
  if (name == "square") return x * x;
  if (name == "reciprocal") return 1 / x;
  if (name == "abs") return std::fabs(x);
  if (name == "relu") return x > 0 ? x : 0;
  if (name == "leaky_relu") return x > 0 ? x : p * x;
  if (name == "elu") return x > 0 ? x : std::exp(x) - 1;
  if (name == "tanh") return std::tanh(x);
  if (name == "sigmoid") return 1 / (1 + std::exp(-x));
  if (name == "softplus") return std::log(1 + std::exp(x));
  if (name == "affine") return p * x + q;
  if (name == "clamp") return x < p ? p : (x > q ? q : x);
  FAIL("no reference for " << name);
  return 0;
}

TEST_CASE("unary kernels and derivatives equal the specification everywhere") {
  for (const Unary& f : kUnary)
    for (const i64 n : kSizes) {
      const Values x = wild(n, 11), y = wild(n, 12), dy = wild(n, 13), u = wild(n, 14);
      unary(f.name, x).check_everywhere();
      unary_d1(f.name, dy, x, y).check_everywhere();
      unary_d2(f.name, u, dy, x, y).check_everywhere();
    }
}

TEST_CASE("unary kernels in double equal independent formulas") {
  for (const Unary& f : kUnary) {
    const Values x = numbers(1000, f.from, f.to);
    for (const Isa isa : {Isa::spec, best_isa()}) {
      const Values y = unary(f.name, x).run(isa, kDouble)[0];
      for (size_t i = 0; i < x.size(); ++i) {
        CAPTURE(f.name);
        CAPTURE(x[i]);
        REQUIRE(y[i] == doctest::Approx(double(reference(f.name, x[i]))).epsilon(1e-14));
      }
    }
  }
}

TEST_CASE("derivatives in double equal central differences") {
  const double h = 1e-5;
  for (const Unary& f : kUnary) {
    Values x;
    for (const double v : numbers(500, f.from, f.to))  // kinks lie at 0, p and q
      if (std::fabs(v) > 1e-3 && std::fabs(v - kP) > 1e-3 && std::fabs(v - kQ) > 1e-3)
        x.push_back(v);
    const size_t n = x.size();
    Values up = x, down = x;
    for (size_t i = 0; i < n; ++i) up[i] += h, down[i] -= h;
    const Values u = numbers(i64(n), 0.5, 2, 5), dy = numbers(i64(n), 0.5, 2, 6);
    const Values ones(n, 1);
    const auto value = [&](const Values& at) {
      return unary(f.name, at).run(Isa::spec, kDouble)[0];
    };
    const auto slope = [&](const Values& at) {
      return unary_d1(f.name, ones, at, value(at)).run(Isa::spec, kDouble)[0];
    };
    for (const Isa isa : {Isa::spec, best_isa()}) {
      const Values d1 = unary_d1(f.name, dy, x, value(x)).run(isa, kDouble)[0];
      const Values d2 = unary_d2(f.name, u, dy, x, value(x)).run(isa, kDouble)[0];
      const Values y1 = value(up), y0 = value(down), s1 = slope(up), s0 = slope(down);
      for (size_t i = 0; i < n; ++i) {
        CAPTURE(f.name);
        CAPTURE(x[i]);
        const double want1 = dy[i] * (y1[i] - y0[i]) / (2 * h);
        const double want2 = u[i] * dy[i] * (s1[i] - s0[i]) / (2 * h);
        REQUIRE(std::fabs(d1[i] - want1) < 1e-6 * (1 + std::fabs(want1)));
        REQUIRE(std::fabs(d2[i] - want2) < 1e-6 * (1 + std::fabs(want2)));
      }
    }
  }
}

TEST_CASE("binary kernels broadcast alike everywhere") {
  for_binary_calls(kSizes, [](const Call& call) { call.check_everywhere(); });
}

TEST_CASE("binary kernels have the values of their names") {
  const Values a = {1, 5, -2, NAN, 3, 0.0, -0.0}, b = {2, 4, -2, 1, NAN, -0.0, 0.0};
  const auto run = [&](const char* name) {
    return Call(name)
        .out(7)
        .in(a)
        .in(b)
        .integers({1, 1, 1, 7})
        .integers({0, 0, 0, 1})
        .integers({0, 0, 0, 1})
        .run(best_isa(), kFloat)[0];
  };
  const Values low = run("minimum"), high = run("maximum"), less = run("less");
  CHECK(run("add")[1] == 9);
  CHECK(run("sub")[1] == 1);
  CHECK(run("mul")[1] == 20);
  CHECK(run("div")[1] == 1.25);
  CHECK(low[0] == 1);
  CHECK(low[1] == 4);
  CHECK(high[0] == 2);
  CHECK(high[1] == 5);
  for (const size_t i : {3u, 4u}) {
    CHECK(std::isnan(low[i]));
    CHECK(std::isnan(high[i]));
    CHECK(less[i] == 0);
  }
  CHECK(!std::signbit(low[5]));  // equal: the first
  CHECK(std::signbit(high[6]));
  CHECK(less[0] == 1);
  CHECK(less[1] == 0);
}

TEST_CASE("expand broadcasts and permutes alike everywhere") {
  for_expand_calls(kSizes, [](const Call& call) { call.check_everywhere(); });
}

TEST_CASE("fills, copies, sums and casts agree everywhere") {
  for_plain_calls(kSizes, [](const Call& call) { call.check_everywhere(); });
}

TEST_CASE("act_d1 equals the derivative of the activation it names") {
  const i64 n = 1000;
  const Values y = numbers(n, -0.9, 0.9), dy = wild(n, 2);
  const char* const names[] = {nullptr, "relu", "tanh", "sigmoid"};
  for (const i64 act : {1, 2, 3}) {
    const Values want = unary_d1(names[act], dy, y, y).run(best_isa(), kFloat)[0];
    const Values got =
        Call("act_d1").out(n).in(dy).in(y).integer(n).integer(act).run(best_isa(), kFloat)[0];
    for (size_t i = 0; i < got.size(); ++i)
      REQUIRE((got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]))));
  }
}

}  // namespace
}  // namespace lat::test
