// Log-likelihoods and divergences.
#include "tests/kernels/likelihood_cases.h"

namespace lat::test {
namespace {

constexpr double kPi = 3.14159265358979323846;

struct Shape {
  i64 rows, cols;
};
std::vector<Shape> shapes() {
  std::vector<Shape> s = {{0, 5}, {128, 20}, {100, 10}, {3, 8193}};
  for (const i64 n : kSizes) {
    s.push_back({1, n});
    s.push_back({n, 1});
    s.push_back({n, 3});
    if (n < 2000) s.push_back({7, n});
  }
  return s;
}

TEST_CASE("likelihood kernels equal the specification everywhere") {
  for (const Shape& s : shapes())
    for (const bool special : {false, true})
      for (const Call& call : likelihood_calls(s.rows, s.cols, special)) call.check_everywhere();
}

TEST_CASE("gaussian_log_prob_d1 skips null outputs") {
  const i64 rows = 3, cols = 37, n = rows * cols;
  const std::vector<Values> all = Call("gaussian_log_prob_d1")
                                      .out(n)
                                      .out(n)
                                      .out(n)
                                      .in(numbers(rows))
                                      .in(numbers(n, -2, 2, 1))
                                      .in(numbers(n, -2, 2, 2))
                                      .in(numbers(n, -2, 2, 3))
                                      .integers({rows, cols})
                                      .run(best_isa(), kFloat);
  for (const int only : {0, 1, 2}) {
    const Call call = gaussian_slope_alone(only, rows, cols);
    call.check_everywhere();
    CHECK(call.run(best_isa(), kFloat)[0] == all[size_t(only)]);
  }
}

constexpr i64 kRows = 4, kCols = 73;

Values kl_of(const Values& mu, const Values& lv) {
  return Call("gaussian_kl")
      .out(kRows)
      .in(mu)
      .in(lv)
      .integers({kRows, kCols})
      .run(best_isa(), kDouble)[0];
}
Values normal_of(const Values& x, const Values& mu, const Values& lv) {
  return Call("gaussian_log_prob")
      .out(kRows)
      .in(x)
      .in(mu)
      .in(lv)
      .integers({kRows, kCols})
      .run(best_isa(), kDouble)[0];
}
Values bernoulli_of(const Values& l, const Values& x) {
  return Call("bernoulli_log_prob")
      .out(kRows)
      .in(l)
      .in(x)
      .integers({kRows, kCols})
      .run(best_isa(), kDouble)[0];
}
Values categorical_of(const Values& l, const Values& label) {
  return Call("categorical_log_prob")
      .out(kRows)
      .in(l)
      .in_i32(label)
      .integers({kRows, kCols})
      .run(best_isa(), kDouble)[0];
}

// d sum_r w[r] f(x)[r] / dx[i] by central differences, at every 7th i, against `slope`.
template <class F>
void check_slope(const Values& slope, const Values& x, const Values& w, F&& f) {
  const double h = 1e-5;
  for (size_t i = 0; i < x.size(); i += 7) {
    Values up = x, down = x;
    up[i] += h, down[i] -= h;
    const Values y1 = f(up), y0 = f(down);
    double want = 0;
    for (size_t r = 0; r < w.size(); ++r) want += w[r] * (y1[r] - y0[r]) / (2 * h);
    CAPTURE(i);
    REQUIRE(std::fabs(slope[i] - want) < 1e-6 * (1 + std::fabs(want)));
  }
}

TEST_CASE("likelihoods in double equal their densities, derivatives central differences") {
  const i64 n = kRows * kCols;
  const Values x = numbers(n, -2, 2, 1), mu = numbers(n, -2, 2, 2), lv = numbers(n, -2, 2, 3);
  const Values p = numbers(n, 0, 1, 4), d = numbers(kRows, 0.5, 2, 5), label = {0, 72, 13, 40};
  const Values kl = kl_of(mu, lv), normal = normal_of(x, mu, lv);
  const Values bernoulli = bernoulli_of(x, p), categorical = categorical_of(x, label);
  for (size_t r = 0; r < size_t(kRows); ++r) {
    long double want_kl = 0, want_normal = 0, want_bernoulli = 0, total = 0;
    for (size_t i = r * kCols; i < (r + 1) * kCols; ++i) {
      const long double var = std::exp(static_cast<long double>(lv[i])), diff = x[i] - mu[i];
      want_kl += (mu[i] * mu[i] + var - 1 - lv[i]) / 2;
      want_normal += std::log(std::exp(-diff * diff / (2 * var)) / std::sqrt(2 * kPi * var));
      const long double s = 1 / (1 + std::exp(static_cast<long double>(-x[i])));
      want_bernoulli += p[i] * std::log(s) + (1 - p[i]) * std::log(1 - s);
      total += std::exp(static_cast<long double>(x[i]));
    }
    CHECK(kl[r] == doctest::Approx(double(want_kl)).epsilon(1e-12));
    CHECK(normal[r] == doctest::Approx(double(want_normal)).epsilon(1e-12));
    CHECK(bernoulli[r] == doctest::Approx(double(want_bernoulli)).epsilon(1e-12));
    CHECK(
        categorical[r] ==
        doctest::Approx(double(x[r * kCols + size_t(label[r])] - std::log(total))).epsilon(1e-12));
  }
  const std::vector<i64> size = {kRows, kCols};
  const auto kl_d1 = Call("gaussian_kl_d1")
                         .out(n)
                         .out(n)
                         .in(d)
                         .in(mu)
                         .in(lv)
                         .integers(size)
                         .run(best_isa(), kDouble);
  check_slope(kl_d1[0], mu, d, [&](const Values& at) { return kl_of(at, lv); });
  check_slope(kl_d1[1], lv, d, [&](const Values& at) { return kl_of(mu, at); });
  const auto normal_d1 = Call("gaussian_log_prob_d1")
                             .out(n)
                             .out(n)
                             .out(n)
                             .in(d)
                             .in(x)
                             .in(mu)
                             .in(lv)
                             .integers(size)
                             .run(best_isa(), kDouble);
  check_slope(normal_d1[0], x, d, [&](const Values& at) { return normal_of(at, mu, lv); });
  check_slope(normal_d1[1], mu, d, [&](const Values& at) { return normal_of(x, at, lv); });
  check_slope(normal_d1[2], lv, d, [&](const Values& at) { return normal_of(x, mu, at); });
  const auto bernoulli_d1 = Call("bernoulli_log_prob_d1")
                                .out(n)
                                .in(d)
                                .in(x)
                                .in(p)
                                .integers(size)
                                .run(best_isa(), kDouble);
  check_slope(bernoulli_d1[0], x, d, [&](const Values& at) { return bernoulli_of(at, p); });
  const auto categorical_d1 = Call("categorical_log_prob_d1")
                                  .out(n)
                                  .in(d)
                                  .in(x)
                                  .in_i32(label)
                                  .integers(size)
                                  .run(best_isa(), kDouble);
  check_slope(categorical_d1[0], x, d, [&](const Values& at) { return categorical_of(at, label); });
}

TEST_CASE("gaussian_kl keeps its digits near the prior") {
  // kl = lv^2 / 4 to first order: with exp(lv) - 1 in float it would be 0 or noise.
  for (const double lv : {1e-3, -1e-3, 3e-4}) {
    const double exact = (std::expm1(double(float(lv))) - double(float(lv))) / 2;
    const double got =
        Call("gaussian_kl").out(1).in({0}).in({lv}).integers({1, 1}).run(best_isa(), kFloat)[0][0];
    CHECK(std::fabs(got - exact) < 1.2e-7 * std::fabs(lv));
  }
  CHECK(Call("gaussian_kl")
            .out(1)
            .in(Values(20, 0))
            .in(Values(20, 0))
            .integers({1, 20})
            .run(best_isa(), kFloat)[0][0] == 0);
}

TEST_CASE("bernoulli_log_prob keeps its digits for confident logits") {
  const double got = Call("bernoulli_log_prob")
                         .out(1)
                         .in({20})
                         .in({1})
                         .integers({1, 1})
                         .run(best_isa(), kFloat)[0][0];
  CHECK(got == doctest::Approx(-std::log1p(std::exp(-20.0))).epsilon(1e-6));
}

TEST_CASE("a label outside the classes gives NaN and no gradient") {
  for (const double label : {-1.0, 5.0, -2147483648.0, 2147483647.0}) {
    const Values l = numbers(5);
    CHECK(std::isnan(Call("categorical_log_prob")
                         .out(1)
                         .in(l)
                         .in_i32({label})
                         .integers({1, 5})
                         .run(best_isa(), kFloat)[0][0]));
    CHECK(Call("categorical_log_prob_d1")
              .out(5)
              .in({1})
              .in(l)
              .in_i32({label})
              .integers({1, 5})
              .run(best_isa(), kFloat)[0] == Values(5, 0));
  }
}

}  // namespace
}  // namespace lat::test
