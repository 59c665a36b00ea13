#pragma once
// Charts of functions as pictures: bands, lines and dots over a box, their edges smooth.
#include <array>
#include <cstdint>
#include <vector>

#include "tools/latent/picture.h"

namespace lat::tools {

using Rgb8 = std::array<uint8_t, 3>;

class Chart {
 public:
  // A white box of w x h pixels with a thin frame and grey lines at whole numbers: x from x0 to x1, y from y0 to y1 upwards.
  Chart(int64_t w, int64_t h, double x0, double x1, double y0, double y1);

  // Between two functions at these places, in ascending order; opacity 0 to 1.
  void band(const std::vector<float>& x, const std::vector<double>& low,
            const std::vector<double>& high, const Rgb8& colour, double opacity);
  // Through these points, `width` pixels thick.
  void line(const std::vector<float>& x, const std::vector<double>& y, const Rgb8& colour,
            double width, double opacity = 1);
  void dot(double x, double y, const Rgb8& colour, double radius);

  const Picture& picture() const { return picture_; }

 private:
  double column(double x) const;
  double row(double y) const;
  void blend(int64_t r, int64_t c, const Rgb8& colour, double share);

  Picture picture_;
  double x0_, x1_, y0_, y1_;
};

}  // namespace lat::tools
