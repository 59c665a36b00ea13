#pragma once
// The figure of chapter 5.
#include "tools/book/figure.h"

namespace lat::book {

struct Variances {
  std::vector<double> dims;
  std::vector<double> measured[3], exact[3];  // score, with its mean as baseline, pathwise
};

inline Figure gradients_figure(const Variances& v) {
  Figure f;
  f.panel("Variance of one sample's gradient",
          {"dimensions of x", 0.8, 80, {1, 2, 4, 8, 16, 32, 64}, true},
          {"variance",
           1,
           1e5,
           {1, 10, 100, 1e3, 1e4, 1e5},
           true,
           {"1", "10", "100", "10³", "10⁴", "10⁵"}},
          300);
  const char* colours[] = {kOrange, kGreen, kBlue};
  f.legend({{kOrange, "score"}, {kGreen, "with baseline"}, {kBlue, "pathwise"}});
  for (int i = 0; i < 3; ++i) {
    f.line(v.dims, v.exact[i], colours[i]);
    f.dots(v.dims, v.measured[i], colours[i]);
  }
  f.text(1, 2.2e4, "lines: closed form", kGrey);
  f.text(1, 9e3, "dots: measured", kGrey);
  return f;
}

}  // namespace lat::book
