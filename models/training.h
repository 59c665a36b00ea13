#pragma once
// A model, its data and its optimiser, brought together: one object that trains, evaluates, saves and resumes. The
// program and the tests drive it; it prints nothing.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/data/images.h"
#include "engine/train/checkpoint.h"
#include "engine/train/feed.h"
#include "models/model.h"

namespace lat::models {

// Settings of a run that are not the model's own.
struct TrainConfig {
  i64 batch = 128;
  double lr = 1e-3;
  double lr_last = 1;
  i64 test_batch = 250;

  template <class F>
  void fields(F&& f) {
    f("batch", batch, "examples per step", 1, 65536);
    f("lr", lr, "learning rate of Adam", 0, 10);
    f("lr_last", lr_last, "share of it that is left at the last step, reached linearly", 0, 1);
    f("test_batch", test_batch, "examples per evaluation step", 1, 65536);
  }
};

// Held-out figures, nats per example.
struct Evaluation {
  double elbo = 0;   // -(recon + kl)
  double recon = 0;  // -E_q log p(x|z)
  double kl = 0;     // KL(q || p)
  std::vector<double> kl_per_latent;
  i64 active = 0;  // latents whose KL is above kActive nats
  i64 examples = 0;
};

constexpr double kActive = 0.05;

// Bytes that training takes, the data set aside.
struct StepMemory {
  i64 parameters = 0;  // values and gradients
  i64 kept = 0;        // moments, words, the arguments and results of steps
  i64 recorded = 0;    // tensors of one step, each in a place of its own ...
  i64 work = 0;        // ... and as the replay places them (core/passes.h)
  i64 workspace = 0;   // of the kernels, all threads together
  i64 total() const { return parameters + kept + work + workspace; }
};

class Training {
 public:
  // Builds the model for the data. `context` seeds parameters, order and noise.
  Training(const Context::Options& context, std::unique_ptr<Model> model, DataSet data,
           const TrainConfig& config);
  ~Training();

  // One step on the next batch; the loss's terms are read with terms(). Step numbers count from 0; `steps` is the
  // planned total, for schedules. Fails with Code::failed when a value is not finite, naming the op; the parameters
  // then are those of the step before. A device is not waited for: it runs some steps behind, and a failure shows when
  // it is looked at, from time to time and by all that follows here.
  void step(i64 steps);
  // Waits for the steps so far, and fails where one of them failed.
  void settle();
  // Terms of the last step: name and mean, nats per example. A device is waited for.
  std::vector<std::pair<std::string, double>> terms();
  // Terms of a step, the last one on the CPU. A device is not waited for: there it is the newest that has come to the host,
  // some steps back, and may be of a step that will turn out to have failed.
  struct Known {
    i64 step = 0;
    std::vector<std::pair<std::string, double>> terms;
  };
  const Known& recent();

  // Held-out figures on all test examples, or on the first `limit`.
  Evaluation evaluate(i64 limit = 0);
  // Images (n,H,W,C) in [0,1], as floats: test examples, their reconstructions, samples, and a traversal of latent
  // `dim` around the code of test example `example`, from -range to range in n steps.
  std::vector<float> originals(i64 n, i64 first = 0);
  std::vector<float> reconstructions(i64 n, i64 first = 0);
  std::vector<float> samples(i64 n, u64 seed);
  std::vector<float> traversal(i64 example, i64 dim, double range, i64 n) {
    return traversal(example, dim, -range, range, n);
  }
  std::vector<float> traversal(i64 example, i64 dim, double from, double to, i64 n);

  void save(const std::string& folder, const Metadata& metadata);
  // Values, moments and step from the newest checkpoint below `folder`.
  void resume(const std::string& folder);
  // Values alone, for evaluating and sampling.
  void load(const std::string& folder);

  i64 done() const { return done_; }
  i64 per_epoch() const { return feed_->per_epoch(); }
  Model& model() { return *model_; }
  const DataSet& data() const { return data_; }
  const Example& example() const { return example_; }
  Context& ctx() { return *ctx_; }
  const TrainConfig& config() const { return config_; }
  // What the training step replays.
  const Program& program() const;
  // What a training step takes. Before the first one it is recorded, not run. Not under --eager.
  StepMemory memory();

 private:
  struct Steps;
  void run_step();
  std::vector<float> images_of(const Tensor& t) const;
  Tensor test_images(i64 n, i64 first);

  std::unique_ptr<Context> ctx_;
  std::unique_ptr<Model> model_;
  DataSet data_;
  TrainConfig config_;
  Example example_;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<Adam> adam_;
  std::unique_ptr<Steps> steps_;
  i64 done_ = 0;
  i64 settled_ = 0, stride_ = 1;  // steps known to be good; steps from look to look
  i64 planned_ = 0;
  Known known_;
};

}  // namespace lat::models
