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

// What encloses a shape turned by an angle of this cosine and sine, around the shape's centre.
struct Box {
  double x, y, half_width, half_height;
};

struct Square {
  Box box(double cosine, double sine) const {
    const double half = kSquareHalfSide * (std::abs(cosine) + std::abs(sine));
    return {0, 0, half, half};
  }
  bool contains(double u, double v) const {
    return std::max(std::abs(u), std::abs(v)) < kSquareHalfSide;
  }
};

struct Ellipse {
  Box box(double cosine, double sine) const {
    return {0, 0, std::hypot(kEllipseA * cosine, kEllipseB * sine),
            std::hypot(kEllipseA * sine, kEllipseB * cosine)};
  }
  bool contains(double u, double v) const {
    constexpr double a = 1 / (kEllipseA * kEllipseA), b = 1 / (kEllipseB * kEllipseB);
    return a * (u * u) + b * (v * v) < 1;
  }
};

struct Heart {
  Box box(double cosine, double sine) const {
    return {-sine * kHeartOriginV, cosine * kHeartOriginV, kOuter, kOuter};
  }

  // Outside of two radii that bound a whole sector the answer needs no angle.
  bool contains(double u, double v) const {
    const double w = v - kHeartOriginV;
    const double radius2 = u * u + w * w;
    const double diamond = 1 + w / (std::abs(u) + std::abs(w) + kTiny);  // 0 up, 1 sideways, 2 down
    const Sector& sector = table[static_cast<size_t>(diamond * (kSectors / 2))];
    if (radius2 > sector.inner2 && radius2 < sector.outer2) [[unlikely]]
      return std::sqrt(radius2) < radius(std::atan2(std::abs(u), -w));
    return radius2 < sector.outer2;
  }

 private:
  static constexpr double kOuter = 11.65;  // the largest radius, and more
  static constexpr double kTiny = 1e-300;  // the origin itself lies sideways
  static constexpr size_t kSectors = 1024;

  struct Sector {
    double inner2, outer2;  // squares of the least and the largest radius in the sector
  };

  using Sectors = std::array<Sector, kSectors + 1>;
  const Sectors& table = sectors();

  static double radius(double angle) {
    const double knot = angle * (90 / std::numbers::pi);
    const int k = std::min(static_cast<int>(knot), kHeartKnots - 2);
    return kHeartRadius[k] + (knot - k) * (kHeartRadius[k + 1] - kHeartRadius[k]);
  }

  // Sector i holds the diamond angles [i, i + 1) * 2 / kSectors. The radius is linear between
  // knots, so its extremes over a sector lie at the sector's ends or at a knot between them.
  static const Sectors& sectors() {
    static const Sectors table = [] {
      constexpr double kMargin = 1e-9;  // of rounding
      const auto angle_at = [](size_t i) {
        const double d = 2.0 * static_cast<double>(std::min(i, kSectors)) / kSectors - 1;
        return std::atan2(1 - std::abs(d), -d);
      };
      Sectors made;
      for (size_t i = 0; i <= kSectors; ++i) {
        const double from = angle_at(i), to = angle_at(i + 1);
        auto [low, high] = std::minmax({radius(from), radius(to)});
        for (int k = 0; k < kHeartKnots; ++k) {
          const double angle = k * (std::numbers::pi / 90);
          if (angle < from || angle > to) continue;
          low = std::min(low, kHeartRadius[k]), high = std::max(high, kHeartRadius[k]);
        }
        low -= kMargin, high += kMargin;
        made[i] = {low * low, high * high};
      }
      return made;
    }();
    return table;
  }
};

// Cuts the bits into fields of 1, 2 or 4 and puts in each the number of its ones.
uint64_t ones_by_field(uint64_t bits, int field) {
  if (field >= 2) bits -= bits >> 1 & 0x5555555555555555;
  if (field == 4) bits = (bits & 0x3333333333333333) + (bits >> 2 & 0x3333333333333333);
  return bits;
}

// Draws into the bounding box of the shape; the rest of out (size x size, all 0) stays as it is.
// A pixel of the 64x64 image is inside if its centre is; the grey is the share of those.
template <class Shape>
void draw(const Shape& shape, const std::array<uint8_t, kShapeFactors>& factors, int64_t size,
          uint8_t* out) {
  const double scale = 0.5 + 0.1 * factors[1];
  const double angle = -2 * std::numbers::pi * factors[2] / 39;
  const double cosine = std::cos(angle), sine = std::sin(angle);
  const double cx = 16 + 32.0 * factors[3] / 31, cy = 16 + 32.0 * factors[4] / 31;
  const Box box = shape.box(cosine, sine);
  const double x = cx + scale * box.x, y = cy + scale * box.y;
  const double half_width = scale * box.half_width, half_height = scale * box.half_height;
  const int left = static_cast<int>(x - half_width), right = static_cast<int>(x + half_width);
  const int top = static_cast<int>(y - half_height), bottom = static_cast<int>(y + half_height);

  double u_of_column[64], v_of_column[64];
  for (int j = left; j <= right; ++j) {
    const double dx = (j + 0.5 - cx) / scale;
    u_of_column[j] = cosine * dx;
    v_of_column[j] = -sine * dx;
  }
  const int shift = size == 64 ? 0 : size == 32 ? 1 : 2;  // pixels j of a block have one j >> shift
  const uint32_t field = (1u << (1 << shift)) - 1, half = (1u << (2 * shift)) >> 1;
  for (int row = top >> shift; row <= bottom >> shift; ++row) {
    uint32_t count[64] = {};
    for (int i = row << shift; i < (row + 1) << shift; ++i) {
      const double dy = (i + 0.5 - cy) / scale;
      const double u_of_row = sine * dy, v_of_row = cosine * dy;
      uint64_t inside = 0;  // bit j: pixel j of the row
      for (int j = left; j <= right; ++j)
        inside |= uint64_t{shape.contains(u_of_column[j] + u_of_row, v_of_column[j] + v_of_row)}
                  << j;
      const uint64_t counts = ones_by_field(inside, 1 << shift);
      for (int j = left >> shift; j <= right >> shift; ++j)
        count[j] += static_cast<uint32_t>(counts >> (j << shift) & field);
    }
    for (int j = left >> shift; j <= right >> shift; ++j)
      out[row * size + j] = static_cast<uint8_t>((255 * count[j] + half) >> (2 * shift));
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
