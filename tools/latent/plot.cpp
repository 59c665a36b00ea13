// Results as an SVG: a roofline above, bars below.
#include <algorithm>
#include <cmath>

#include "engine/core/error.h"
#include "tools/latent/results.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

constexpr double kWidth = 960, kLeft = 72, kRight = 232, kTop = 48, kHeight = 400;
constexpr const char* kColours[] = {"#00796b", "#e65100", "#5e35b1", "#1565c0", "#ad1457",
                                    "#616161", "#827717", "#4e342e", "#283593", "#00838f"};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else
      out += c;
  }
  return out;
}

std::string text_at(double x, double y, const std::string& text, const std::string& how = "") {
  return cat("<text x=\"", fixed(x, 1), "\" y=\"", fixed(y, 1), "\" ", how, ">", escaped(text),
             "</text>\n");
}

std::string line(double x0, double y0, double x1, double y1, const std::string& how) {
  return cat("<line x1=\"", fixed(x0, 1), "\" y1=\"", fixed(y0, 1), "\" x2=\"", fixed(x1, 1),
             "\" y2=\"", fixed(y1, 1), "\" ", how, "/>\n");
}

// Both axes logarithmic.
struct Axes {
  double x0, x1, y0, y1;
  double at_x(double x) const {
    return kLeft + (kWidth - kLeft - kRight) * std::log(x / x0) / std::log(x1 / x0);
  }
  double at_y(double y) const {
    return kTop + kHeight - kHeight * std::log(y / y0) / std::log(y1 / y0);
  }
};

using Colour = std::vector<std::string>;  // impls in the order of their colours

std::string colour_of(const Colour& impls, const std::string& impl) {
  const auto at = std::find(impls.begin(), impls.end(), impl) - impls.begin();
  return kColours[static_cast<size_t>(at) % std::size(kColours)];
}

std::string roofline(const Peaks& peaks, const std::vector<const Result*>& results,
                     const Colour& impls) {
  Axes a{0.125, 64, peaks.gflops / 64, peaks.gflops * 1.6};
  for (const Result* r : results) {
    while (r->intensity < a.x0 * 1.2) a.x0 /= 2;
    while (r->intensity > a.x1 / 1.2) a.x1 *= 2;
    while (r->rate < a.y0 * 1.2) a.y0 /= 2;
  }
  std::string out;
  for (double x = a.x0; x <= a.x1 * 1.01; x *= 2) {
    out += line(a.at_x(x), kTop, a.at_x(x), kTop + kHeight, "stroke=\"#eee\"");
    out += text_at(a.at_x(x), kTop + kHeight + 16, x < 1 ? cat("1/", std::lround(1 / x)) : cat(x),
                   "text-anchor=\"middle\"");
  }
  for (double y = std::exp2(std::ceil(std::log2(a.y0))); y <= a.y1; y *= 2) {
    out += line(kLeft, a.at_y(y), kWidth - kRight, a.at_y(y), "stroke=\"#eee\"");
    out += text_at(kLeft - 6, a.at_y(y) + 4, cat(y), "text-anchor=\"end\"");
  }
  out += text_at((kLeft + kWidth - kRight) / 2, kTop + kHeight + 34,
                 "operations a byte of operands", "text-anchor=\"middle\"");
  out += text_at(kLeft, kTop - 8, "GFLOP/s", "text-anchor=\"middle\"");
  // Each level's diagonal, from the axis to the peak.
  for (const Level& l : peaks.levels) {
    const double bandwidth = std::max(l.copy, l.triad), knee = peaks.gflops / bandwidth;
    const double from = std::max(a.x0, a.y0 / bandwidth);
    out += line(a.at_x(from), a.at_y(from * bandwidth), a.at_x(knee), a.at_y(peaks.gflops),
                "stroke=\"#90a4ae\" stroke-width=\"1.5\"");
    out += text_at(a.at_x(from) + 6, a.at_y(from * bandwidth) + 8,
                   cat(l.name, " ", fixed(bandwidth, 0), " GB/s"), "fill=\"#607d8b\"");
  }
  double first_knee = a.x1;
  for (const Level& l : peaks.levels)
    first_knee = std::min(first_knee, peaks.gflops / std::max(l.copy, l.triad));
  out += line(a.at_x(std::max(first_knee, a.x0)), a.at_y(peaks.gflops), a.at_x(a.x1),
              a.at_y(peaks.gflops), "stroke=\"#455a64\" stroke-width=\"2\"");
  out += text_at(kWidth - kRight, a.at_y(peaks.gflops) - 6,
                 cat("fma peak ", fixed(peaks.gflops, 0), " GFLOP/s"),
                 "text-anchor=\"end\" fill=\"#455a64\"");
  for (const Result* r : results)
    out +=
        cat("<circle cx=\"", fixed(a.at_x(r->intensity), 1), "\" cy=\"", fixed(a.at_y(r->rate), 1),
            "\" r=\"4.5\" fill=\"", colour_of(impls, r->impl), "\" fill-opacity=\"0.8\"><title>",
            escaped(cat(r->kernel, " ", r->shape, " ", r->impl, ": ", digits(r->rate), " GFLOP/s, ",
                        fixed(r->roofline, 1), " %")),
            "</title></circle>\n");
  return out;
}

