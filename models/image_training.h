#pragma once
// Training on a set of images.
#include "engine/data/images.h"
#include "engine/train/feed.h"
#include "models/training.h"

namespace lat::models {

class ImageTraining : public Training {
 public:
  ImageTraining(const Context::Options& context, std::unique_ptr<ImageModel> model, DataSet data,
                const TrainConfig& config);
  ~ImageTraining() override;

  Evaluation evaluate(i64 limit = 0) override;
  // Images (n,H,W,C) in [0,1], as floats: test examples, their reconstructions, samples, and a traversal of latent
  // `dim` around the code of test example `example`, from -range to range in n steps.
  std::vector<float> originals(i64 n, i64 first = 0);
  std::vector<float> reconstructions(i64 n, i64 first = 0);
  std::vector<float> samples(i64 n, u64 seed);
  std::vector<float> traversal(i64 example, i64 dim, double range, i64 n) {
    return traversal(example, dim, -range, range, n);
  }
  std::vector<float> traversal(i64 example, i64 dim, double from, double to, i64 n);

  i64 per_epoch() const override { return feed_.per_epoch(); }
  const std::string& data_name() const override { return data_.name; }
  const DataSet& data() const { return data_; }
  const Example& example() const { return example_; }

 private:
  struct Steps;
  std::vector<Term> learn(Adam& adam) override;
  i64 data_bytes() const override { return feed_.copied(); }
  ImageModel& images() { return static_cast<ImageModel&>(model()); }
  std::vector<float> images_of(const Tensor& t) const;
  Tensor test_images(i64 n, i64 first);

  DataSet data_;
  Example example_;
  Feed feed_;
  std::unique_ptr<Steps> steps_;
};

}  // namespace lat::models
