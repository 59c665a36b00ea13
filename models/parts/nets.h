#pragma once
// Encoder and decoder networks that several models share. They hold no objective.
#include <memory>
#include <vector>

#include "models/model.h"

namespace lat::models {

// q(z|x) and the logits (or means) of p(x|z).
class Net {
 public:
  virtual ~Net() = default;
  virtual Normal encode(const Tensor& x) const = 0;  // x (B,H,W,C) -> mu, logvar (B,Z)
  virtual Tensor decode(const Tensor& z) const = 0;  // z (B,Z) -> (B,H,W,C)
};

// One hidden layer each way, ReLU.       Kingma & Welling 2014, appendix C, with ReLU for tanh
class MlpNet : public Net {
 public:
  MlpNet(Params& p, const Example& x, i64 width, i64 latent);
  Normal encode(const Tensor& x) const override;
  Tensor decode(const Tensor& z) const override;

 private:
  Example example_;
  Linear hidden, mu, logvar, expand, pixels;
};

// 4x4 convolutions of stride 2 while the image is even and larger than 4, then fully connected layers; the decoder
// mirrors it.                            Burgess et al. 2018, appendix A
class ConvNet : public Net {
 public:
  // channels: after each convolution; widths: of the fully connected layers.
  ConvNet(Params& p, const Example& x, std::vector<i64> channels, const std::vector<i64>& widths,
          i64 latent);
  Normal encode(const Tensor& x) const override;
  Tensor decode(const Tensor& z) const override;

 private:
  i64 h_, w_, c_;  // the smallest map
  std::vector<Conv2d> down_;
  std::vector<Linear> narrow_, widen_;
  std::vector<ConvTranspose2d> up_;
  std::unique_ptr<Linear> mu_, logvar_;
};

// "mlp" or "conv" for these examples.
std::unique_ptr<Net> make_net(const std::string& kind, Params& p, const Example& x, i64 width,
                              i64 latent);

}  // namespace lat::models
