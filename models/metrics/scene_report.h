#pragma once
// What a scene model has understood: predictions for more and more views, what r says of a scene, and sums of r.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "models/scene_training.h"

namespace lat::models {

// Shares of pairs and quadruples, 0 to 1.
struct SceneReport {
  std::vector<std::pair<i64, SceneFigures>> given;  // for 0, 1, 2, 4, ... context views
  SceneBaselines baselines;
  double same_scene =
      0;  // pairs of rooms of the same colours in which r from other views of a room is nearer to it
  double algebra = 0;  // quadruples in which r(a) - r(b) + r(c) shows what it should

  // Every figure by name, for tables and scripts.
  std::vector<std::pair<std::string, double>> named() const;
};

struct SceneReportOptions {
  i64 scenes = 512, samples = 8, others = 256;
  i64 pairs = 200, quadruples = 100;
};

// `progress` is told the share that is done.
SceneReport report(SceneTraining& training, const SceneReportOptions& options = {},
                   const std::function<void(double)>& progress = {});

// Rooms a and b of the same wall and floor: whether the cosine between r(some views of a) and r(other views of a) is above
// that with r(views of b), over pairs.         Eslami et al. 2018, figure 3
double same_scene_share(SceneTraining& training, i64 pairs);
// One object of radius 1.2 each: r(colour 1, shape 1) - r(colour 1, shape 2) + r(colour 2, shape 2), decoded at a camera of
// its own, is nearest to the true image of (colour 2, shape 1), of the four.       Eslami et al. 2018, figure 4
double algebra_share(SceneTraining& training, i64 quadruples);

}  // namespace lat::models
