#pragma once
// A model and its optimiser, brought together: one object that trains, evaluates, saves and resumes. Each kind of data
// has its own (image_training.h, scene_training.h). The program and the tests drive it; it prints nothing.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/train/checkpoint.h"
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
  std::vector<std::pair<std::string, double>> more;  // what else this kind of data is judged by
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

// A Step of unknown body, held by the pieces that a Training calls.
template <class R, class... A>
struct Body {
  std::function<R(A...)> f;
  R operator()(A... a) const { return f(a...); }
};

class Training {
 public:
  virtual ~Training();

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
  virtual Evaluation evaluate(i64 limit = 0) = 0;

  void save(const std::string& folder, const Metadata& metadata);
  // Values, moments and step from the newest checkpoint below `folder`.
  void resume(const std::string& folder);
  // Values alone, for evaluating and sampling, schedules at their end.
  void load(const std::string& folder);

  i64 done() const { return done_; }
  virtual i64 per_epoch() const = 0;  // steps
  virtual const std::string& data_name() const = 0;
  Model& model() { return *model_; }
  Context& ctx() { return *ctx_; }
  const TrainConfig& config() const { return config_; }
  // What the training step replays.
  const Program& program() const;
  // What a training step takes. Before the first one it is recorded, not run. Not under --eager.
  StepMemory memory();

 protected:
  // `context` seeds parameters, order and noise. The derived class builds the model, then calls ready().
  Training(const Context::Options& context, std::unique_ptr<Model> model,
           const TrainConfig& config);
  void ready();
  // The body of the recorded step: a batch, and the model's train_step on it.
  virtual std::vector<Term> learn(Adam& adam) = 0;
  // Before step number `step`: what its body reads from the host.
  virtual void feed(i64 step);
  // Bytes of the context's that hold data.
  virtual i64 data_bytes() const { return 0; }

 private:
  struct Learn;
  void run_step();

  std::unique_ptr<Context> ctx_;
  std::unique_ptr<Model> model_;
  TrainConfig config_;
  std::unique_ptr<Adam> adam_;
  std::unique_ptr<Learn> learn_;
  i64 done_ = 0;
  i64 settled_ = 0, stride_ = 1;  // steps known to be good; steps from look to look
  i64 planned_ = 0;
  Known known_;
};

}  // namespace lat::models
