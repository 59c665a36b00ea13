#pragma once
// Layers hold slots of a Params, not tensors: a Bind makes them read other values. Using a layer twice shares weights.
// Weights start as U(-a, a), a = 1 / sqrt(fan in), biases too (LeCun et al. 1998, "Efficient BackProp", 4.6).
#include <string>
#include <vector>

#include "engine/ops/ops.h"

namespace lat {

// y = act(x W + b):  x (..., in) -> (..., out)
class Linear {
 public:
  Linear(Params& params, const std::string& name, i64 in, i64 out);
  // The same with weights and bias that start as given.
  Linear(Params& params, const std::string& name, i64 in, i64 out, Init init)
      : Linear(params, name, in, out, init, init) {}
  Linear(Params& params, const std::string& name, i64 in, i64 out, Init weight_init,
         Init bias_init);
  Tensor operator()(const Tensor& x, Act act = Act::none) const;
  Slot weight, bias;

 private:
  const Params* params_;
};

// y = act(x * F + b):  x (B,H,W,in) -> (B,P,Q,out), filters size x size
class Conv2d {
 public:
  Conv2d(Params& params, const std::string& name, i64 in, i64 out, i64 size, Conv geometry);
  Tensor operator()(const Tensor& x, Act act = Act::none) const;
  Slot weight, bias;

 private:
  const Params* params_;
  Conv geometry_;
};

// The transposed convolution: x (B,P,Q,in) -> (B,H,W,out), H = (P - 1) stride + size - 2 pad. Filters (R,S,out,in).
class ConvTranspose2d {
 public:
  ConvTranspose2d(Params& params, const std::string& name, i64 in, i64 out, i64 size,
                  Conv geometry);
  Tensor operator()(const Tensor& x, Act act = Act::none) const;
  Slot weight, bias;

 private:
  const Params* params_;
  i64 size_;
  Conv geometry_;
};

// layer_norm with gain (1 at first) and bias (0) of so many features
class LayerNorm {
 public:
  LayerNorm(Params& params, const std::string& name, i64 features, double eps = 1e-5);
  Tensor operator()(const Tensor& x) const;
  Slot gain, bias;

 private:
  const Params* params_;
  double eps_;
};

// group_norm with gain (1 at first) and bias (0) of so many channels
class GroupNorm {
 public:
  GroupNorm(Params& params, const std::string& name, i64 channels, i64 groups, double eps = 1e-5);
  Tensor operator()(const Tensor& x) const;
  Slot gain, bias;

 private:
  const Params* params_;
  i64 groups_;
  double eps_;
};

// Linear layers of these widths, act between them; none after the last.
class Mlp {
 public:
  Mlp(Params& params, const std::string& name, const std::vector<i64>& widths, Act act = Act::relu);
  // The same with weights that start as `hidden`, those of the last layer as `last`, and biases at 0.
  Mlp(Params& params, const std::string& name, const std::vector<i64>& widths, Act act, Init hidden,
      Init last);
  Tensor operator()(Tensor x) const;

 private:
  std::vector<Linear> layers_;
  Act act_;
};

}  // namespace lat