std::string bars(double top, const std::vector<Result>& results, const Colour& impls) {
  constexpr double kRow = 17, kLabel = 430, kRoom = kWidth - kLabel - 60;
  double most = 100;
  for (const Result& r : results) most = std::max(most, r.roofline);
  const auto wide = [&](double share) { return kRoom * share / most; };
  std::string out = text_at(kLabel, top - 8, "% of the roof");
  double y = top;
  for (const Result& r : results) {
    out += text_at(kLabel - 8, y + 12, cat(r.kernel, " ", r.shape, "  ", r.impl, " x ", r.threads),
                   "text-anchor=\"end\"");
    out += cat("<rect x=\"", kLabel, "\" y=\"", fixed(y + 2, 1), "\" width=\"",
               fixed(wide(r.roofline), 1), "\" height=\"", kRow - 4, "\" fill=\"",
               colour_of(impls, r.impl), "\"/>\n");
    out += text_at(kLabel + wide(r.roofline) + 5, y + 12, fixed(r.roofline, 1));
    y += kRow;
  }
  return out + line(kLabel + wide(100), top, kLabel + wide(100), y,
                    "stroke=\"#455a64\" stroke-dasharray=\"3 3\"");
}

}  // namespace

std::string plot(const std::string& title, const Peaks& peaks, const std::vector<Result>& results) {
  Colour impls;
  std::vector<const Result*> points;
  for (const Result& r : results) {
    if (std::find(impls.begin(), impls.end(), r.impl) == impls.end()) impls.push_back(r.impl);
    if (r.flops && r.threads == results.back().threads) points.push_back(&r);
  }
  const double below = points.empty() ? kTop + 24 : kTop + kHeight + 80;
  const double height = below + 17.0 * static_cast<double>(results.size()) + 24;
  std::string out = cat("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", kWidth,
                        "\" height=\"", height, "\" viewBox=\"0 0 ", kWidth, " ", height,
                        "\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#212121\">\n");
  out += "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  out += text_at(kLeft, 22, title, "font-size=\"16\"");
  if (!points.empty()) out += roofline(peaks, points, impls);
  for (size_t i = 0; i < impls.size(); ++i) {
    const double y = kTop + 40 + 18 * static_cast<double>(i);
    if (points.empty()) break;
    out += cat("<circle cx=\"", kWidth - kRight + 16, "\" cy=\"", y, "\" r=\"5\" fill=\"",
               colour_of(impls, impls[i]), "\"/>\n");
    out += text_at(kWidth - kRight + 28, y + 4, impls[i]);
  }
  return out + bars(below, results, impls) + "</svg>\n";
}

}  // namespace lat::tools
