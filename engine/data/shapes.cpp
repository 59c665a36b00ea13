#include "engine/data/shapes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "engine/core/error.h"

namespace lat {

namespace {

// The geometry in object coordinates: (u, v) in pixels of the 64x64 image at scale 1, v downwards.
constexpr double kSquareHalfSide = 9.6;
constexpr double kEllipseA = 12.75;
constexpr double kEllipseB = 7.225;

// The heart is star-shaped around (0, kHeartOriginV). Its radius is given every 2 degrees from
// straight up (0) to straight down (180), linear in between, and is the same left and right.
constexpr double kHeartOriginV = -2.0;
constexpr int kHeartKnots = 91;
constexpr double kHeartRadius[kHeartKnots] = {
    2.869, 3.449,  4.241, 4.296, 5.158,  5.244,  5.662,  6.042,  6.433,  6.739,  7.094,  7.439,
    7.682, 7.961,  8.275, 8.466, 8.626,  8.877,  8.999,  9.185,  9.444,  9.422,  9.580,  9.792,
    9.756, 9.840,  9.891, 9.914, 10.011, 10.051, 10.126, 10.183, 10.064, 10.196, 10.059, 10.019,
    9.984, 10.031, 9.854, 9.837, 9.710,  9.674,  9.523,  9.434,  9.285,  9.243,  9.072,  8.973,
    8.840, 8.773,  8.578, 8.526, 8.309,  8.254,  8.137,  8.052,  7.906,  7.823,  7.788,  7.695,
    7.686, 7.543,  7.546, 7.474, 7.440,  7.464,  7.384,  7.305,  7.449,  7.353,  7.396,  7.449,
    7.244, 7.532,  7.360, 7.622, 7.722,  7.538,  7.948,  7.877,  8.058,  8.204,  8.325,  8.520,
    8.753, 9.059,  9.190, 9.723, 10.046, 10.649, 11.649};

struct Square {
  double reach(double cosine, double sine) const {
    return kSquareHalfSide * (std::abs(cosine) + std::abs(sine));
  }
  bool contains(double u, double v) const {
    return std::abs(u) < kSquareHalfSide && std::abs(v) < kSquareHalfSide;
  }
};

struct Ellipse {
  double reach(double, double) const { return kEllipseA; }
  bool contains(double u, double v) const {
    const double a = u / kEllipseA, b = v / kEllipseB;
    return a * a + b * b < 1;
  }
};

struct Heart {
  double reach(double, double) const { return kReach; }

  // Between two radii that hold for a whole sector the answer needs no angle.
  bool contains(double u, double v) const {
    const double w = v - kHeartOriginV;
    const double radius2 = u * u + w * w;
    if (radius2 > kOuter2) return false;
    const double diamond = 1 + w / (std::abs(u) + std::abs(w) + kTiny);  // 0 up, 1 sideways, 2 down
    const Sector& sector = sectors()[static_cast<size_t>(diamond * (kSectors / 2))];
    if (radius2 < sector.inner2) return true;
    if (radius2 > sector.outer2) return false;
    return std::sqrt(radius2) < radius(std::atan2(std::abs(u), -w));
  }

 private:
  static constexpr double kReach = 13.65;           // the largest radius and the origin's offset
  static constexpr double kOuter2 = 11.65 * 11.65;  // the square of the largest radius, and more
  static constexpr double kTiny = 1e-300;           // the origin itself lies sideways
  static constexpr size_t kSectors = 128;

  struct Sector {
    double inner2, outer2;  // squares of the least and the largest radius in the sector
  };

  static double radius(double angle) {
    const double knot = angle * (90 / std::numbers::pi);
    const int k = std::min(static_cast<int>(knot), kHeartKnots - 2);
    return kHeartRadius[k] + (knot - k) * (kHeartRadius[k + 1] - kHeartRadius[k]);
  }

