#pragma once
// Test scenes as a scene model predicts them: single views, rings of views, and where it is unsure.
#include <optional>
#include <string>
#include <vector>

#include "models/scene_training.h"
#include "tools/latent/picture.h"

namespace lat::tools {

// A run on scenes; Code::usage, naming `command`, for another kind.
models::SceneTraining& scenes(models::Training& training, const std::string& command);

// Test scenes of the run's world.
rooms::Scenes test_scenes(const models::SceneTraining& training);

inline constexpr i64 kDraws = 16;  // of z, for a mean and its spread

// What is predicted of one view. Images are (H,W,3).
struct Guess {
  std::vector<float> draws;         // (n,H,W,3), each of a z of its own
  std::vector<float> mean, spread;  // over the draws; the spread is the standard deviation
  double unsure = 0;                // the root of the mean square of `spread`
};
Guess guess(models::SceneTraining& training, const models::SceneTraining::Known& known,
            const rooms::Camera& camera, i64 draws = kDraws, u64 seed = 0);

// The root of the mean square of what two images differ by.
double rmse(const float* a, const float* b, i64 n);

// Spreads are drawn as heat: black 0, red, yellow, white kMostSpread and above.
inline constexpr double kMostSpread = 0.25;
std::vector<float> heat(const std::vector<float>& spread);  // of all colours of a pixel: (H,W,3)

// n cameras all around: on the ring of a room; on the sphere around a figure, a little raised.
std::vector<rooms::Camera> orbit(const std::string& world, i64 n);

// How unsure the model is of a view, by where its camera is. Rooms are seen from above, with the objects that are truly
// there; around figures a turn runs from left to right, and from 60 degrees below to 60 degrees above.
class SpreadMap {
 public:
  // From the ring in 24 directions, from places all over a room looking at its middle, or from all over the sphere.
  SpreadMap(models::SceneTraining& training, i64 scene, const models::SceneTraining::Known& known);

  // size x size pixels: spreads as heat; given cameras white with a black rim, the one that looks now magenta.
  Picture draw(i64 size, const std::vector<rooms::Camera>& given,
               const std::optional<rooms::Camera>& now) const;
  double mean() const;  // of the values

 private:
  // The place of a camera on the map, -1 to 1 from left to right and from bottom to top.
  struct Place {
    float x = 0, y = 0;
  };
  Place place(const rooms::Camera& camera) const;
  // The value at a place; none where no camera can be.
  std::optional<double> value(const Place& at) const;

  rooms::View view_;
  rooms::Scene scene_;
  i64 columns_ = 1;
  std::vector<std::optional<double>> values_;  // row-major from the bottom
};

}  // namespace lat::tools
