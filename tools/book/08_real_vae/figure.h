#pragma once
// The figure of chapter 8.
#include <algorithm>

#include "tools/book/figure.h"

namespace lat::book {

struct Course {
  std::vector<double> step, recon, kl, kl_of;  // kl_of: of each latent, largest first
};

inline Figure course_figure(const Course& c, double untrained, double reference) {
  Figure f;
  const double last = c.step.back();
  std::vector<double> total;
  for (size_t i = 0; i < c.step.size(); ++i) total.push_back(c.recon[i] + c.kl[i]);
  f.panel("Training batches: what is minimised, term by term",
          {"step", 0, last, {0, 200, 400, 600, 800}},
          {"nats per image", 0, 600, {0, 100, 200, 300, 400, 500, 600}});
  f.legend({{kBlue, "recon + KL"}, {kOrange, "KL"}, {kGrey, "784 ln 2"}});
  f.line({0, last}, {untrained, untrained}, kGrey, {.dashed = true});
  f.line(c.step, total, kBlue);
  f.line(c.step, c.kl, kOrange);
  f.text(last * 0.99, reference + 60,
         "held out at the end: " + std::to_string(int(reference + 0.5)), kBlue, "end");
  std::vector<double> places;
  for (size_t i = 0; i < c.kl_of.size(); i += 4) places.push_back(double(i + 1));
  f.panel("Held out: what each latent says",
          {"latent, by its KL", 0.3, double(c.kl_of.size()) + 0.7, places},
          {"KL, nats", 0, 4, {0, 1, 2, 3, 4}}, 160);
  for (size_t i = 0; i < c.kl_of.size(); ++i)
    f.bar(double(i) + 0.65, double(i) + 1.35, 0, std::max(c.kl_of[i], 0.0), kOrange);
  return f;
}

}  // namespace lat::book
