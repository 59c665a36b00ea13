#pragma once
// Whole training steps of fixed size, to be timed: forward, backward, optimiser, on data already in memory.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/model.h"

namespace lat::tools {

class Workload {
 public:
  virtual ~Workload() = default;
  Tensor step() { return learn_(); }  // the loss ()
  const Program& program() const { return learn_.program(); }
  const Program& recorded() const { return learn_.recorded(); }
  Context& ctx() { return ctx_; }
  // Until the steps so far have run: a device's are only queued.
  void wait() {
    if (!ctx_.on_cpu()) ctx_.step_was_finite();
  }

 protected:
  using Body = std::function<Tensor()>;
  Workload(const Context::Options& options, const std::string& name)
      : ctx_(options), learn_(ctx_, name, [this] { return body(); }) {}
  virtual Tensor body() = 0;
  // Numbers from U(0, 1), the same in every run.
  Buffer random(const Shape& shape);
  // Numbers from N(0, 1).
  Buffer normal(const Shape& shape);

  Context ctx_;

 private:
  Step<Body> learn_;
};

// vae       784-400-20, Bernoulli, batch 128, Adam 1e-3
// betavae   64x64x1, four 4x4 convolutions of stride 2 with 32 channels, 256-256, z 10, beta 4, batch 64, Adam 1e-4
// vae64     64x64x3, four 4x4 convolutions of stride 2 with 32, 64, 128, 256 channels, z 64, Bernoulli, batch 128,
//           Adam 1e-4: a GPU's yardstick
// cnn       32x32x3, 3x3 convolutions 64, 64, 128 (stride 2), 128, 256 (stride 2), mean, 10 classes, batch 64, Adam 1e-3
// gqn       4 scenes of 5 views, 64x64x3: tower of 128, 8 layers, cores of 64 channels 5x5 at 16x16, z 8, Adam 5e-4
// rssm      50 steps of 50 sequences: embedding 1024, action 6, GRU 200, latent 30, reward head 300-300, Adam 1e-3
// sac       observation 17, action 6, policy and two critics 256-256, batch 256, temperature, targets, Adam 3e-4
// overhead  16-64-64-1, squared error, batch 1, Adam 1e-3: more calls than arithmetic
std::vector<std::string> workload_names();
std::string workload_list();  // "vae, betavae, ..."
// `batch` 0: the workload's own.
std::unique_ptr<Workload> make_workload(const std::string& name, const Context::Options& options,
                                        i64 batch);

// Copies of an environment that step kSteps times with random actions, which are drawn beforehand.
struct EnvironmentWorkload {
  static constexpr i64 kSteps = 32, kCopies = 1024;
  std::unique_ptr<Workload> workload;
  i64 copies;
};
// `copies` 0: kCopies. Code::usage with the nearest name for an unknown one.
EnvironmentWorkload make_environment_workload(const std::string& environment,
                                              const Context::Options& options, i64 copies);

}  // namespace lat::tools
