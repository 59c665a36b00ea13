#include "models/parts/nets.h"

namespace lat::models {

MlpNet::MlpNet(Params& p, const Example& x, i64 width, i64 latent)
    : example_(x),
      hidden(p, "hidden", x.size(), width),
      mu(p, "mu", width, latent),
      logvar(p, "logvar", width, latent),
      expand(p, "expand", latent, width),
      pixels(p, "pixels", width, x.size()) {}

Normal MlpNet::encode(const Tensor& x) const {
  const Tensor h = hidden(flatten(x), Act::relu);  // (B,width)
  return {mu(h), logvar(h)};                       // (B,Z), (B,Z)
}

Tensor MlpNet::decode(const Tensor& z) const {
  const Tensor h = expand(z, Act::relu);                                      // (B,width)
  return reshape(pixels(h), {z.dim[0], example_.h, example_.w, example_.c});  // (B,H,W,C)
}

ConvNet::ConvNet(Params& p, const Example& x, std::vector<i64> channels,
                 const std::vector<i64>& widths, i64 latent)
    : h_(x.h), w_(x.w), c_(x.c) {
  const Conv halve{.stride = 2, .pad = 1};
  std::vector<i64> maps{x.c};  // channels from the image down
  for (const i64 k : channels) {
    if (h_ % 2 != 0 || w_ % 2 != 0 || h_ <= 4 || w_ <= 4) break;
    down_.emplace_back(p, "down." + std::to_string(down_.size()), maps.back(), k, 4, halve);
    maps.push_back(k);
    h_ /= 2, w_ /= 2, c_ = k;
  }
  std::vector<i64> sizes{h_ * w_ * c_};
  for (const i64 width : widths) {
    narrow_.emplace_back(p, "narrow." + std::to_string(narrow_.size()), sizes.back(), width);
    sizes.push_back(width);
  }
  mu_ = std::make_unique<Linear>(p, "mu", sizes.back(), latent);
  logvar_ = std::make_unique<Linear>(p, "logvar", sizes.back(), latent);
  i64 in = latent;
  for (size_t i = sizes.size(); i-- > 0;) {
    widen_.emplace_back(p, "widen." + std::to_string(widen_.size()), in, sizes[i]);
    in = sizes[i];
  }
  for (size_t i = maps.size(); i-- > 1;)
    up_.emplace_back(p, "up." + std::to_string(up_.size()), maps[i], maps[i - 1], 4, halve);
}

Normal ConvNet::encode(const Tensor& x) const {
  Tensor h = x;                                             // (B,H,W,C)
  for (const Conv2d& conv : down_) h = conv(h, Act::relu);  // (B,H/2,W/2,K)
  h = flatten(h);                                           // (B,D)
  for (const Linear& layer : narrow_) h = layer(h, Act::relu);
  return {(*mu_)(h), (*logvar_)(h)};  // (B,Z), (B,Z)
}

Tensor ConvNet::decode(const Tensor& z) const {
  Tensor h = z;                                                // (B,Z)
  for (const Linear& layer : widen_) h = layer(h, Act::relu);  // (B,D)
  h = reshape(h, {z.dim[0], h_, w_, c_});                      // (B,H,W,C) of the smallest map
  for (size_t i = 0; i < up_.size(); ++i) h = up_[i](h, i + 1 < up_.size() ? Act::relu : Act::none);
  return h;
}

std::unique_ptr<Net> make_net(const std::string& kind, Params& p, const Example& x, i64 width,
                              i64 latent) {
  if (kind == "mlp") return std::make_unique<MlpNet>(p, x, width, latent);
  LAT_CHECK(kind == "conv", Code::usage, "model.net", "'", kind, "' is neither mlp nor conv.",
            suggestion(kind, {"mlp", "conv"}));
  return std::make_unique<ConvNet>(p, x, std::vector<i64>{16, 32, 64}, std::vector<i64>{width},
                                   latent);
}

}  // namespace lat::models
