#include "tools/book/figure.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/core/error.h"

namespace lat::book {

namespace {

constexpr double kLeft = 56, kRight = 14;

// Fixed decimals, and no minus before a zero.
std::string fixed(double value, int decimals = 1) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  const std::string out = text;
  return out.find_first_not_of("-0.") == out.npos && out[0] == '-' ? out.substr(1) : out;
}

std::string short_number(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text[0] == '-' ? "−" + std::string(text + 1) : text;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
  return out;
}

std::string text_at(double x, double y, const std::string& text, const std::string& how) {
  return cat("<text x=\"", fixed(x), "\" y=\"", fixed(y), "\" ", how, ">", escaped(text),
             "</text>\n");
}

double place(const Axis& axis, double v) {
  return axis.log ? std::log(v / axis.from) / std::log(axis.to / axis.from)
                  : (v - axis.from) / (axis.to - axis.from);
}

}  // namespace

double Figure::at_x(double x) const { return kLeft + (kWidth - kLeft - kRight) * place(x_, x); }
double Figure::at_y(double y) const { return top_ + height_ * (1 - place(y_, y)); }

void Figure::panel(const std::string& title, const Axis& x, const Axis& y, double height) {
  x_ = x;
  y_ = y;
  top_ = bottom_ + 60;
  height_ = height;
  bottom_ = top_ + height + 44;
  const double right = kWidth - kRight, low = top_ + height;
  body_ += text_at(kLeft, top_ - 32, title, "font-weight=\"bold\"");
  for (size_t i = 0; i < x.ticks.size(); ++i) {
    const std::string at = fixed(at_x(x.ticks[i]));
    body_ += cat("<path d=\"M", at, " ", fixed(top_), "V", fixed(low), "\" stroke=\"#e0e0e0\"/>\n");
    body_ +=
        text_at(at_x(x.ticks[i]), low + 16, x.names.empty() ? short_number(x.ticks[i]) : x.names[i],
                "text-anchor=\"middle\" fill=\"#616161\"");
  }
  for (size_t i = 0; i < y.ticks.size(); ++i) {
    const std::string at = fixed(at_y(y.ticks[i]));
    body_ +=
        cat("<path d=\"M", fixed(kLeft), " ", at, "H", fixed(right), "\" stroke=\"#e0e0e0\"/>\n");
    body_ += text_at(kLeft - 6, at_y(y.ticks[i]) + 4.5,
                     y.names.empty() ? short_number(y.ticks[i]) : y.names[i],
                     "text-anchor=\"end\" fill=\"#616161\"");
  }
  body_ += text_at((kLeft + right) / 2, low + 35, x.label, "text-anchor=\"middle\"");
  body_ += cat("<text transform=\"translate(15 ", fixed(top_ + height / 2),
               ") rotate(-90)\" text-anchor=\"middle\">", escaped(y.label), "</text>\n");
  body_ +=
      cat("<rect x=\"", fixed(kLeft), "\" y=\"", fixed(top_), "\" width=\"", fixed(right - kLeft),
          "\" height=\"", fixed(height), "\" fill=\"none\" stroke=\"#9e9e9e\"/>\n");
  ++panels_;
  body_ += cat("<clipPath id=\"CLIP", panels_, "\"><rect x=\"", fixed(kLeft - 5), "\" y=\"",
               fixed(top_ - 5), "\" width=\"", fixed(right - kLeft + 10), "\" height=\"",
               fixed(height + 10), "\"/></clipPath>\n");
}

void Figure::line(const std::vector<double>& x, const std::vector<double>& y, const char* colour,
                  Stroke stroke) {
  std::string path;
  for (size_t i = 0; i < x.size(); ++i)
    path += cat(i ? "L" : "M", fixed(at_x(x[i])), " ", fixed(at_y(y[i])));
  body_ += cat("<path d=\"", path, "\" fill=\"none\" stroke=\"", colour, "\" stroke-width=\"",
               stroke.width, stroke.dashed ? "\" stroke-dasharray=\"6 4" : "",
               "\" clip-path=\"url(#CLIP", panels_, ")\"/>\n");
}

