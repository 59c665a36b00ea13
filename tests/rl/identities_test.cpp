// What the equations of agents promise, without any training.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/lat.h"
#include "rl/core/policy.h"
#include "rl/core/trust_region.h"

namespace lat::rl {

namespace {

using Values = std::vector<double>;

// Numbers that depend on a seed alone.
class Numbers {
 public:
  explicit Numbers(u64 seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  double next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state_ >> 40) * 0x1p-24;
  }
  double between(double from, double to) { return from + (to - from) * next(); }
  Values values(i64 n, double from, double to) {
    Values v(static_cast<size_t>(n));
    for (double& x : v) x = between(from, to);
    return v;
  }

 private:
  u64 state_;
};

}  // namespace

TEST_CASE("the mean of sampled score-function gradients is the gradient of the expected reward") {
  Context ctx({.real = DType::f64, .seed = 11});
  constexpr i64 kDraws = 1000000;
  const Values logits{0.3, -0.5, 1.0, 0.1}, reward{1, -2, 0.5, 3};
  const Scratch scratch(ctx);
  const NoGrad off(ctx);
  const Tensor l = from_host(ctx, {1, 4}, logits);
  const Values p = to_host(softmax(l));
  double J = 0;
  for (size_t k = 0; k < 4; ++k) J += p[k] * reward[k];
  const Tensor a = Categorical{expand(l, {kDraws, 4})}.sample(Rng(ctx));  // (N)
  const Tensor hot = one_hot(a, 4);                                       // (N,4)
  const Tensor r = matmul(hot, from_host(ctx, {4, 1}, reward));           // (N,1)
  const auto check = [&](const Tensor& gain) {
    const Tensor g = gain * (hot - expand(softmax(l), {kDraws, 4}));  // (N,4)
    const Values m = to_host(mean(g, {0, 0})), s = to_host(mean(square(g), {0, 0}));
    double variance = 0;
    for (size_t k = 0; k < 4; ++k) {
      const double v = s[k] - m[k] * m[k];
      variance += v;
      CHECK(std::fabs(m[k] - p[k] * (reward[k] - J)) < 3 * std::sqrt(v / kDraws));
    }
    return variance;
  };
  CHECK(check(r - J) < check(r));  // a baseline changes the variance, not the mean
}

TEST_CASE(
    "rewards to go have less variance than all rewards, a baseline less still, the means are one") {
  // Two steps; the second's reward does not depend on the first's action.
  Context ctx({.seed = 5});
  constexpr i64 N = 200000;
  const Scratch scratch(ctx);
  const NoGrad off(ctx);
  const Tensor half = fill(ctx, {N, 1}, 0.5);
  const Tensor a0 = bernoulli(Rng(ctx), half), a1 = bernoulli(Rng(ctx), half);
  const Tensor r0 = 2 * a0 + 4, r1 = 3 * a1 + 2;
  const auto moments = [&](const Tensor& gain0, const Tensor& gain1) {
    const Tensor g = (a0 - 0.5) * gain0 + (a1 - 0.5) * gain1;  // of one shared logit
    const double m = item(mean(g));
    return std::pair{m, item(mean(square(g))) - m * m};
  };
  const auto [m0, total] = moments(r0 + r1, r0 + r1);
  const auto [m1, to_go] = moments(r0 + r1, r1);
  const auto [m2, based] = moments(r0 + r1 - 8.5, r1 - 3.5);
  CHECK(to_go < total);
  CHECK(based < to_go);
  const auto agrees = [](double m, double variance) {
    CHECK(std::fabs(m - 1.25) < 3 * std::sqrt(variance / N));
  };
  agrees(m0, total);
  agrees(m1, to_go);
  agrees(m2, based);
}

