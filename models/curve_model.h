#pragma once
// Models of functions: from some points of a curve, its values elsewhere are predicted.
#include "models/model.h"

namespace lat::models {

// B curves, up to N points of each, and M more that are asked for. x has D numbers: 1 for curves, 2 for places in an image.
struct Points {
  Tensor x;         // (B,N,D)
  Tensor y;         // (B,N,1)
  Tensor present;   // (B,N) 1, or 0 where there is no such point
  Tensor target_x;  // (B,M,D)
  Tensor target_y;  // (B,M,1)
};

struct CurveExample {
  i64 places = 1;     // D
  i64 least = 3;      // points of a curve that are given in training: so many ...
  i64 contexts = 10;  // ... to N
  i64 targets = 20;   // M
};

// p(y*|x*) at M places of B curves: mean (B,M) and variance e^logvar.
struct Prediction {
  Tensor mean, logvar;
  template <class F>
  void each_tensor(F&& f) {
    f(mean);
    f(logvar);
  }
};

// The terms of the loss are nats per point that is asked for: (B).
class CurveModel : public ModelOf<Points> {
 public:
  virtual void build(Context& ctx, const CurveExample& example) = 0;
  // Given x, y, present of `points`, at its target_x; models with latents draw one z for each curve, from the prior that the
  // given points leave, so that all places of a curve belong to one function.
  virtual Prediction predict(const Points& points, Rng rng) = 0;
  // Whether predictions depend on a draw.
  virtual bool draws() const = 0;
};

}  // namespace lat::models