void Figure::dots(const std::vector<double>& x, const std::vector<double>& y, const char* colour,
                  double radius) {
  for (size_t i = 0; i < x.size(); ++i)
    body_ += cat("<circle cx=\"", fixed(at_x(x[i])), "\" cy=\"", fixed(at_y(y[i])), "\" r=\"",
                 fixed(radius), "\" fill=\"", colour, "\"/>\n");
}

void Figure::bar(double x0, double x1, double y0, double y1, const char* colour, double opacity) {
  const double left = at_x(std::min(x0, x1)), right = at_x(std::max(x0, x1));
  const double high = at_y(std::max(y0, y1)), low = at_y(std::min(y0, y1));
  body_ += cat("<rect x=\"", fixed(left), "\" y=\"", fixed(high), "\" width=\"",
               fixed(right - left), "\" height=\"", fixed(low - high), "\" fill=\"", colour,
               opacity < 1 ? cat("\" fill-opacity=\"", opacity) : "", "\"/>\n");
}

void Figure::text(double x, double y, const std::string& text, const char* colour,
                  const char* anchor) {
  body_ +=
      text_at(at_x(x), at_y(y), text, cat("fill=\"", colour, "\" text-anchor=\"", anchor, "\""));
}

void Figure::legend(const std::vector<std::pair<const char*, std::string>>& names) {
  double x = kLeft;
  for (const auto& [colour, name] : names) {
    body_ += cat("<rect x=\"", fixed(x), "\" y=\"", fixed(top_ - 19),
                 "\" width=\"10\" height=\"10\" fill=\"", colour, "\"/>\n");
    body_ += text_at(x + 14, top_ - 10, name, "");
    x += 30 + 6.6 * static_cast<double>(name.size());
  }
}

void Figure::pictures(const std::vector<Row>& rows, int h, int w) {
  constexpr int kGreys = 8;
  size_t most = 1;
  for (const Row& row : rows) most = std::max(most, row.images.size());
  const double side = std::floor((kWidth - 8) / static_cast<double>(most)), gap = 3;
  const double sx = (side - gap) / w, tall = sx * h;
  bottom_ += 6;
  for (const Row& row : rows) {
    body_ += text_at(4, bottom_ + 14, row.caption, "");
    const double top = bottom_ + 20;
    bottom_ = top + tall + 8;
    for (size_t i = 0; i < row.images.size(); ++i) {
      body_ += cat("<g transform=\"translate(", fixed(4 + side * static_cast<double>(i)), " ",
                   fixed(top), ") scale(", fixed(sx, 4), ")\" shape-rendering=\"crispEdges\">");
      body_ += cat("<path fill=\"#000\" d=\"M0 0h", w, "v", h, "h-", w, "z\"/>");
      // One path for each grey; runs of equal pixels are one box.
      std::string paths[kGreys];
      for (int r = 0; r < h; ++r) {
        const auto grey = [&](int c) {
          const float v = row.images[i][static_cast<size_t>(r * w + c)];
          return static_cast<int>(std::clamp(v, 0.0f, 1.0f) * (kGreys - 1) + 0.5f);
        };
        for (int c = 0, end = 0; c < w; c = end) {
          for (end = c + 1; end < w && grey(end) == grey(c);) ++end;
          paths[grey(c)] += cat("M", c, " ", r, "h", end - c, "v1h-", end - c, "z");
        }
      }
      for (int g = 1; g < kGreys; ++g) {
        const int level = 255 * g / (kGreys - 1);
        if (!paths[g].empty())
          body_ +=
              cat("<path fill=\"rgb(", level, ",", level, ",", level, ")\" d=\"", paths[g], "\"/>");
      }
      body_ += "</g>\n";
    }
  }
}

std::string Figure::svg() const {
  return cat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", kWidth, " ",
             fixed(bottom_ + 6, 0),
             "\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#212121\">\n",
             "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n", body_, "</svg>\n");
}

}  // namespace lat::book
