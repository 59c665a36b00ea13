#pragma once
// Training on examples that are drawn while it goes on: none is stored, none is seen twice.
#include "models/training.h"

namespace lat::models {

class DrawnTraining : public Training {
 public:
  i64 per_epoch() const override { return kEpoch; }

 protected:
  static constexpr i64 kEpoch = 1000;  // steps between looks at held-out examples; they have no end
  static constexpr i64 kTest = 512;    // held-out examples

  using Training::Training;
  // Writes floats as the context's reals.
  void write(const Tensor& to, const std::vector<float>& from);

  // recon and kl (empty for none) of each example, nats: (B).
  struct Bound {
    Tensor recon, kl;
    template <class F>
    void each_tensor(F&& f) {
      f(recon);
      if (kl) f(kl);
    }
  };
  using BoundStep = Step<Body<Bound>>;
  // The Step of a loss, without gradients. Its noise is that of its own count of calls.
  static Body<Bound> bound_of(Context& ctx, std::function<std::vector<Term>()> loss);
  // elbo, recon and kl of test examples 0 .. n - 1, which `draw` puts, from its argument on, where the loss reads them. The
  // same noise every time. n is a multiple of test_batch.
  Evaluation means(BoundStep& bound, i64 n, const std::function<void(i64)>& draw);
};

}  // namespace lat::models