TEST_CASE("soft policy iteration on a random MDP comes to the soft optimum") {
  constexpr int S = 6, A = 3;
  constexpr double kGamma = 0.9;
  Numbers numbers(17);
  double P[S][A][S], r[S][A];
  for (auto& of_s : P)
    for (auto& of_a : of_s) {
      double sum = 0;
      for (double& p : of_a) sum += p = numbers.next();
      for (double& p : of_a) p /= sum;
    }
  for (auto& of_s : r)
    for (double& x : of_s) x = numbers.between(-1, 1);
  Context ctx({.real = DType::f64});
  const auto soft = [&](double alpha) {
    // Q = r + gamma P V with V = alpha log sum exp(Q / alpha), by value iteration ...
    Values q(S * A), v(S);
    const auto backup = [&](const Values& value) {
      Values out(S * A);
      for (int s = 0; s < S; ++s)
        for (int a = 0; a < A; ++a) {
          double sum = 0;
          for (int n = 0; n < S; ++n) sum += P[s][a][n] * value[size_t(n)];
          out[size_t(s * A + a)] = r[s][a] + kGamma * sum;
        }
      return out;
    };
    for (int k = 0; k < 500; ++k) {
      for (int s = 0; s < S; ++s) {
        double most = -1e300, sum = 0;
        for (int a = 0; a < A; ++a) most = std::max(most, q[size_t(s * A + a)]);
        for (int a = 0; a < A; ++a) sum += std::exp((q[size_t(s * A + a)] - most) / alpha);
        v[size_t(s)] = most + alpha * std::log(sum);
      }
      q = backup(v);
    }
    // ... and by iterating evaluation and pi = softmax(Q / alpha), in the agents' own tensors.
    Values mine(S * A);
    for (int k = 0; k < 200; ++k) {
      const Scratch scratch(ctx);
      const Tensor log_pi = log_softmax(from_host(ctx, {S, A}, mine) / alpha);  // (S,A)
      for (int sweep = 0; sweep < 300; ++sweep) {
        const Scratch inner(ctx);
        const Tensor value = sum(exp(log_pi) * (from_host(ctx, {S, A}, mine) - alpha * log_pi),
                                 {.first = -1, .last = -1});
        const Values next = backup(to_host(value));
        double moved = 0;
        for (size_t i = 0; i < next.size(); ++i)
          moved = std::max(moved, std::fabs(next[i] - mine[i]));
        mine = next;
        if (moved < 1e-13) break;
      }
    }
    double worst = 0;
    for (size_t i = 0; i < q.size(); ++i) worst = std::max(worst, std::fabs(q[i] - mine[i]));
    CHECK(worst <= 1e-8);
    return q;
  };
  soft(1);
  const Values cold = soft(0.01);
  Values hard(S * A);
  for (int k = 0; k < 500; ++k) {
    Values next(S * A);
    for (int s = 0; s < S; ++s)
      for (int a = 0; a < A; ++a) {
        double sum = 0;
        for (int n = 0; n < S; ++n)
          sum += P[s][a][n] * *std::max_element(hard.begin() + n * A, hard.begin() + n * A + A);
        next[size_t(s * A + a)] = r[s][a] + kGamma * sum;
      }
    hard = next;
  }
  for (size_t i = 0; i < hard.size(); ++i) {
    CHECK(cold[i] >= hard[i] - 1e-9);
    CHECK(cold[i] - hard[i] < 0.01 * std::log(A) / (1 - kGamma));
  }
}

