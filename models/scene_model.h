#pragma once
// Models of scenes: from some views of a place, others are predicted.
#include "models/model.h"

namespace lat::models {

// B scenes, up to N views of each with their cameras, and one view more that is asked for.
struct Views {
  Tensor images;   // (B,N,H,W,3) in [0,1]
  Tensor poses;    // (B,N,7) x, y, z, cos yaw, sin yaw, cos pitch, sin pitch
  Tensor present;  // (B,N) 1, or 0 where there is no such view
  Tensor image;    // (B,H,W,3) the view that is asked for
  Tensor pose;     // (B,7)
};

struct SceneExample {
  i64 size = 16;     // pixels a side
  i64 contexts = 4;  // N
};

class SceneModel : public ModelOf<Views> {
 public:
  virtual void build(Context& ctx, const SceneExample& example) = 0;
  // r, what is known of a scene: (B,h,w,R). Whatever the order of the views, the same bits; views seen twice count twice.
  virtual Tensor represent(const Tensor& images, const Tensor& poses, const Tensor& present) = 0;
  // The mean of p(x|z) at these cameras, z from the prior: r (B,h,w,R), pose (B,7) -> (B,H,W,3).
  virtual Tensor predict(const Tensor& r, const Tensor& pose, Rng rng) = 0;
  // The log-variance of p(x|z) at the step that training stands at: ().
  virtual Tensor logvar() = 0;
};

}  // namespace lat::models
