#pragma once
// What the program says and draws of a run by the kind of its data.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/completion_training.h"
#include "models/curve_training.h"
#include "models/image_training.h"
#include "models/scene_training.h"
#include "tools/latent/picture.h"
#include "tools/latent/run_folder.h"

namespace lat::tools {

class Shown {
 public:
  virtual ~Shown() = default;
  virtual std::string model() const = 0;  // "28x28x1  z 20"
  virtual std::string data() const = 0;   // "60,000 train / 10,000 held out"
  virtual const char* unit() const = 0;   // what a batch counts: "img"
  // Writes data.json.
  virtual void describe_data(const RunFolder& folder) const = 0;
  // What the reconstruction costs while nothing is known, nats per example; none where that is not known.
  virtual std::optional<double> untrained_recon() const { return {}; }
  // The run's pictures, into its folder.
  virtual void draw(const RunFolder& folder, const models::Evaluation& e) = 0;
  // Held-out figures that take longer, for `latent eval`; `progress` is told the share that is done.
  virtual std::vector<std::pair<std::string, double>> report(const std::function<void(double)>&) {
    return {};
  }
  // What `latent sample` draws: n images or scenes, `usual()` where nobody says.
  virtual Picture samples(i64 n, u64 seed) = 0;
  virtual i64 usual() const = 0;
};

std::unique_ptr<Shown> shown(models::Training& training, const std::string& preset);

// A run on images; Code::usage, naming `command`, for another kind.
models::ImageTraining& images(models::Training& training, const std::string& command);

// The pictures of a model of scenes. Numbers of given views above the model's are Code::usage.
struct ScenePlan {
  i64 first = 0, scenes = 4;    // test scenes first .. first + scenes - 1
  std::vector<i64> views = {};  // numbers of given views; {}: 0, 1, 2, 4 ... and the most
  u64 seed = 0;
};
// For each scene the view asked for and the given ones; then what is predicted, for each number of given views.
Picture scene_sheet(models::SceneTraining& training, const ScenePlan& plan);
// One scene from cameras all around: true, predicted from the most views of the plan, and its spread; then maps of the
// spread for each number of given views.
Picture orbit_sheet(models::SceneTraining& training, const ScenePlan& plan, i64 cameras);

// The pictures of a model of images.
Picture reconstruction_sheet(models::ImageTraining& training, i64 n);
struct Sweep {
  std::vector<i64> dims;
  double from = -3, to = 3;
  i64 steps = 11;
  i64 example = 0;
};
Picture traverse_sheet(models::ImageTraining& training, const Sweep& sweep);

}  // namespace lat::tools
