#pragma once
// Training on scenes that are drawn while it goes on: none is stored, none is seen twice.
#include <array>

#include "engine/data/rooms.h"
#include "models/drawn_training.h"
#include "models/scene_model.h"

namespace lat::models {

// How well the asked-for views of test scenes are predicted, scene by scene.
struct SceneFigures {
  std::vector<double> nll;  // -ELBO, nats per view: no less than -log p(x|v,r)
  std::vector<double>
      variance;             // of the predictions over draws of z, the mean over pixels and colours
  double rmse = 0;          // of the mean prediction, per pixel and colour
  double rmse_objects = 0;  // the same where the renderer saw an object
};
// What knows less would reach: the best image that depends on the camera alone, and the context view whose camera is
// nearest.
struct SceneBaselines {
  double camera = 0, camera_objects = 0, nearest = 0;  // RMSE
};

class SceneTraining : public DrawnTraining {
 public:
  // `world` as in engine/data/rooms.h. Scenes have 0 .. `contexts` views in training.
  SceneTraining(const Context::Options& context, std::unique_ptr<SceneModel> model,
                const rooms::Scenes& world, const SceneExample& example, const TrainConfig& config);
  ~SceneTraining() override;

  // elbo, recon, kl of test scenes with all context views (of `limit` scenes, or 512).
  Evaluation evaluate(i64 limit = 0) override;
  // Test scenes 0 .. scenes - 1, each with its first `contexts` views; the mean prediction is that of `samples` draws of z.
  SceneFigures judge(i64 contexts, i64 scenes, i64 samples);
  // The camera's best image is the mean over `others` training scenes.
  SceneBaselines baselines(i64 scenes, i64 others) const;

  // Views of a scene with their cameras: images (n,H,W,3), poses (n,7).
  struct Seen {
    i64 n = 0;
    std::vector<float> images, poses;
  };
  // The first n views of a test scene. The one asked for has number example().contexts.
  Seen views(i64 scene, i64 n) const;
  Seen views(const rooms::Scene& scene, const std::vector<rooms::Camera>& cameras) const;
  // r of a scene of which these views are known, (1,h,w,R).
  struct Known {
    Shape shape;
    std::vector<double> values;
  };
  Known representation(const Seen& seen);
  // The means of p(x|z) (samples,H,W,3) at one camera, each of a z of its own.
  std::vector<float> predictions(const Known& r, const std::array<float, 7>& pose, i64 samples,
                                 u64 seed);

  const std::string& data_name() const override { return world_.world; }
  const rooms::Scenes& world() const { return world_; }
  const SceneExample& example() const { return example_; }

 private:
  struct Steps;
  // Buffers that a recorded body reads, and what is drawn into them.
  struct Slots {
    i64 batch;
    Buffer images, poses, present, image, pose;
    Views views() const { return {images, poses, present, image, pose}; }
  };
  Slots slots(i64 batch);
  // Scenes first, first + 1, ... with `contexts` views each; -1: 0 to N, as the scene's number decides.
  void draw(Slots& to, const rooms::Scenes& world, i64 first, i64 contexts);
  std::vector<Term> learn(Adam& adam) override;
  void feed(i64 step) override;
  SceneModel& scenes() { return static_cast<SceneModel&>(model()); }
  i64 pixels() const { return example_.size * example_.size; }

  rooms::Scenes world_, test_;
  SceneExample example_;
  Slots batch_;
  std::unique_ptr<Steps> steps_;
};

}  // namespace lat::models
