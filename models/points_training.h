#pragma once
// Training on functions of which some points are given and others asked for: curves, images.
#include "engine/data/curves.h"
#include "models/curve_model.h"
#include "models/drawn_training.h"

namespace lat::models {

// How well held-out functions are predicted: each alone, per point that is asked for; nats, but for `squares`.
struct PointFigures {
  std::vector<double> nll;  // -log of the mean over draws of p(y*|z), point by point
  std::vector<double>
      joint;  // the same of all points together: at least -log p(y*|C) in expectation
  std::vector<double> squares;  // squared error of the mean over draws
};

// Means and variances of the mixture of these in equal shares: what a model with latents says in all.
curves::Marginals mixture(const std::vector<curves::Marginals>& all);

class PointsTraining : public DrawnTraining {
 public:
  ~PointsTraining() override;

  // Points of a function: x (n,D), y (n).
  struct Seen {
    std::vector<float> x, y;
  };
  // The first n points of a test function.
  Seen points(i64 number, i64 n) const;
  // What the model expects at these places (M,D): one Marginals for each of `samples` draws.
  std::vector<curves::Marginals> predictions(const Seen& seen, const std::vector<float>& at,
                                             i64 samples, u64 seed);
  // Test functions 0 .. count - 1, each with its first `given` points, and the M points behind the first
  // example().contexts asked for; models with latents average over `samples` draws.
  PointFigures judge_points(i64 given, i64 count, i64 samples = 100);

  const CurveExample& example() const { return example_; }
  bool draws() { return functions().draws(); }

 protected:
  PointsTraining(const Context::Options& context, std::unique_ptr<CurveModel> model,
                 const CurveExample& example, const TrainConfig& config);
  // The first n points of function `number` of those for training, or for testing: x (n,D), y (n).
  virtual void draw_points(bool test, i64 number, i64 n, float* x, float* y) const = 0;
  // elbo, recon, kl: nats per point that is asked for, of test functions of which all context points are given.
  Evaluation bound(i64 n);
  i64 tested(i64 limit) const;  // functions that an evaluation of at most `limit` (0: 512) takes

 private:
  struct Steps;
  // Buffers that a recorded body reads, and what is drawn into them.
  struct Slots {
    i64 batch;
    Buffer x, y, present, target_x, target_y;
    Points points() const { return {x, y, present, target_x, target_y}; }
  };
  Slots slots(i64 batch);
  // Functions first, first + 1, ... with `given` points each; -1: so many as the function's number decides.
  void draw(Slots& to, bool test, i64 first, i64 given);
  std::vector<Term> learn(Adam& adam) override;
  void feed(i64 step) override;
  CurveModel& functions() { return static_cast<CurveModel&>(model()); }

  CurveExample example_;
  Slots batch_;
  std::unique_ptr<Steps> steps_;
};

}  // namespace lat::models
