#include "tools/latent/chart.h"

#include <algorithm>
#include <cmath>

#include "engine/core/error.h"

namespace lat::tools {

namespace {

constexpr Rgb8 kGrid = {226, 226, 226}, kAxis = {170, 170, 170};

// Pixels from (x, y) to the segment from (ax, ay) to (bx, by).
double distance(double x, double y, double ax, double ay, double bx, double by) {
  const double dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy;
  const double t =
      length > 0 ? std::clamp(((x - ax) * dx + (y - ay) * dy) / length, 0.0, 1.0) : 0.0;
  return std::hypot(x - ax - t * dx, y - ay - t * dy);
}

}  // namespace

Chart::Chart(int64_t w, int64_t h, double x0, double x1, double y0, double y1)
    : picture_{h, w, std::vector<uint8_t>(static_cast<size_t>(w * h * 3), 255)},
      x0_(x0),
      x1_(x1),
      y0_(y0),
      y1_(y1) {
  LAT_CHECK(w >= 2 && h >= 2 && x0 < x1 && y0 < y1, Code::usage, "chart", w, " x ", h, " pixels, ",
            x0, " to ", x1, ", ", y0, " to ", y1, " make no chart");
  for (double x = std::ceil(x0); x <= x1; ++x) {
    const int64_t c = std::clamp<int64_t>(std::llround(column(x) - 0.5), 0, w - 1);
    for (int64_t r = 0; r < h; ++r) blend(r, c, kGrid, 1);
  }
  for (double y = std::ceil(y0); y <= y1; ++y) {
    const int64_t r = std::clamp<int64_t>(std::llround(row(y) - 0.5), 0, h - 1);
    for (int64_t c = 0; c < w; ++c) blend(r, c, y == 0 ? kAxis : kGrid, 1);
  }
  for (int64_t c = 0; c < w; ++c) blend(0, c, kAxis, 1), blend(h - 1, c, kAxis, 1);
  for (int64_t r = 0; r < h; ++r) blend(r, 0, kAxis, 1), blend(r, w - 1, kAxis, 1);
}

double Chart::column(double x) const {
  return (x - x0_) / (x1_ - x0_) * static_cast<double>(picture_.w);
}
double Chart::row(double y) const {
  return (y1_ - y) / (y1_ - y0_) * static_cast<double>(picture_.h);
}

void Chart::blend(int64_t r, int64_t c, const Rgb8& colour, double share) {
  if (r < 0 || c < 0 || r >= picture_.h || c >= picture_.w || !(share > 0)) return;
  share = std::min(share, 1.0);
  for (size_t k = 0; k < 3; ++k) {
    uint8_t& to = picture_.rgb[static_cast<size_t>((r * picture_.w + c) * 3) + k];
    to = static_cast<uint8_t>(std::lround(to + share * (colour[k] - to)));
  }
}

void Chart::band(const std::vector<float>& x, const std::vector<double>& low,
                 const std::vector<double>& high, const Rgb8& colour, double opacity) {
  for (int64_t c = 0; c < picture_.w; ++c) {
    const double at =
        x0_ + (static_cast<double>(c) + 0.5) / static_cast<double>(picture_.w) * (x1_ - x0_);
    const auto next = std::lower_bound(x.begin(), x.end(), at);
    if (next == x.begin() || next == x.end()) continue;
    const size_t i = static_cast<size_t>(next - x.begin());
    const double t = (at - x[i - 1]) / (x[i] - x[i - 1]);
    const double top = row(high[i - 1] + t * (high[i] - high[i - 1]));
    const double bottom = row(low[i - 1] + t * (low[i] - low[i - 1]));
    for (int64_t r = 0; r < picture_.h; ++r) {
      const double y = static_cast<double>(r);
      blend(r, c, colour, opacity * (std::min(y + 1, bottom) - std::max(y, top)));
    }
  }
}

void Chart::line(const std::vector<float>& x, const std::vector<double>& y, const Rgb8& colour,
                 double width, double opacity) {
  std::vector<double> cover(static_cast<size_t>(picture_.w * picture_.h));
  const double reach = width / 2 + 1;
  const auto within = [](double v, int64_t n) {
    return static_cast<int64_t>(std::clamp(v, 0.0, static_cast<double>(n)));
  };
  for (size_t i = 1; i < x.size(); ++i) {
    const double ax = column(x[i - 1]), ay = row(y[i - 1]), bx = column(x[i]), by = row(y[i]);
    if (!std::isfinite(ax + ay + bx + by)) continue;
    const int64_t bottom = within(std::max(ay, by) + reach, picture_.h);
    const int64_t right = within(std::max(ax, bx) + reach, picture_.w);
    for (int64_t r = within(std::min(ay, by) - reach, picture_.h); r < bottom; ++r) {
      for (int64_t c = within(std::min(ax, bx) - reach, picture_.w); c < right; ++c) {
        const double far =
            distance(static_cast<double>(c) + 0.5, static_cast<double>(r) + 0.5, ax, ay, bx, by);
        double& now = cover[static_cast<size_t>(r * picture_.w + c)];
        now = std::max(now, std::clamp(width / 2 + 0.5 - far, 0.0, 1.0));
      }
    }
  }
  for (int64_t r = 0; r < picture_.h; ++r)
    for (int64_t c = 0; c < picture_.w; ++c)
      blend(r, c, colour, opacity * cover[static_cast<size_t>(r * picture_.w + c)]);
}

void Chart::dot(double x, double y, const Rgb8& colour, double radius) {
  const double cx = column(x), cy = row(y);
  for (int64_t r = 0; r < picture_.h; ++r) {
    for (int64_t c = 0; c < picture_.w; ++c) {
      const double far =
          std::hypot(static_cast<double>(c) + 0.5 - cx, static_cast<double>(r) + 0.5 - cy);
      blend(r, c, colour, std::clamp(radius + 0.5 - far, 0.0, 1.0));
    }
  }
}

}  // namespace lat::tools
