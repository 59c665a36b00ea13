// The check of exercise 0: images drawn by hand.
#include <vector>

#include "tools/book/exercise.h"

using Image = std::vector<double>;
double centre_x(const Image& image, int h, int w);
int slider(const std::vector<std::vector<Image>>& walks, int h, int w);
double baseline(const std::vector<Image>& images);

using namespace lat::book;

// 2 x 4 pixels, one of them white.
Image at(int row, int column) {
  Image image(8, 0.0);
  image[size_t(row * 4 + column)] = 1;
  return image;
}

int main() {
  equal("the centre of one white pixel", centre_x(at(1, 3), 2, 4), 3);
  equal("the centre of an even row", centre_x({1, 1, 1, 1, 0, 0, 0, 0}, 2, 4), 1.5);
  equal("grey counts by its level", centre_x({0, 0.25, 0, 0.75, 0, 0, 0, 0}, 2, 4), 2.5);
  const std::vector<std::vector<Image>> walks = {
      {at(0, 1), at(1, 1)}, {at(0, 3), at(0, 1), at(0, 0)}, {at(0, 1), at(0, 3)}};
  equal("the latent that moves the light farthest", slider(walks, 2, 4), 1);
  equal("black and white images alone cost nothing", baseline({{1, 0, 1}}), 0);
  equal("a pixel that is white in every second image costs ln 2", baseline({{1, 0}, {0, 0}}),
        std::log(2.0));
  equal("pixels add up", baseline({{1, 0.5}, {0, 0.5}}), 2 * std::log(2.0));
  equal("white in one image of four", baseline({{1}, {0}, {0}, {0}}),
        -0.25 * std::log(0.25) - 0.75 * std::log(0.75));
}
