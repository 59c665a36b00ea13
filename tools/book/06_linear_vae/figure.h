#pragma once
// The figure of chapter 6.
#include <cmath>

#include "tools/book/figure.h"

namespace lat::book {

// Eigenvalues, each of a unit's width, with s2; the KL that the trained latents have below the eigenvalues' curve.
inline Figure linear_figure(const std::vector<double>& l, double s2,
                            const std::vector<double>& kl) {
  Figure f;
  std::vector<double> places;
  std::vector<std::string> names;
  for (size_t i = 0; i < l.size(); ++i) {
    places.push_back(double(i) + 1);
    names.push_back(std::to_string(i + 1));
  }
  const double right = double(l.size()) + 0.5;
  f.panel("Eigenvalues of the data and the noise of the decoder",
          {"direction", 0.5, right, places, false, names},
          {"variance", 0.1, 10, {0.1, 1, 10}, true}, 170);
  f.legend({{kBlue, "eigenvalue"}, {kGrey, "noise s2: below it, no latent"}});
  for (size_t i = 0; i < l.size(); ++i) {
    f.line({places[i], places[i]}, {0.1, l[i]}, kBlue, {.width = 3});
    f.dots({places[i]}, {l[i]}, kBlue, 5);
  }
  f.line({0.5, right}, {s2, s2}, kGrey, {.dashed = true});
  f.panel("What the trained latents say", {"latent, by its KL", 0.5, right, places, false, names},
          {"KL, nats", 0, 1.2, {0, 0.5, 1}}, 170);
  f.legend({{kOrange, "trained"}, {kGrey, "predicted: half the log of eigenvalue / s2"}});
  for (size_t i = 0; i < l.size(); ++i)
    f.bar(places[i] - 0.3, places[i] + 0.3, 0, std::max(0.0, std::log(l[i] / s2) / 2), kGrey, 0.35);
  f.dots(std::vector<double>(places.begin(), places.begin() + std::ptrdiff_t(kl.size())), kl,
         kOrange, 5);
  return f;
}

}  // namespace lat::book
