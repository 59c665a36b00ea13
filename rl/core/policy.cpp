#include "rl/core/policy.h"

#include <cmath>
#include <numbers>

namespace lat::rl {

namespace {

constexpr Init kHidden{Init::orthogonal, std::numbers::sqrt2};

}  // namespace

Tensor Policy::sample(Rng rng) const {
  return logits ? Categorical{logits}.sample(rng) : Normal{mu, logvar}.sample(rng);
}

Tensor Policy::log_prob(const Tensor& action) const {
  return logits ? Categorical{logits}.log_prob(action) : Normal{mu, logvar}.log_prob(action);
}

Tensor Policy::entropy() const {
  return logits ? Categorical{logits}.entropy() : Normal{mu, logvar}.entropy();
}

Tensor kl(const Policy& p, const Policy& q) {
  if (p.logits) return kl(Categorical{p.logits}, Categorical{q.logits});
  return kl(Normal{p.mu, p.logvar}, Normal{q.mu, q.logvar});
}

Policy stop_gradient(const Policy& p) {
  return {lat::stop_gradient(p.logits), lat::stop_gradient(p.mu), lat::stop_gradient(p.logvar)};
}

std::vector<i64> widths(i64 in, i64 layers, i64 width, i64 out) {
  std::vector<i64> w{in};
  w.insert(w.end(), static_cast<size_t>(layers), width);
  w.push_back(out);
  return w;
}

PolicyNet::PolicyNet(Params& params, const std::string& name, const Space& action, i64 in,
                     i64 layers, i64 width, double log_std)
    : params_(&params),
      net_(params, name, widths(in, layers, width, action.size), Act::tanh, kHidden,
           {Init::orthogonal, 0.01}) {
  if (!action.discrete)
    log_std_ = params.add(name + ".log_std", {action.size}, {Init::constant, log_std});
}

Policy PolicyNet::operator()(const Tensor& s) const {
  const Tensor out = net_(s);  // (B,K) or (B,A)
  if (log_std_.index < 0) return {out, {}, {}};
  return {{}, out, expand(2 * (*params_)[log_std_], out.shape())};
}

ValueNet::ValueNet(Params& params, const std::string& name, i64 in, i64 layers, i64 width)
    : net_(params, name, widths(in, layers, width, 1), Act::tanh, kHidden, {Init::orthogonal, 1}) {}

Tensor ValueNet::operator()(const Tensor& s) const {
  const Tensor v = net_(s);  // (...,1)
  return reshape(v, Shape(std::span<const int32_t>(v.dim, static_cast<size_t>(v.rank - 1))));
}

ActionUnits::ActionUnits(Context& ctx, const Space& action) {
  if (action.discrete) return;
  std::vector<double> middle, half;
  for (size_t a = 0; a < action.low.size(); ++a) {
    middle.push_back((action.high[a] + action.low[a]) / 2);
    half.push_back((action.high[a] - action.low[a]) / 2);
  }
  middle_ = Buffer(ctx, {action.size});
  half_ = Buffer(ctx, {action.size});
  set_values(middle_, middle);
  set_values(half_, half);
}

Tensor ActionUnits::to_environment(const Tensor& action) const {
  return half_.tensor() ? middle_ + clamp(action, -1, 1) * half_ : action;
}

}  // namespace lat::rl
