#pragma once
// Optimisers: one call over the flat buffers. They consume the gradient (it is zero afterwards) and do nothing else
// when it is not finite, so that a failed step can be run again.
#include "engine/core/params.h"

namespace lat {

// Adam (Kingma & Ba 2015, algorithm 1); decoupled decay as in Loshchilov & Hutter 2019.
class Adam {
 public:
  //> adam
  struct Options {
    double lr = 1e-3;
    double beta1 = 0.9, beta2 = 0.999;
    double eps = 1e-8;
    double decay = 0;
  };
  //<
  Adam(Params& params, Options options);

  // theta -= lr m^ / (sqrt(v^) + eps), with the gradient that backward left in `params`. An op of a Step's body.
  void step();
  // The learning rate, to be set between steps.
  Word lr;
  // First and second moments (n); {t, beta1^t, beta2^t} (3) f64.
  const Tensor& m() const { return m_; }
  const Tensor& v() const { return v_; }
  const Tensor& count() const { return count_; }

 private:
  Params& params_;
  Options options_;
  Buffer m_, v_, count_;
};

}  // namespace lat
