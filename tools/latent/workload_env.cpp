// What latent bench env times.
#include <random>

#include "rl/core/environments.h"
#include "tools/latent/workloads.h"

namespace lat::tools {

namespace {

class Stepping : public Workload {
 public:
  Stepping(const Context::Options& o, const std::string& environment, i64 copies)
      : Workload(o, "env " + environment),
        environments_(rl::make_environments(ctx_, environment, copies, /*seed=*/0)) {
    const rl::Space& space = environments_.action();
    row_ = space.discrete ? Shape{copies} : Shape{copies, space.size};
    const Shape all = space.discrete ? Shape{EnvironmentWorkload::kSteps, copies}
                                     : Shape{EnvironmentWorkload::kSteps, copies, space.size};
    actions_ = Buffer(ctx_, all, space.discrete ? DType::i32 : ctx_.real());
    std::mt19937_64 bits(1);
    std::vector<double> values(static_cast<size_t>(all.size()));
    for (double& v : values) {
      if (space.discrete)
        v = static_cast<double>(bits() % static_cast<u64>(space.size));
      else
        v = std::uniform_real_distribution<double>(space.low[0], space.high[0])(bits);
    }
    set_values(actions_, values);
    environments_.reset();
  }

 private:
  Tensor body() override {
    Tensor reward;
    for (i64 t = 0; t < EnvironmentWorkload::kSteps; ++t)
      reward = environments_.step(reshape(slice(actions_, t, t + 1), row_)).reward;  // (E)
    return sum(reward);                                                              // ()
  }

  rl::Environments environments_;
  Shape row_;       // (E) or (E,A)
  Buffer actions_;  // (kSteps,E) or (kSteps,E,A)
};

}  // namespace

EnvironmentWorkload make_environment_workload(const std::string& environment,
                                              const Context::Options& options, i64 copies) {
  if (copies == 0) copies = EnvironmentWorkload::kCopies;
  return {std::make_unique<Stepping>(options, environment, copies), copies};
}

}  // namespace lat::tools
