// The check of exercise 6: linear VAEs trained along single directions, to which the whole problem comes apart.
#include <vector>

#include "tools/book/exercise.h"

int active_latents(const std::vector<double>& eigenvalues, double s2, int Z);
double kl_of(double l, double s2);
double sigma2_of(double l, double s2);
double noise_for(const std::vector<double>& eigenvalues, int k);
char what_follows();

using namespace lat::book;

struct Trained {
  double kl, sigma2;
};

// Descends (l (1 - w v)^2 + w^2 e^a) / (2 s2) + (v^2 l + e^a - 1 - a) / 2 over encoder v, decoder w, log variance a.
Trained train(double l, double s2) {
  double v = 0.3, w = 0.3, a = 0;
  for (int step = 0; step < 200000; ++step) {
    const double sigma2 = std::exp(a), rest = 1 - w * v;
    const double dv = -l * rest * w / s2 + v * l;
    const double dw = (-l * rest * v + w * sigma2) / s2;
    const double da = (w * w * sigma2 / s2 + sigma2 - 1) / 2;
    v -= 0.01 * dv, w -= 0.01 * dw, a -= 0.01 * da;
  }
  return {(v * v * l + std::exp(a) - 1 - a) / 2, std::exp(a)};
}

int main() {
  const std::vector<double> l = {0.4, 3, 1.2, 0.9, 6};
  for (const double s2 : {0.5, 1.0, 2.0}) {
    int used = 0;
    for (const double each : l) {
      const Trained t = train(each, s2);
      used += t.kl > 0.001;
      char what[80];
      std::snprintf(what, sizeof what, "KL of eigenvalue %.1f at s2 = %.1f, against training", each,
                    s2);
      equal(what, kl_of(each, s2), t.kl, 1e-4);
      std::snprintf(what, sizeof what, "variance of q there");
      equal(what, sigma2_of(each, s2), t.sigma2, 1e-3);
    }
    char what[80];
    std::snprintf(what, sizeof what, "latents in use at s2 = %.1f, 5 there", s2);
    equal(what, active_latents(l, s2, 5), used);
  }
  equal("latents in use at s2 = 0.5, 2 there", active_latents(l, 0.5, 2), 2);
  equal("latents in use where the noise exceeds everything", active_latents(l, 10, 5), 0);
  equal("the noise that leaves 2 in use", noise_for(l, 2), 3);
  equal("the noise that leaves 4 in use", noise_for(l, 4), 0.9);
  answer("what silent latents mean", what_follows(), 'b',
         "Look at the figure of the chapter: the optimum itself leaves latents out.");
}
