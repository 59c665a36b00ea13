#pragma once
// A replay memory on the context's device: a ring of transitions, written by E environments at a time and sampled
// uniformly, both as recorded calls (Lin 1992; Mnih et al. 2015).
#include <string>

#include "engine/ops/ops.h"
#include "rl/core/environments.h"

namespace lat::rl {

// A batch: the action is i32 (B) where it is a choice, else (B,A).
struct Transitions {
  Tensor obs, action, reward, next_obs, terminated;  // (B,D), (B) or (B,A), (B), (B,D), (B)

  template <class F>
  void each_tensor(F&& f) {
    for (Tensor* t : {&obs, &action, &reward, &next_obs, &terminated}) f(*t);
  }
};

class Replay {
 public:
  // `capacity` transitions of these spaces. Code::machine with the bytes needed when the machine has less, before any
  // are taken.
  Replay(Context& ctx, i64 capacity, const Space& observation, const Space& action);

  // Adds E transitions: `obs` (E,D) led by `action` to `next`. What follows a truncated step has a value, so only
  // `terminated` is kept, and next.final_obs. Skipped when the step at hand is not finite.
  void put(const Tensor& obs, const Tensor& action, const Stepped& next);
  // B transitions, drawn with replacement from those there are; at least one put must have run before.
  Transitions sample(Rng rng, i64 batch) const;

  i64 capacity() const { return capacity_; }
  i64 count() const;  // waits for the device
  // Bytes of a memory of this size.
  static i64 bytes(i64 capacity, const Space& observation, const Space& action, DType real);

  // What a checkpoint saves: f(name, tensor).
  template <class F>
  void each_state(F&& f) const {
    f("replay.ring", ring_.tensor());
    f("replay.stored", stored_.tensor());
  }

 private:
  Context& ctx_;
  i64 capacity_, D_, A_;
  bool discrete_;
  Buffer ring_;    // (capacity,W)
  Buffer stored_;  // () f64, transitions ever put
};

}  // namespace lat::rl
