// Exercise 0: which slider moves the shape, and what does a model without latents cost?
//
// An image is h * w grey levels in [0, 1], row after row. Fill in the functions; `latent learn 0` checks them.
#include <cmath>
#include <vector>

using Image = std::vector<double>;

// Where the light is: the mean column, weighted by grey level; the first pixel's column counts as 0.
double centre_x(const Image& image, int h, int w) {
  return 0;  // yours
}

// walks[k] holds the images along latent k, from -2 to 2. Which latent moves the light to the side the farthest, to the left or to
// the right, from its first image to its last?
int slider(const std::vector<std::vector<Image>>& walks, int h, int w) {
  return -1;  // yours
}

// The best model without latents gives each pixel its own probability p of being white, the same for all images. A grey
// level x costs -x ln p - (1 - x) ln(1 - p) nats. The smallest average cost of an image of this set, summed over pixels:
double baseline(const std::vector<Image>& images) {
  return 0;  // yours
}
