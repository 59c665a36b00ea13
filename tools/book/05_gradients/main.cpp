// Chapter 5: gradients through noise. The derivative of an average over random numbers, estimated in four ways whose
// variances are known exactly.
#include <algorithm>
#include <cmath>

#include "tools/book/05_gradients/figure.h"
#include "tools/book/page.h"

namespace {

using namespace lat;
using lat::book::Page;

constexpr i64 kRows = 1 << 16;  // of a chunk

// Mean and variance of a stream of numbers.
struct Moments {
  double n = 0, sum = 0, squares = 0;
  void add(const std::vector<double>& values) {
    for (const double v : values) n += 1, sum += v, squares += v * v;
  }
  double mean() const { return sum / n; }
  double variance() const { return squares / n - mean() * mean(); }
};

// One number for each row: (n) of a tensor (n,D).
Tensor row_sum(const Tensor& x) { return sum(x, {.first = -1, .last = -1}); }

//> estimators
// d/dmu E[ f(x) ], f(x) = |x|^2, x ~ N(mu, s^2) in D dimensions: one estimate for each row of mu (n,D), as every row has a mu
// of its own. All four have the same average: 2 mu.
enum Estimator { score, score_baseline, score_best, pathwise };

Tensor gradient(const Page& page, Estimator how, const Tensor& mu, double s, double m, Rng rng) {
  const Normal q{mu, fill(rng.ctx(), {}, 2 * std::log(s))};
  const double D = double(mu.cols());
  Tensor x = q.rsample(rng);  // (n,D)  mu + s eps: knows mu
  if (page.bug(1)) x = stop_gradient(x);
  if (how == pathwise) return grad(sum(row_sum(square(x))), mu);  // (n,D)  differentiate f
  Tensor sample = stop_gradient(x);                               // (n,D)  a number like any other
  if (page.bug(2)) sample = x;
  Tensor f = row_sum(square(sample));                      // (n)
  if (how == score_baseline) f = f - D * (m * m + s * s);  // its mean
  if (how == score_best) f = f - (m * m + 3 * s * s + (D - 1) * (m * m + s * s));
  if (page.bug(3) && how != score) f = f - row_sum(square(sample));
  return grad(sum(f * q.log_prob(sample)), mu);  // (n,D)  differentiate log q
}
//<

// What the text derives.
double exact_variance(Estimator how, double m, double s, double D) {
  const double m2 = m * m, s2 = s * s, mean = m2 + s2, spread = 4 * m2 * s2 + 2 * s2 * s2;
  if (how == pathwise) return 4 * s2;
  const double one = how == score            ? m2 * m2 / s2 + 14 * m2 + 15 * s2
                     : how == score_baseline ? 8 * m2 + 10 * s2
                                             : 8 * m2 + 6 * s2;
  const double others = (D - 1) * spread / s2;
  const double product =
      2 * (D - 1) * mean * (m2 + 3 * s2) / s2 + (D - 1) * (D - 1) * mean * mean / s2;
  return one + others + (how == score ? product : 0);
}

// Of the gradient for the first dimension, over so many samples.
Moments measure(const Page& page, Context& ctx, Estimator how, double m, double s, i64 D,
                i64 samples) {
  Moments out;
  const i64 rows = std::max<i64>(kRows / D, 1);
  for (i64 done = 0; done < samples; done += rows) {
    const Scratch scratch(ctx);
    const Tensor mu = watch(fill(ctx, {rows, D}, m));
    const Tensor g = gradient(page, how, mu, s, m, Rng(ctx));
    out.add(to_host(narrow(g, 1, 0, 1)));
  }
  return out;
}

//> landing
// The gradient of log p(x,z) - log q(z) for p(z) = N(0,1), p(x|z) = N(z, s2), q = N(m, v): three ways to the same average.
enum Landing { plain, analytic, sticking };

Tensor elbo_gradient(const Page& page, Landing how, const Tensor& mu, double x, double s2, double v,
                     Rng rng) {
  Context& ctx = rng.ctx();
  const Normal q{mu, fill(ctx, {}, std::log(v))}, prior{fill(ctx, {}, 0), fill(ctx, {}, 0)};
  const Normal likelihood{fill(ctx, {}, x),
                          fill(ctx, {}, std::log(s2))};  // N(z; x, s2) = N(x; z, s2)
  const Tensor z = q.rsample(rng);                       // (n,1)
  const Tensor log_p = likelihood.log_prob(z);           // (n)  log p(x|z)
  if (how == analytic) return grad(sum(log_p - kl(q, StandardNormal{})), mu);
  Normal here = q;
  if (how == sticking) here.mu = stop_gradient(mu);  // log q's own parameters stand still
  if (page.bug(4)) here.mu = mu;
  return grad(sum(log_p + prior.log_prob(z) - here.log_prob(z)), mu);
}
//<

void chapter(Page& page) {
  Context ctx({.real = DType::f64, .threads = 2, .seed = page.seed()});
  const char* names[] = {"score function", "  less its mean", "  less the best", "pathwise"};
  const char* keys[] = {"score", "baseline", "best", "path"};
  const i64 samples = page.steps(i64{1} << 22);
  double worst_mean = 0;
  for (const double s : {1.0, 0.5}) {
    page.print("f(x) = x^2, x ~ N(1, %.1f^2): the derivative of its average is 2\n\n", s);
    page.print("estimator           mean   variance      exact\n");
    for (const Estimator how : {score, score_baseline, score_best, pathwise}) {
      const Moments m = measure(page, ctx, how, 1, s, 1, samples);
      const double exact = exact_variance(how, 1, s, 1);
      page.print("%-16s %7.3f %10.3f %10.3f\n", names[how], m.mean(), m.variance(), exact);
      const std::string key = cat(keys[how], s == 1 ? "" : "_half");
      page.set(key, m.variance());
      page.set(key + "_exact", exact);
      worst_mean = std::max(worst_mean, std::abs(m.mean() - 2) / std::sqrt(exact / m.n));
    }
    page.print("\n");
  }
  page.set("worst_mean", worst_mean);

  book::Variances v;
  const Estimator shown[] = {score, score_baseline, pathwise};
  double worst = 0;
  page.print("dimensions      score  with baseline   pathwise\n");
  for (i64 D = 1; D <= 64; D *= 4) {
    v.dims.push_back(double(D));
    page.print("%10d", int(D));
    for (int i = 0; i < 3; ++i) {
      v.measured[i].push_back(measure(page, ctx, shown[i], 1, 1, D, samples / 16).variance());
      v.exact[i].push_back(exact_variance(shown[i], 1, 1, double(D)));
      worst = std::max(worst, std::abs(v.measured[i].back() / v.exact[i].back() - 1));
      page.print(i == 0 ? " %10.1f" : i == 1 ? " %14.2f" : " %10.3f", v.measured[i].back());
    }
    page.print("\n");
  }
  page.set("worst_dimension", worst);
  page.set("score_64", v.exact[0].back());
  page.set("path_64", v.exact[2].back());

  // x = 1, s2 = 1/2: the posterior is N(2/3, 1/3).
  const double x = 1, s2 = 0.5, variance = s2 / (1 + s2), mean = x / (1 + s2);
  page.print(
      "\ngradient of the ELBO, q = the exact posterior\n\nestimator            variance      "
      "exact\n");
  const char* ways[] = {"log p - log q", "analytic KL", "sticking"};
  const double known[] = {1 / variance, variance / (s2 * s2), 0};
  for (const Landing how : {plain, analytic, sticking}) {
    Moments at, off;
    for (i64 done = 0; done < samples / 8; done += kRows) {
      const Scratch scratch(ctx);
      const Tensor mu = watch(fill(ctx, {kRows, 1}, mean)),
                   wide = watch(fill(ctx, {kRows, 1}, mean));
      at.add(to_host(elbo_gradient(page, how, mu, x, s2, variance, Rng(ctx))));
      off.add(to_host(elbo_gradient(page, how, wide, x, s2, 4 * variance, Rng(ctx))));
    }
    page.print("%-16s %12.4f %10.4f\n", ways[how], at.variance(), known[how]);
    page.set(cat("landing_", how), at.variance());
    page.set(cat("landing_", how, "_exact"), known[how]);
    page.set(cat("wide_", how), off.variance());
  }
  page.draw(book::gradients_figure(v));
}

}  // namespace

int main(int count, char** words) {
  return book::run(
      count, words,
      "Gradients through noise: how do you differentiate an average over random numbers?", chapter);
}
