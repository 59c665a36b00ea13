// Chapter 7: rate and distortion. One linear VAE for each weight of the KL; all land on a curve that is known.
#include <algorithm>

#include "tools/book/06_linear_vae/linear_vae.h"
#include "tools/book/07_rate_distortion/figure.h"

namespace {

using namespace lat;
using namespace lat::book;

constexpr double kNoise = 1;  // s2

struct Point {
  double rate, distortion;
};

//> water
// Reverse water-filling: every direction is described to an error of theta, those below it not at all.
//                                                            Cover & Thomas 2006, theorem 10.3.3
Point water_filling(double theta) {
  Point p{0, 0};
  for (const double l : kEigenvalues) {
    p.rate += std::max(0.0, std::log(l / theta) / 2);  // nats
    p.distortion += std::min(l, theta);                // squared error
  }
  return p;
}
//<

//> sweep
// What a VAE with as many latents as directions reaches when its KL is weighted by beta.
Point train(Page& page, Context& ctx, double beta) {
  LinearVae vae(page, ctx, kD, kNoise, false);
  Word weight(ctx, "beta", beta);
  if (page.bug(5)) weight.set(1);
  const Fitted f = fit(vae, ctx, weight, page.steps(20000));
  double rate = f.kl;
  if (page.bug(6)) rate *= beta;
  return {rate, f.distortion};
}
//<

double elbo(const Point& p) {
  return -p.distortion / (2 * kNoise) - p.rate - kD * std::log(2 * std::numbers::pi * kNoise) / 2;
}

void chapter(Page& page) {
  Context ctx({.real = DType::f64, .seed = page.seed()});
  const std::vector<double> betas = {0.1, 0.15, 0.27, 0.42, 0.6, 1, 1.3, 2, 3.2, 6, 10};
  page.print("                rate, nats     squared error\n");
  page.print("  beta active  trained  known  trained  known      ELBO\n");
  double worst_rate = 0, worst_distortion = 0, best_elbo = -1e300, best_beta = 0;
  Points trained, curve;
  std::vector<std::string> names;
  for (const double beta : betas) {
    const Point p = train(page, ctx, beta), known = water_filling(beta * kNoise);
    const auto active = std::count_if(kEigenvalues.begin(), kEigenvalues.end(),
                                      [&](double l) { return l > beta * kNoise; });
    page.print("%6.2f %6d %8.3f %6.3f %8.3f %6.3f %9.3f\n", beta, int(active), std::abs(p.rate),
               known.rate, p.distortion, known.distortion, elbo(p));
    worst_rate = std::max(worst_rate, std::abs(p.rate - known.rate) / std::max(known.rate, 0.1));
    worst_distortion = std::max(worst_distortion, std::abs(p.distortion / known.distortion - 1));
    if (elbo(p) > best_elbo) best_elbo = elbo(p), best_beta = beta;
    trained.rate.push_back(p.rate);
    trained.distortion.push_back(p.distortion);
    names.push_back(cat(beta));
    if (beta == 1)
      page.set({{"rate_1", p.rate}, {"distortion_1", p.distortion}, {"elbo_1", elbo(p)}});
  }
  page.set({{"worst_rate", worst_rate},
            {"worst_distortion", worst_distortion},
            {"best_beta", best_beta}});

  // The slope of the curve at beta = 1, from two VAEs beside it.
  const Point a = train(page, ctx, 0.95), b = train(page, ctx, 1.05);
  const double slope = (b.distortion - a.distortion) / (b.rate - a.rate);
  page.print(
      "\nslope at beta = 1: %.3f squared error a nat (known %.3f); highest ELBO at beta = %g\n",
      slope, -2 * kNoise, best_beta);
  page.set({{"slope", slope}, {"known_slope", -2 * kNoise}});

  // A budget of 3 nats: the rate falls with beta, so halving finds it (the exercise).
  double low = 0.01, high = 100;
  for (int i = 0; i < 60; ++i) {
    const double middle = std::sqrt(low * high);
    (water_filling(middle * kNoise).rate > 3 ? low : high) = middle;
  }
  const Point spent = train(page, ctx, high);
  page.print("a budget of 3 nats: beta = %.4f, trained rate %.3f, squared error %.3f\n", high,
             spent.rate, spent.distortion);
  page.set({{"budget_beta", high},
            {"budget_rate", spent.rate},
            {"budget_distortion", spent.distortion}});

  for (double theta = 0.06; theta < 8; theta *= 1.02) {
    const Point p = water_filling(theta);
    curve.rate.push_back(p.rate);
    curve.distortion.push_back(p.distortion);
  }
  const Point one = water_filling(kNoise);
  page.draw(rate_figure(curve, trained, names, one.rate, one.distortion));
}

}  // namespace

int main(int count, char** words) {
  return run(count, words, "Rate and distortion: what does beta really do?", chapter);
}
