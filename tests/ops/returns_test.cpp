// Advantages and returns against sums over every episode, and what ends an episode.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/harness/cases.h"

namespace lat::test {

namespace {

constexpr i64 kSteps = 60, kEnvs = 5;
constexpr double kGamma = 0.9, kLambda = 0.8;

// Trajectories of several episodes each: some rows terminate, some are truncated, some are both or neither.
struct Trajectories {
  Context ctx{{.real = DType::f64}};
  Values reward, value, next, terminated, truncated;
  Buffer ends[2];

  Trajectories() {
    Numbers numbers(3);
    const i64 n = kSteps * kEnvs;
    reward = numbers.values(n, -1, 1);
    value = numbers.values(n, -1, 1);
    next = numbers.values(n, -1, 1);
    for (Values* v : {&terminated, &truncated}) {
      *v = numbers.values(n, 0, 1);
      for (double& x : *v) x = x < 0.1 ? 1 : 0;
    }
    const Values* const ended[] = {&terminated, &truncated};
    for (int i = 0; i < 2; ++i) {
      ends[i] = Buffer(ctx, {kSteps, kEnvs}, DType::u8);
      set_values(ends[i], *ended[i]);
    }
  }
  Tensor tensor(const Values& v) { return from_host(ctx, {kSteps, kEnvs}, v); }
  Tensor discount() { return discounts(ends[0], kGamma); }

