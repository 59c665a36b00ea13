#pragma once
// Training on curves that are drawn while it goes on: none is stored, none is seen twice.
#include "engine/data/curves.h"
#include "models/curve_model.h"
#include "models/training.h"

namespace lat::models {

// How well held-out curves are predicted: nats per point that is asked for, each curve alone.
struct CurveFigures {
  std::vector<double> nll;  // -log of the mean over draws of p(y*|z), point by point
  std::vector<double>
      joint;  // the same of all points of a curve together: at least -log p(y*|C) in expectation
  std::vector<double> exact, exact_joint;  // what the process itself would reach
};

// Means and variances of the mixture of these in equal shares: what a model with latents says in all.
curves::Marginals mixture(const std::vector<curves::Marginals>& all);

class CurveTraining : public Training {
 public:
  CurveTraining(const Context::Options& context, std::unique_ptr<CurveModel> model,
                const curves::Curves& world, const CurveExample& example,
                const TrainConfig& config);
  ~CurveTraining() override;

  // elbo, recon, kl, nats per point that is asked for, of test curves of which all context points are given (of `limit`
  // curves, or 512), the means of what judge() gives for 5 and for all of them, and surer() for 5.
  Evaluation evaluate(i64 limit = 0) override;
  // Test curves 0 .. curves - 1, each with its first `contexts` points given, and the M points behind the first
  // example().contexts asked for; models with latents average over `samples` draws.
  CurveFigures judge(i64 contexts, i64 curves, i64 samples = 100);

  // The share of pairs, over test curves of which `contexts` points are given, in which sigma at a given point is below that
  // at a place that is at least two length scales from all of them; models with latents average over 16 draws.
  double surer(i64 contexts, i64 curves);

  // Points of a curve: x (n), y (n).
  struct Seen {
    std::vector<float> x, y;
  };
  // The first n points of a test curve.
  Seen points(i64 curve, i64 n) const;
  // What the model expects at these places: one Marginals for each of `samples` draws.
  std::vector<curves::Marginals> predictions(const Seen& seen, const std::vector<float>& at,
                                             i64 samples, u64 seed);

  i64 per_epoch() const override { return kEpoch; }
  const std::string& data_name() const override { return name_; }
  const curves::Curves& world() const { return world_; }
  const CurveExample& example() const { return example_; }
  bool draws() { return curves().draws(); }

 private:
  static constexpr i64 kEpoch = 1000;  // steps between looks at held-out curves
  struct Steps;
  // Buffers that a recorded body reads, and what is drawn into them.
  struct Slots {
    i64 batch;
    Buffer x, y, present, target_x, target_y;
    Points points() const { return {x, y, present, target_x, target_y}; }
  };
  Slots slots(i64 batch);
  // Curves first, first + 1, ... with `contexts` points each; -1: so many as the curve's number decides.
  void draw(Slots& to, const curves::Curves& world, i64 first, i64 contexts);
  std::vector<Term> learn(Adam& adam) override;
  void feed(i64 step) override;
  CurveModel& curves() { return static_cast<CurveModel&>(model()); }

  std::string name_ = "curves";
  curves::Curves world_, test_;
  CurveExample example_;
  Slots batch_;
  std::unique_ptr<Steps> steps_;
};

}  // namespace lat::models
