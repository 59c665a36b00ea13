#pragma once
// Training on curves from a Gaussian process, whose own predictions are known.
#include "models/points_training.h"

namespace lat::models {

// What the process itself would reach beside the model, nats per point that is asked for, each curve alone.
struct CurveFigures : PointFigures {
  std::vector<double> exact, exact_joint;
};

class CurveTraining : public PointsTraining {
 public:
  CurveTraining(const Context::Options& context, std::unique_ptr<CurveModel> model,
                const curves::Curves& world, const CurveExample& example,
                const TrainConfig& config);

  // elbo, recon, kl, nats per point that is asked for, of test curves of which all context points are given (of `limit`
  // curves, or 512), the means of what judge() gives for 5 and for all of them, and surer() for 5.
  Evaluation evaluate(i64 limit = 0) override;
  // judge_points(), and the process beside it.
  CurveFigures judge(i64 contexts, i64 curves, i64 samples = 100);

  // The share of pairs, over test curves of which `contexts` points are given, in which sigma at a given point is below that
  // at a place that is at least two length scales from all of them; models with latents average over 16 draws.
  double surer(i64 contexts, i64 curves);

  const std::string& data_name() const override { return name_; }
  const curves::Curves& world() const { return world_; }

 private:
  void draw_points(bool test, i64 number, i64 n, float* x, float* y) const override;

  std::string name_ = "curves";
  curves::Curves world_;
};

}  // namespace lat::models
