// Chapter 4: the ELBO, three ways. One latent, so that every integral is a sum over a fine grid.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "tools/book/04_elbo/figure.h"
#include "tools/book/page.h"

namespace {

using namespace lat;
using lat::book::Page;

constexpr double kNoise = 0.5;  // s
const double kLog2Pi = std::log(2 * std::numbers::pi);

//> model
// p(z) = N(0, 1): where a point on a curve is. p(x|z) = N(f(z), s^2 I): seen in the plane, with noise.
struct Model {
  double tilt, bend;  // f(z) = (z, tilt z + bend z^2): a straight line where bend is 0
  double x[2] = {};   // the one example

  double log_likelihood(double z) const {  // log p(x|z)
    const double a = x[0] - z, b = x[1] - (tilt * z + bend * z * z);
    return -(a * a + b * b) / (2 * kNoise * kNoise) - kLog2Pi - 2 * std::log(kNoise);
  }
  double log_prior(double z) const { return -z * z / 2 - kLog2Pi / 2; }  // log p(z)
  double log_joint(double z) const { return log_likelihood(z) + log_prior(z); }
  double slope(double z) const {  // d/dz log p(x,z)
    const double a = x[0] - z, b = x[1] - (tilt * z + bend * z * z);
    return (a + b * (tilt + 2 * bend * z)) / (kNoise * kNoise) - z;
  }
};
//<

//> q
// q(z) = N(mu, sigma^2), with its KL to the prior and its entropy in closed form.
struct Q {
  double mu, sigma;

