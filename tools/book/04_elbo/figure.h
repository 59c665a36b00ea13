#pragma once
// The figure of chapter 4.
#include <cstdio>

#include "tools/book/figure.h"

namespace lat::book {

struct Bars {
  std::vector<std::string> names;
  std::vector<double> recon, kl, gap;
};
struct Densities {
  std::vector<double> z, posterior, best, prior;
};

inline Figure elbo_figure(const Bars& bars, double log_px, const Densities& p) {
  Figure f;
  std::vector<double> middles;
  for (size_t i = 0; i < bars.names.size(); ++i) middles.push_back(double(i) + 0.5);
  const double right = double(bars.names.size());
  f.panel("−ELBO = reconstruction + KL = −log p(x) + gap",
          {"q(z)", 0, right, middles, false, bars.names}, {"nats", 0, 10, {0, 2, 4, 6, 8, 10}});
  f.legend({{kBlue, "reconstruction"}, {kOrange, "KL to the prior"}, {kGrey, "-log p(x)"}});
  for (size_t i = 0; i < bars.names.size(); ++i) {
    const double sum = bars.recon[i] + bars.kl[i];
    f.bar(middles[i] - 0.3, middles[i] + 0.3, 0, bars.recon[i], kBlue);
    f.bar(middles[i] - 0.3, middles[i] + 0.3, bars.recon[i], sum, kOrange);
    char text[32];
    std::snprintf(text, sizeof text, "gap %.2f", bars.gap[i]);
    f.text(middles[i], sum + 0.3, text, "#212121", "middle");
  }
  f.line({0, right}, {-log_px, -log_px}, kGrey, {.dashed = true});
  f.panel("What q is to match: the posterior p(z|x)", {"z", -3, 3, {-3, -2, -1, 0, 1, 2, 3}},
          {"density", 0, 2, {0, 0.5, 1, 1.5, 2}});
  f.legend({{kGrey, "posterior"}, {kOrange, "best q"}, {kBlue, "prior"}});
  f.line(p.z, p.prior, kBlue, {.width = 1.5});
  f.line(p.z, p.posterior, kGrey, {.width = 3});
  f.line(p.z, p.best, kOrange);
  return f;
}

}  // namespace lat::book
