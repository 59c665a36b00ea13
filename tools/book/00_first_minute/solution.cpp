// Exercise 0: a solution.
#include <cmath>
#include <vector>

using Image = std::vector<double>;

double centre_x(const Image& image, int h, int w) {
  double light = 0, moment = 0;
  for (int r = 0; r < h; ++r)
    for (int c = 0; c < w; ++c) {
      light += image[size_t(r * w + c)];
      moment += c * image[size_t(r * w + c)];
    }
  return moment / light;
}

int slider(const std::vector<std::vector<Image>>& walks, int h, int w) {
  int best = -1;
  double farthest = -1;
  for (size_t k = 0; k < walks.size(); ++k) {
    const double moved =
        std::abs(centre_x(walks[k].back(), h, w) - centre_x(walks[k].front(), h, w));
    if (moved > farthest) farthest = moved, best = int(k);
  }
  return best;
}

// The cost is smallest where p is the pixel's mean m (set its derivative to 0), and is then the entropy of m.
double baseline(const std::vector<Image>& images) {
  double nats = 0;
  for (size_t d = 0; d < images[0].size(); ++d) {
    double m = 0;
    for (const Image& x : images) m += x[d] / double(images.size());
    if (m > 0 && m < 1) nats -= m * std::log(m) + (1 - m) * std::log(1 - m);
  }
  return nats;
}