  double log_prob(double z) const {
    const double e = (z - mu) / sigma;
    return -e * e / 2 - kLog2Pi / 2 - std::log(sigma);
  }
  double kl_to_prior() const { return (mu * mu + sigma * sigma - 1 - std::log(sigma * sigma)) / 2; }
  double entropy() const { return (1 + kLog2Pi) / 2 + std::log(sigma); }
};
//<

// The integral of g over the line. For smooth functions that vanish at the ends, equal steps are as good as it gets:
// their error falls faster than any power of the step (Trefethen & Weideman 2014).
template <class G>
double integrate(G g) {
  constexpr int kSteps = 6000;
  constexpr double kEdge = 12, h = 2 * kEdge / kSteps;
  double sum = 0;
  for (int i = 0; i <= kSteps; ++i) sum += h * g(-kEdge + h * i);
  return sum;
}

struct Bound {
  double recon, kl, three[3], gap;
};

//> three
// The bound in three forms, and the gap by its own definition.
Bound bound(const Page& page, const Model& p, const Q& q, double log_px) {
  const auto under_q = [&](auto g) {
    return integrate([&](double z) { return std::exp(q.log_prob(z)) * g(z); });
  };
  double kl = q.kl_to_prior(), entropy = q.entropy();
  if (page.bug(1)) kl += 0.5;
  if (page.bug(2)) entropy -= kLog2Pi / 2;
  const double recon = -under_q([&](double z) { return p.log_likelihood(z); });
  const double joint = under_q([&](double z) { return p.log_joint(z); });
  double gap = under_q([&](double z) { return q.log_prob(z) - (p.log_joint(z) - log_px); });
  if (page.bug(3))
    gap = integrate([&](double z) {
      return std::exp(p.log_joint(z) - log_px) * (p.log_joint(z) - log_px - q.log_prob(z));
    });
  return {recon, kl, {-recon - kl, joint + entropy, log_px - gap}, gap};
}
//<

//> evidence
double log_evidence(const Page& page, const Model& p) {  // log p(x) = log of the integral of p(x,z)
  if (page.bug(4))
    return std::log(integrate([&](double z) { return std::exp(p.log_likelihood(z)); }));
  return std::log(integrate([&](double z) { return std::exp(p.log_joint(z)); }));
}
//<

//> climb
// Climbs the bound: z = mu + sigma e, e ~ N(0, 1), so that its slopes are integrals over e (chapter 5).
Q best(const Page& page, const Model& p, Q q) {
  for (int step = 0; step < 1500; ++step) {
    double d_mu = 0, d_sigma = 0;
    constexpr double h = 0.05;
    for (double e = -8; e <= 8; e += h) {
      const double weight = h * std::exp(-e * e / 2 - kLog2Pi / 2);
      d_mu += weight * p.slope(q.mu + q.sigma * e);
      d_sigma += weight * p.slope(q.mu + q.sigma * e) * e;
    }
    d_sigma += 1 / q.sigma;  // of the entropy
    if (page.bug(5)) d_sigma -= 1 / q.sigma;
    q.mu += 0.02 * d_mu;
    q.sigma = std::max(q.sigma + 0.02 * d_sigma, 1e-3);
  }
  return q;
}
//<

void chapter(Page& page) {
  const Model bent{0, 1, {0.1, 2.0}}, straight{0.5, 0, {1.0, 1.5}};
  const double log_px = log_evidence(page, bent);
  const struct {
    const char *name, *label;
    Q q;
  } cases[] = {{"the prior", "prior", {0, 1}},
               {"too narrow", "narrow", {1, 0.1}},
               {"wrong place", "displaced", {0, 0.5}},
               {"best from the right", "best", best(page, bent, {1, 0.5})},
               {"best from the left", "left", best(page, bent, {-1, 0.5})}};
  page.print("a bent line, x = (%.1f, %.1f):   log p(x) = %.4f nats\n\n", bent.x[0], bent.x[1],
             log_px);
  page.print(
      "q(z)                    mu  sigma    recon       KL      ELBO      gap  ELBO + gap\n");
  double apart = 0, engine_apart = 0, least_gap = 1e9, identity = 0;
  book::Bars bars;
  book::Densities curves;
  Context ctx({.real = DType::f64});
  for (const auto& [name, label, q] : cases) {
    const Bound b = bound(page, bent, q, log_px);
    bars.names.push_back(label);
    bars.recon.push_back(b.recon);
    bars.kl.push_back(b.kl);
    bars.gap.push_back(b.gap);
    page.print("%-20s %5.2f  %5.2f %8.4f %8.4f %9.4f %8.4f  %10.4f\n", name, q.mu, q.sigma, b.recon,
               b.kl, b.three[1], b.gap, b.three[1] + b.gap);
    const auto [low, high] = std::minmax({b.three[0], b.three[1], b.three[2]});
    apart = std::max(apart, high - low);
    least_gap = std::min(least_gap, b.gap);
    identity = std::max(identity, std::abs(b.three[0] + b.gap - log_px));
    const Scratch scratch(ctx);
    const Normal n{from_host(ctx, {1, 1}, {q.mu}), from_host(ctx, {1, 1}, {2 * std::log(q.sigma)})};
    engine_apart = std::max(engine_apart, std::abs(item(kl(n, StandardNormal{})) - b.kl));
    page.set(std::string(label) + "_elbo", b.three[1]);
    page.set(std::string(label) + "_gap", b.gap);
  }
  page.set({{"log_px", log_px}, {"apart", apart}, {"identity", identity}});
  page.set({{"least_gap", least_gap}, {"engine_apart", engine_apart}});
  page.print("\nthe three forms differ by at most %.0e nats\n", std::max(apart, 1e-10));

  // Two peaks and one bell: what q > 0 and the posterior > 0 say bounds the gap from below.
  const Q& q = cases[3].q;
  const double posterior_right =
      integrate([&](double z) { return z > 0 ? std::exp(bent.log_joint(z) - log_px) : 0; });
  const double q_right = 0.5 * std::erfc(-q.mu / q.sigma / std::numbers::sqrt2);
  const double floor = q_right * std::log(q_right / posterior_right) +
                       (1 - q_right) * std::log((1 - q_right) / (1 - posterior_right));
  page.print("posterior mass right of 0: %.3f; so no q with mass %.3f there has a gap below %.3f\n",
             posterior_right, q_right, floor);
  page.set({{"posterior_right", posterior_right},
            {"floor", floor},
            {"above_floor", bars.gap[3] - floor}});

  // A straight line: everything is Gaussian, and known. w = (1, 1/2), p(x) = N(0, w w' + s^2 I).
  const double s2 = kNoise * kNoise, ww = 1.25, wx = straight.x[0] + straight.x[1] / 2;
  const double xx = straight.x[0] * straight.x[0] + straight.x[1] * straight.x[1];
  const double exact =
      -kLog2Pi - std::log(s2 * (s2 + ww)) / 2 - (xx - wx * wx / (s2 + ww)) / (2 * s2);
  const Q posterior{wx / (s2 + ww), std::sqrt(s2 / (s2 + ww))},
      fitted = best(page, straight, {0, 1});
  const Bound tight = bound(page, straight, posterior, log_evidence(page, straight));
  page.print("\na straight line: log p(x) = %.4f; best q: mu %.4f, sigma %.4f, gap %.0e\n", exact,
             fitted.mu, fitted.sigma, std::max(std::abs(tight.gap), 1e-10));
  page.set({{"straight_log_px", log_evidence(page, straight)},
            {"straight_exact", exact},
            {"straight_gap", tight.gap}});
  page.set({{"fitted_mu", fitted.mu}, {"posterior_mu", posterior.mu}});
  page.set({{"fitted_sigma", fitted.sigma}, {"posterior_sigma", posterior.sigma}});

  for (double z = -3; z <= 3.001; z += 0.03) {
    curves.z.push_back(z);
    curves.posterior.push_back(std::exp(bent.log_joint(z) - log_px));
    curves.best.push_back(std::exp(q.log_prob(z)));
    curves.prior.push_back(std::exp(bent.log_prior(z)));
  }
  page.draw(book::elbo_figure(bars, log_px, curves));
}

}  // namespace

int main(int count, char** words) {
  return book::run(count, words, "The ELBO, three ways: why is it a bound, and what is the gap?",
                   chapter);
}