TEST_CASE("the Fisher-vector product is the slope of the gradient of KL") {
  for (const bool discrete : {true, false}) {
    CAPTURE(discrete);
    Context ctx({.real = DType::f64});
    Params params;
    const Space action = discrete ? Space{true, 3, {}, {}} : Space{false, 2, {-1, -1}, {1, 1}};
    const PolicyNet net(params, "actor", action, 4, 2, 8, -0.3);
    params.materialise(ctx);
    Numbers numbers(3);
    const Values s = numbers.values(20 * 4, -1, 1), v = numbers.values(params.size(), -1, 1),
                 start = to_host(params.memory_of_values());
    const auto policy = [&](const Tensor& at) {
      const Bind there(params, at);
      return net(from_host(ctx, {20, 4}, s));
    };
    const i64 P = params.size();
    // grad KL(old || theta), at old + h v
    const auto slope = [&](double h) {
      const Scratch scratch(ctx);
      Values moved = start;
      for (size_t i = 0; i < moved.size(); ++i) moved[i] += h * v[i];
      const Policy old = stop_gradient(policy(from_host(ctx, {P}, start)));
      const Tensor theta = watch(from_host(ctx, {P}, moved));
      return to_host(grad(mean(kl(old, policy(theta))), theta));
    };
    const Scratch scratch(ctx);
    const Tensor theta = watch(from_host(ctx, {P}, start)), direction = from_host(ctx, {P}, v);
    const Policy pi = policy(theta);
    const Tensor g = grad(mean(kl(stop_gradient(pi), pi)), theta);
    for (const double x : to_host(g)) CHECK(std::fabs(x) < 1e-12);
    const Values Fv = to_host(grad(sum(g * direction), theta));
    constexpr double h = 1e-5;
    const Values up = slope(h), down = slope(-h);
    double size = 0, error = 0, vFv = 0;
    for (size_t i = 0; i < Fv.size(); ++i) {
      size += Fv[i] * Fv[i];
      vFv += v[i] * Fv[i];
      error += std::pow((up[i] - down[i]) / (2 * h) - Fv[i], 2);
    }
    CHECK(std::sqrt(error) < 1e-6 * std::sqrt(size));
    CHECK(vFv > 0);
  }
}

TEST_CASE("conjugate gradients solve a symmetric positive system") {
  constexpr i64 n = 50;
  Context ctx({.real = DType::f64});
  Numbers numbers(9);
  Values B = numbers.values(n * n, -1, 1), A(n * n);
  for (i64 i = 0; i < n; ++i)
    for (i64 j = 0; j < n; ++j) {
      double sum = i == j ? 5.0 : 0.0;
      for (i64 k = 0; k < n; ++k) sum += B[size_t(i * n + k)] * B[size_t(j * n + k)];
      A[size_t(i * n + j)] = sum;
    }
  const Scratch scratch(ctx);
  const Tensor a = from_host(ctx, {n, n}, A), g = from_host(ctx, {n}, numbers.values(n, -1, 1));
  const auto F = [&](const Tensor& v) { return reshape(matmul(a, reshape(v, {n, 1})), {n}); };
  const Direction d = trust_region_direction(F, g, 50);
  double worst = 0;
  for (const double x : to_host(F(d.x) - g)) worst = std::max(worst, std::fabs(x));
  CHECK(worst < 1e-8);
  CHECK(item(d.xFx) == doctest::Approx(item(sum(d.x * g))).epsilon(1e-9));
  // more iterations than needed do no harm
  CHECK(std::isfinite(item(trust_region_direction(F, g, 100).xFx)));
}

TEST_CASE("policies of both kinds: log densities, entropies and divergences agree with draws") {
  Context ctx({.seed = 2});
  constexpr i64 N = 200000;
  const Scratch scratch(ctx);
  const auto wide = [&](std::initializer_list<double> row) {
    return expand(from_host(ctx, {1, static_cast<i64>(row.size())}, row),
                  {N, static_cast<i64>(row.size())});
  };
  const std::pair<Policy, Policy> kinds[] = {
      {{wide({0.2, -1, 0.7}), {}, {}}, {wide({0, 0.3, -0.4}), {}, {}}},
      {{{}, wide({0.3, -0.2}), wide({-1, 0.5})}, {{}, wide({0, 0.1}), wide({0, 0})}}};
  for (const auto& [p, q] : kinds) {
    const Tensor a = p.sample(Rng(ctx));
    const auto agrees = [&](const Tensor& draws, double exact) {
      const double m = item(mean(draws)), s = item(mean(square(draws - m)));
      CHECK(std::fabs(m - exact) < 4 * std::sqrt(s / N));
    };
    agrees(-p.log_prob(a), to_host(p.entropy())[0]);
    agrees(p.log_prob(a) - q.log_prob(a), to_host(kl(p, q))[0]);
    CHECK(std::fabs(to_host(kl(p, p))[0]) < 1e-6);
  }
}

}  // namespace lat::rl
