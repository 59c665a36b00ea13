#pragma once
// Training on images as functions: the grey of a pixel, (), of its place, (2). Some pixels are given, others asked for
// (Garnelo et al. 2018, "Conditional Neural Processes", section 4.2).
#include "engine/data/images.h"
#include "models/points_training.h"

namespace lat::models {

class CompletionTraining : public PointsTraining {
 public:
  // Images of one channel, of which ones with `size` rows are made by means of square blocks; 0: as they are. Places lie
  // in [-1,1] x [-1,1], row first; greys in [0,1].
  CompletionTraining(const Context::Options& context, std::unique_ptr<CurveModel> model,
                     const DataSet& data, i64 size, const CurveExample& example,
                     const TrainConfig& config);

  // elbo, recon, kl, nats per pixel that is asked for, of test images of which all context pixels are given (of `limit`
  // images, or 512); the squared error of the mean prediction with 10, 50 and all of them given (mse_10, ...), and that of
  // the training set's mean image (mse_0).
  Evaluation evaluate(i64 limit = 0) override;

  const std::string& data_name() const override { return data_.name; }
  const DataSet& data() const { return data_; }
  i64 height() const { return data_.test.h; }
  i64 width() const { return data_.test.w; }
  // The test image `number`: (h,w) in [0,1].
  std::vector<float> image(i64 number) const;
  // The place of every pixel, row by row: (h w,2).
  std::vector<float> places() const;

 private:
  void draw_points(bool test, i64 number, i64 n, float* x, float* y) const override;
  double mean_image_error(i64 n) const;
  i64 pixels() const { return height() * width(); }

  DataSet data_;
  u64 seed_;
};

}  // namespace lat::models
