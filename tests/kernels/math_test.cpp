// exp, log, tanh, ... : their worst error and their special values, read through the unary kernels
// of the table.
//
// The cases named "exhaustive" run over all 2^32 floats; --no-skip runs them (their time is in
// their names).
#define LAT_ISA math_test
#include "kernels/common/math.h"
#include "tests/kernels/call.h"

namespace lat::test {
namespace {

struct Function {
  const char* name;
  double (*exact)(double);
  double bound;  // ulp
};
constexpr Function kFunctions[] = {
    {"exp", [](double x) { return std::exp(x); }, 1.01},
    {"expm1", [](double x) { return std::expm1(x); }, 1.55},
    {"log", [](double x) { return std::log(x); }, 0.9},
    {"log1p", [](double x) { return std::log1p(x); }, 1.15},
    {"tanh", [](double x) { return std::tanh(x); }, 1.5},
    {"sigmoid",
     [](double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); },
     2.45},
    {"softplus", [](double x) { return (x < 0 ? 0 : x) + std::log1p(std::exp(-std::fabs(x))); },
     1.9},
    {"sqrt", [](double x) { return std::sqrt(x); }, 0.5},
};

// A kernel of the table, one block of inputs at a time.
constexpr size_t kBlock = 1 << 14;
using Block = std::vector<float>;

void evaluate(const Function& f, Isa isa, Block& y, const Block& x) {
  // expm1 is no operation of its own; it is read off the derivative of the KL.
  const bool is_expm1 = std::strcmp(f.name, "expm1") == 0;
  const i32 row = find_kernel(is_expm1 ? "gaussian_kl_d1" : f.name);
  REQUIRE(row >= 0);
  if (is_expm1) {  // dlogvar = (1/2 dkl) expm1(logvar), dkl = 2: one row with the block as columns
    static const float two = 2;
    static Block dmu(kBlock);
    Arg args[7];
    args[0].p = dmu.data();
    args[1].p = y.data();
    args[2].p = const_cast<float*>(&two);
    args[3].p = const_cast<float*>(x.data());
    args[4].p = const_cast<float*>(x.data());
    args[5].i = 1;
    args[6].i = i64(x.size());
    table(isa)[row].run[kFloat](args, {});
    return;
  }
  Arg args[5];
  args[0].p = y.data();
  args[1].p = const_cast<float*>(x.data());
  args[2].i = i64(x.size());
  args[3].r = args[4].r = 0;
  table(isa)[row].run[kFloat](args, {});
}

// The spacing of floats at |r|.
double ulp_at(double r) {
  if (r == 0) return 0x1p-149;
  int e;
  std::frexp(r, &e);
  return std::ldexp(1.0, std::max(e - 24, -149));
}

// The error in ulp, or infinity when the kind of number is wrong (NaN, infinite, sign).
double error_of(double exact, float y) {
  if (std::isnan(exact) || std::isnan(y)) return std::isnan(exact) && std::isnan(y) ? 0 : INFINITY;
  if (std::signbit(exact) != std::signbit(y)) return INFINITY;
  if (std::isinf(exact)) return double(y) == exact ? 0 : INFINITY;
  // Beyond the largest float the next one would be 2^128: inf counts as that.
  const double value = std::isinf(y) ? std::copysign(0x1p128, double(y)) : double(y);
  if (std::fabs(exact) >= 0x1p128)
    return std::isinf(y) || std::fabs(value) >= 0x1.fffffep127 ? 0 : INFINITY;
  return std::fabs(value - exact) / ulp_at(exact);
}

struct Worst {
  double error = 0;
  float at = 0;
};
Worst worst_error(const Function& f, Isa isa, u64 stride) {
  Worst worst;
  Block x(kBlock), y(kBlock);
  for (u64 first = 0; first < (u64(1) << 32); first += kBlock * stride) {
    for (size_t k = 0; k < kBlock; ++k) x[k] = std::bit_cast<float>(u32(first + k * stride));
    evaluate(f, isa, y, x);
    for (size_t k = 0; k < kBlock; ++k) {
      const double e = error_of(f.exact(double(x[k])), y[k]);
      if (e > worst.error) worst = {e, x[k]};
    }
  }
  return worst;
}

void check_equal(const Function& f, Isa a, Isa b, u64 stride) {
  Block x(kBlock), ya(kBlock), yb(kBlock);
  for (u64 first = 0; first < (u64(1) << 32); first += kBlock * stride) {
    for (size_t k = 0; k < kBlock; ++k) x[k] = std::bit_cast<float>(u32(first + k * stride));
    evaluate(f, a, ya, x);
    evaluate(f, b, yb, x);
    for (size_t k = 0; k < kBlock; ++k)
      if (!same_bits(double(ya[k]), double(yb[k])))
        FAIL(std::string(f.name), "(", digits(double(x[k])), ") is ", digits(double(ya[k])), " in ",
             std::string(isa_name(a)), ", ", digits(double(yb[k])), " in ",
             std::string(isa_name(b)));
  }
}

constexpr u64 kSample = 1021;  // every 1021st float: 4.2 million

TEST_CASE("functions stay within their bounds (a sample of 4.2 million floats)") {
  for (const Function& f : kFunctions) {
    const Worst worst = worst_error(f, best_isa(), kSample);
    CAPTURE(f.name);
    CAPTURE(worst.at);
    CHECK(worst.error <= f.bound);
  }
}

TEST_CASE("functions give the same bits everywhere (a sample of 1 million floats)") {
  for (const Function& f : kFunctions)
    for (const Isa isa : fast_isas()) check_equal(f, Isa::spec, isa, 4099);
}

TEST_CASE("exhaustive: worst errors over all floats (20 minutes)" * doctest::skip()) {
  for (const Function& f : kFunctions) {
    const Worst worst = worst_error(f, best_isa(), 1);
    MESSAGE(f.name << ": worst error " << worst.error << " ulp at " << worst.at);
    CHECK(worst.error <= f.bound);
  }
}

TEST_CASE("exhaustive: the same bits over all floats with hardware fma (3 minutes)" *
          doctest::skip()) {
  for (const Function& f : kFunctions)
    for (const Isa isa : fast_isas())
      if (isa != Isa::v2 && isa != best_isa()) check_equal(f, best_isa(), isa, 1);
}

TEST_CASE("exhaustive: the specification's bits over all floats (hours)" * doctest::skip()) {
  for (const Function& f : kFunctions) check_equal(f, Isa::spec, best_isa(), 1);
}

// ---- special values -----------------------------------------------------------------------------

float value_of(const char* name, float x, Isa isa) {
  for (const Function& f : kFunctions)
    if (std::strcmp(f.name, name) == 0) {
      Block in(kBlock, x), out(kBlock);
      evaluate(f, isa, out, in);
      return out[0];
    }
  FAIL(name);
  return 0;
}

TEST_CASE("special values lie where IEEE 754 puts them") {
  const float inf = INFINITY, nan = NAN, tiny = 0x1p-149f;
  struct Row {
    const char* name;
    float x, y;
  };
  const Row rows[] = {
      {"exp", -inf, 0},
      {"exp", inf, inf},
      {"exp", 0.0f, 1},
      {"exp", -0.0f, 1},
      {"exp", 88.8f, inf},
      {"exp", -104, 0},
      {"exp", -103.5f, tiny},
      {"exp", nan, nan},
      {"expm1", -inf, -1},
      {"expm1", inf, inf},
      {"expm1", -0.0f, -0.0f},
      {"expm1", 0.0f, 0.0f},
      {"expm1", tiny, tiny},
      {"expm1", -200, -1},
      {"expm1", 200, inf},
      {"expm1", nan, nan},
      {"log", 0.0f, -inf},
      {"log", -0.0f, -inf},
      {"log", inf, inf},
      {"log", -1, nan},
      {"log", 1, 0.0f},
      {"log", -inf, nan},
      {"log", nan, nan},
      {"log1p", -1, -inf},
      {"log1p", inf, inf},
      {"log1p", -0.0f, -0.0f},
      {"log1p", tiny, tiny},
      {"log1p", -2, nan},
      {"log1p", nan, nan},
      {"log1p", -inf, nan},
      {"tanh", inf, 1},
      {"tanh", -inf, -1},
      {"tanh", 0.0f, 0.0f},
      {"tanh", -0.0f, -0.0f},
      {"tanh", tiny, tiny},
      {"tanh", -100, -1},
      {"tanh", nan, nan},
      {"sigmoid", inf, 1},
      {"sigmoid", -inf, 0},
      {"sigmoid", 0.0f, 0.5f},
      {"sigmoid", nan, nan},
      {"softplus", inf, inf},
      {"softplus", -inf, 0},
      {"softplus", 100, 100},
      {"softplus", nan, nan},
      {"sqrt", -0.0f, -0.0f},
      {"sqrt", inf, inf},
      {"sqrt", -1, nan},
      {"sqrt", tiny, 0x1.6a09e6p-75f},
  };
  std::vector<Isa> isas = fast_isas();
  isas.push_back(Isa::spec);
  for (const Row& r : rows)
    for (const Isa isa : isas) {
      const float y = value_of(r.name, r.x, isa);
      const std::string set = isa_name(isa);
      CAPTURE(r.name);
      CAPTURE(r.x);
      CAPTURE(set);
      if (std::isnan(r.y))
        CHECK(std::isnan(y));
      else
        CHECK(std::bit_cast<u32>(y) == std::bit_cast<u32>(r.y));
    }
}

// ---- angles -------------------------------------------------------------------------------------

void check_angles(u64 stride) {
  namespace m = lat::kernels::math_test::m;
  double worst = 0, worst_absolute = 0;
  for (u64 u = 0; u < (u64(1) << 32); u += stride) {
    const m::SinCos<float> got = m::sin_cos_turn<float>(u32(u));
    // The quadrant is taken off exactly, so that the reference has no error near multiples of pi /
    // 2.
    const u32 quadrant = u32((u + 0x20000000u) >> 30) & 3;
    const double x = double(i32(u32(u) - (quadrant << 30))) * 0x1.921fb54442d18p-30;
    const double s = std::sin(x), c = std::cos(x);
    const double sine[] = {s, c, -s, -c}, cosine[] = {c, -s, -c, s};
    for (const auto& [exact, y] :
         {std::pair{sine[quadrant], got.sin}, std::pair{cosine[quadrant], got.cos}}) {
      worst = std::max(worst, std::fabs(double(y) - exact) / ulp_at(exact));
      worst_absolute = std::max(worst_absolute, std::fabs(double(y) - exact));
    }
  }
  MESSAGE("sin_cos_turn: worst error " << worst << " ulp, " << worst_absolute << " absolute");
  CHECK(worst <= 1.6);
  CHECK(worst_absolute <= 8e-8);
}

TEST_CASE("sines and cosines of turns (a sample of 4.2 million)") { check_angles(1021); }
TEST_CASE("exhaustive: sines and cosines of all turns (3 minutes)" * doctest::skip()) {
  check_angles(1);
}

TEST_CASE("quarter turns are exact") {
  namespace m = lat::kernels::math_test::m;
  const float sine[] = {0, 1, 0, -1}, cosine[] = {1, 0, -1, 0};
  for (u32 k = 0; k < 4; ++k) {
    const m::SinCos<float> got = m::sin_cos_turn<float>(k << 30);
    CHECK(got.sin == sine[k]);
    CHECK(got.cos == cosine[k]);
  }
}

}  // namespace
}  // namespace lat::test
