#pragma once
// What the program says and draws of a run by the kind of its data.
#include <memory>
#include <optional>
#include <string>

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
  // What `latent sample` draws.
  virtual Picture samples(i64 n, u64 seed) = 0;
  // How many of them, where nobody says.
  virtual i64 usual_samples() const { return 64; }
};

std::unique_ptr<Shown> shown(models::Training& training, const std::string& preset);

// A run on images; Code::usage, naming `command`, for another kind.
models::ImageTraining& images(models::Training& training, const std::string& command);

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
