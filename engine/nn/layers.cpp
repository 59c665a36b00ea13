#include "engine/nn/layers.h"

#include <cmath>

namespace lat {

namespace {

Init fan_in(i64 n) { return {Init::uniform, 1 / std::sqrt(static_cast<double>(n))}; }

}  // namespace

Linear::Linear(Params& params, const std::string& name, i64 in, i64 out)
    : Linear(params, name, in, out, fan_in(in)) {}

Linear::Linear(Params& params, const std::string& name, i64 in, i64 out, Init weight_init,
               Init bias_init)
    : weight(params.add(name + ".weight", {in, out}, weight_init)),
      bias(params.add(name + ".bias", {out}, bias_init)),
      params_(&params) {}

Tensor Linear::operator()(const Tensor& x, Act act) const {
  return linear(x, (*params_)[weight], (*params_)[bias], act);
}

Conv2d::Conv2d(Params& params, const std::string& name, i64 in, i64 out, i64 size, Conv geometry)
    : weight(params.add(name + ".weight", {size, size, in, out}, fan_in(size * size * in))),
      bias(params.add(name + ".bias", {out}, fan_in(size * size * in))),
      params_(&params),
      geometry_(geometry) {}

Tensor Conv2d::operator()(const Tensor& x, Act act) const {
  return conv2d(x, (*params_)[weight], (*params_)[bias], geometry_, act);
}

ConvTranspose2d::ConvTranspose2d(Params& params, const std::string& name, i64 in, i64 out, i64 size,
                                 Conv geometry)
    : weight(params.add(name + ".weight", {size, size, out, in}, fan_in(size * size * out))),
      bias(params.add(name + ".bias", {out}, fan_in(size * size * out))),
      params_(&params),
      size_(size),
      geometry_(geometry) {}

Tensor ConvTranspose2d::operator()(const Tensor& x, Act act) const {
  LAT_CHECK(x.rank == 4, Code::shape, "conv_transpose", "expects (B,P,Q,C), got ",
            x.shape().text());
  const auto grown = [&](i64 p) { return (p - 1) * geometry_.stride + size_ - 2 * geometry_.pad; };
  return conv2d_data(x, (*params_)[weight], (*params_)[bias], grown(x.dim[1]), grown(x.dim[2]),
                     geometry_, act);
}

LayerNorm::LayerNorm(Params& params, const std::string& name, i64 features, double eps)
    : gain(params.add(name + ".gain", {features}, {Init::constant, 1})),
      bias(params.add(name + ".bias", {features}, {})),
      params_(&params),
      eps_(eps) {}

Tensor LayerNorm::operator()(const Tensor& x) const {
  return layer_norm(x, (*params_)[gain], (*params_)[bias], eps_);
}

GroupNorm::GroupNorm(Params& params, const std::string& name, i64 channels, i64 groups, double eps)
    : gain(params.add(name + ".gain", {channels}, {Init::constant, 1})),
      bias(params.add(name + ".bias", {channels}, {})),
      params_(&params),
      groups_(groups),
      eps_(eps) {}

Tensor GroupNorm::operator()(const Tensor& x) const {
  return group_norm(x, groups_, (*params_)[gain], (*params_)[bias], eps_);
}

Mlp::Mlp(Params& params, const std::string& name, const std::vector<i64>& widths, Act act)
    : act_(act) {
  for (size_t i = 0; i + 1 < widths.size(); ++i)
    layers_.emplace_back(params, name + "." + std::to_string(i), widths[i], widths[i + 1]);
}

Mlp::Mlp(Params& params, const std::string& name, const std::vector<i64>& widths, Act act,
         Init hidden, Init last)
    : act_(act) {
  for (size_t i = 0; i + 1 < widths.size(); ++i)
    layers_.emplace_back(params, name + "." + std::to_string(i), widths[i], widths[i + 1],
                         i + 2 < widths.size() ? hidden : last, Init{});
}

Tensor Mlp::operator()(Tensor x) const {
  for (size_t i = 0; i < layers_.size(); ++i)
    x = layers_[i](x, i + 1 < layers_.size() ? act_ : Act::none);
  return x;
}

}  // namespace lat