  // Sector i holds the diamond angles [i, i + 1) * 2 / kSectors. The radius is linear between
  // knots, so its extremes over a sector are among those of the knots around it.
  static const std::array<Sector, kSectors + 1>& sectors() {
    static const std::array<Sector, kSectors + 1> table = [] {
      const auto knot_at = [](size_t i) {
        const double d = 2.0 * static_cast<double>(std::min(i, kSectors)) / kSectors - 1;
        return std::atan2(1 - std::abs(d), -d) * (90 / std::numbers::pi);
      };
      std::array<Sector, kSectors + 1> made;
      for (size_t i = 0; i <= kSectors; ++i) {
        const int first = std::max(0, static_cast<int>(knot_at(i) - 0.01));
        const int last = std::min(kHeartKnots - 1, static_cast<int>(knot_at(i + 1) + 1.01));
        const auto [low, high] = std::minmax_element(kHeartRadius + first, kHeartRadius + last + 1);
        made[i] = {*low * *low, *high * *high};
      }
      return made;
    }();
    return table;
  }
};

// Draws into the bounding box of the shape; the rest of out (size x size, all 0) stays as it is.
// A pixel of the 64x64 image is inside if its centre is; out counts those, then turns into grey.
template <class Shape>
void draw(const Shape& shape, const std::array<uint8_t, kShapeFactors>& factors, int64_t size,
          uint8_t* out) {
  const double scale = 0.5 + 0.1 * factors[1];
  const double angle = -2 * std::numbers::pi * factors[2] / 39;
  const double cosine = std::cos(angle), sine = std::sin(angle);
  const double cx = 16 + 32.0 * factors[3] / 31, cy = 16 + 32.0 * factors[4] / 31;
  const double reach = scale * shape.reach(cosine, sine);
  const int left = static_cast<int>(cx - reach), right = static_cast<int>(cx + reach);
  const int top = static_cast<int>(cy - reach), bottom = static_cast<int>(cy + reach);

  double u_of_column[64], v_of_column[64];
  for (int j = left; j <= right; ++j) {
    const double dx = (j + 0.5 - cx) / scale;
    u_of_column[j] = cosine * dx;
    v_of_column[j] = -sine * dx;
  }
  const int shift = size == 64 ? 0 : size == 32 ? 1 : 2;  // pixels j of a block have one j >> shift
  for (int i = top; i <= bottom; ++i) {
    const double dy = (i + 0.5 - cy) / scale;
    const double u_of_row = sine * dy, v_of_row = cosine * dy;
    uint8_t* row = out + (i >> shift) * size;
    for (int j = left; j <= right; ++j) {
      const bool inside = shape.contains(u_of_column[j] + u_of_row, v_of_column[j] + v_of_row);
      row[j >> shift] = static_cast<uint8_t>(row[j >> shift] + inside);
    }
  }
  const int half = (1 << (2 * shift)) >> 1;
  for (int i = top >> shift; i <= bottom >> shift; ++i) {
    for (int j = left >> shift; j <= right >> shift; ++j) {
      uint8_t& pixel = out[i * size + j];
      pixel = static_cast<uint8_t>((255 * pixel + half) >> (2 * shift));
    }
  }
}

}  // namespace

std::array<uint8_t, kShapeFactors> shape_factors(int64_t index) {
  LAT_CHECK(index >= 0 && index < kShapeImages, Code::usage, "shape_factors", "image ", index,
            " does not exist: there are ", kShapeImages);
  std::array<uint8_t, kShapeFactors> factors{};
  for (size_t k = kShapeFactors; k-- > 0; index /= kShapeFactorSizes[k]) {
    factors[k] = static_cast<uint8_t>(index % kShapeFactorSizes[k]);
  }
  return factors;
}

void draw_shape(int64_t index, int64_t size, uint8_t* out) {
  LAT_CHECK(size == 16 || size == 32 || size == 64, Code::usage, "draw_shape", "size ", size,
            " cannot be drawn: give 16, 32 or 64");
  const auto factors = shape_factors(index);
  std::memset(out, 0, static_cast<size_t>(size * size));
  switch (factors[0]) {
    case 0:
      return draw(Square{}, factors, size, out);
    case 1:
      return draw(Ellipse{}, factors, size, out);
    default:
      return draw(Heart{}, factors, size, out);
  }
}

}  // namespace lat
