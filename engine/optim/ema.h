#pragma once
// Averages of parameters.
#include "engine/ops/ops.h"

namespace lat {

// An exponential moving average of a Params' trained values, or a target network (Polyak & Juditsky 1992; Lillicrap et
// al. 2016, algorithm 1): `Bind b(params, ema.values())` makes the layers read it. It starts as the values at hand.
class Ema {
 public:
  Ema(Params& params, double decay)
      : rate(params.ctx(), "ema rate", 1 - decay),
        params_(params),
        average_(params.ctx(), {params.size()}) {
    params.ctx().copy(average_, params.memory_of_values());
  }

  // average += rate (values - average), after the optimiser's step; nothing when the step failed. An op of a Step's
  // body.
  void update() { lerp(average_, params_.memory_of_values(), rate); }
  // (n)
  const Tensor& values() const { return average_.tensor(); }
  // 1 - decay, to be set between steps.
  Word rate;

 private:
  Params& params_;
  Buffer average_;
};

}  // namespace lat
