#pragma once
// The figure of chapter 7.
#include "tools/book/figure.h"

namespace lat::book {

struct Points {
  std::vector<double> rate, distortion;
};

inline Figure rate_figure(const Points& curve, const Points& trained,
                          const std::vector<std::string>& names, double r1, double d1) {
  Figure f;
  f.panel("What a nat buys", {"rate: KL, nats", 0, 14, {0, 2, 4, 6, 8, 10, 12, 14}},
          {"distortion: squared error", 0, 20, {0, 5, 10, 15, 20}}, 320);
  f.legend({{kGrey, "water-filling"}, {kOrange, "trained, by beta"}, {kBlue, "slope at beta = 1"}});
  f.line({r1 - 3, r1 + 3}, {d1 + 6, d1 - 6}, kBlue, {.width = 1.5, .dashed = true});
  f.line(curve.rate, curve.distortion, kGrey);
  f.dots(trained.rate, trained.distortion, kOrange);
  for (size_t i = 0; i < names.size(); ++i)
    f.text(trained.rate[i] + 0.2, trained.distortion[i] + 0.45, names[i], kOrange);
  return f;
}

}  // namespace lat::book