  // Where the trajectory from step t on stops to be that of one episode: the last step that counts.
  i64 last(i64 t, i64 e) const {
    while (t < kSteps - 1 && terminated[at(t, e)] == 0 && truncated[at(t, e)] == 0) ++t;
    return t;
  }
  // r_t + gamma r_{t+1} + ... + gamma^n V, n rewards; after a terminal step the value is 0.
  double n_step(i64 t, i64 e, i64 n) const {
    double sum = 0;
    for (i64 k = 0; k < n; ++k) sum += std::pow(kGamma, k) * reward[at(t + k, e)];
    const size_t end = at(t + n - 1, e);
    return sum + (terminated[end] != 0 ? 0 : std::pow(kGamma, n) * next[end]);
  }
  static size_t at(i64 t, i64 e) { return static_cast<size_t>(t * kEnvs + e); }
};

}  // namespace

TEST_CASE("gae is the sum of discounted residuals up to the end of an episode") {
  Trajectories s;
  const Values a = to_host(gae(s.tensor(s.reward), s.tensor(s.value), s.tensor(s.next),
                               s.discount(), kLambda, s.ends[1]));
  for (i64 e = 0; e < kEnvs; ++e)
    for (i64 t = 0; t < kSteps; ++t) {
      double want = 0;
      for (i64 l = 0; t + l <= s.last(t, e); ++l) {  // Schulman et al. 2016, equation 16
        const size_t i = s.at(t + l, e);
        const double after = s.terminated[i] != 0 ? 0 : s.next[i];
        want += std::pow(kGamma * kLambda, l) * (s.reward[i] + kGamma * after - s.value[i]);
      }
      REQUIRE(a[s.at(t, e)] == doctest::Approx(want).epsilon(1e-12));
    }
}

TEST_CASE("lambda_return is the average of n-step returns") {
  Trajectories s;
  const Values r = to_host(
      lambda_return(s.tensor(s.reward), s.tensor(s.next), s.discount(), kLambda, s.ends[1]));
  for (i64 e = 0; e < kEnvs; ++e)
    for (i64 t = 0; t < kSteps; ++t) {
      const i64 most = s.last(t, e) - t + 1;
      double want = std::pow(kLambda, most - 1) * s.n_step(t, e, most);
      for (i64 n = 1; n < most; ++n)  // Hafner et al. 2020, equation 6
        want += (1 - kLambda) * std::pow(kLambda, n - 1) * s.n_step(t, e, n);
      REQUIRE(r[s.at(t, e)] == doctest::Approx(want).epsilon(1e-12));
    }
}

TEST_CASE("the advantage is the return less the value") {
  Trajectories s;
  s.value[0] = 0.25;
  for (i64 t = 0; t + 1 < kSteps; ++t)  // one value function: V(s_{t+1}) where nothing was reset
    for (i64 e = 0; e < kEnvs; ++e)
      if (s.last(t, e) > t) s.next[s.at(t, e)] = s.value[s.at(t + 1, e)];
  const Values a = to_host(gae(s.tensor(s.reward), s.tensor(s.value), s.tensor(s.next),
                               s.discount(), kLambda, s.ends[1]));
  const Values r = to_host(
      lambda_return(s.tensor(s.reward), s.tensor(s.next), s.discount(), kLambda, s.ends[1]));
  for (size_t i = 0; i < a.size(); ++i)
    REQUIRE(a[i] + s.value[i] == doctest::Approx(r[i]).epsilon(1e-12));
}

TEST_CASE(
    "termination stops the value, truncation keeps it, and neither lets the next episode in") {
  Context ctx({.real = DType::f64});
  const Tensor reward = from_host(ctx, {3, 1}, {1, 1, 100}), zero = zeros_like(reward),
               next = from_host(ctx, {3, 1}, {10, 20, 30});
  const auto returned = [&](Values terminated, Values truncated) {
    const Buffer end(ctx, {3, 1}, DType::u8), cut(ctx, {3, 1}, DType::u8);
    set_values(end, terminated);
    set_values(cut, truncated);
    const Tensor d = discounts(end, 0.5);
    const Values r = to_host(lambda_return(reward, next, d, 1, cut));
    const Values a = to_host(gae(reward, zero, next, d, 1, cut));
    if (terminated[1] + truncated[1] > 0) CHECK(a[1] == r[1]);  // no value: all is advantage
    const Tensor real_end = from_host(ctx, {3, 1}, terminated),
                 real_cut = from_host(ctx, {3, 1}, truncated);
    const Tensor same = discounts(real_end, 0.5);
    CHECK(to_host(lambda_return(reward, next, same, 1, real_cut)) == r);
    CHECK(to_host(gae(reward, zero, next, same, 1, real_cut)) == a);
    return r;
  };
  CHECK(returned({0, 1, 0}, {0, 0, 0}) == Values{1.5, 1, 115});
  CHECK(returned({0, 0, 0}, {0, 1, 0}) == Values{6.5, 11, 115});
  CHECK(returned({0, 1, 0}, {0, 1, 0}) == Values{1.5, 1, 115});
  CHECK(returned({0, 0, 0}, {0, 0, 0})[1] == 1 + 0.5 * 115);
}

TEST_CASE("sizes that do not fit are refused") {
  Context ctx;
  const Tensor r = fill(ctx, {3, 2}, 0), other = fill(ctx, {3, 1}, 0), none = fill(ctx, {0, 2}, 0);
  CHECK_THROWS_WITH_AS(gae(r, r, other, r, 1), doctest::Contains("(3,2)"), Error);
  CHECK_THROWS_WITH_AS(gae(r, r, r, r, 1, ctx.empty({3, 2}, DType::i32)), doctest::Contains("u8"),
                       Error);
  CHECK_THROWS_WITH_AS(lambda_return(none, none, none, 1), doctest::Contains("T >= 1"), Error);
  CHECK_THROWS_WITH_AS(scan(r, other), doctest::Contains("one shape"), Error);
  CHECK_THROWS_WITH_AS(scan(r, r, r), doctest::Contains("starts from (2)"), Error);
  CHECK_THROWS_WITH_AS(group_norm(r, 3, {}, {}), doctest::Contains("3 groups"), Error);
  CHECK_THROWS_WITH_AS(layer_norm(r, fill(ctx, {3}, 1), {}), doctest::Contains("are (2)"), Error);
}

}  // namespace lat::test
