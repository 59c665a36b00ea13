// The beta-VAE, and its capacity form.
//
//   minimise  -E_q[ log p(x|z) ] + beta KL( q(z|x) || p(z) )                Higgins et al. 2017, eq. 4
//   minimise  -E_q[ log p(x|z) ] + gamma | KL - C |,  C rising to c_max     Burgess et al. 2018, eq. 8
#include "models/parts/nets.h"

namespace lat::models {

namespace {

struct Config {
  i64 latent = 10;
  double beta = 4;
  double gamma = 1000;
  double capacity = 0;
  double rise = 0.5;

  template <class F>
  void fields(F&& f) {
    f("latent", latent, "size of z", 1, 4096);
    f("beta", beta, "weight of the KL term", 0, 1e6);
    f("capacity", capacity, "c_max in nats; 0: no capacity target, beta instead", 0, 1e6);
    f("gamma", gamma, "weight of |KL - C| when there is a capacity target", 0, 1e6);
    f("rise", rise, "share of the steps in which C rises from 0 to c_max", 0, 1);
  }
};

class BetaVae : public Configured<Config> {
 public:
  void build(Context& ctx, const Example& example) override {
    net_ = std::make_unique<ConvNet>(params_, example, std::vector<i64>{32, 32, 32, 32},
                                     std::vector<i64>{256, 256}, config.latent);
    params_.materialise(ctx);
    beta_ = std::make_unique<Word>(ctx, "beta", config.beta);
    gamma_ = std::make_unique<Word>(ctx, "gamma", config.gamma);
    capacity_ = std::make_unique<Word>(ctx, "capacity", 0);
  }

  Normal encode(const Tensor& x) override { return net_->encode(x); }           // mu, logvar (B,Z)
  Bernoulli likelihood(const Tensor& z) { return {flatten(net_->decode(z))}; }  // logits (B,HWC)

  std::vector<Term> loss(const Batch& batch, Rng rng) override {
    const Normal q = encode(batch.x);
    const Tensor z = q.rsample(rng);                                 // (B,Z)
    const Tensor recon = -likelihood(z).log_prob(flatten(batch.x));  // (B) nats
    const Tensor kl_q = kl(q, StandardNormal{});                     // (B) nats
    if (config.capacity == 0) return {{"recon", recon, {}}, {"kl", kl_q, *beta_}};
    const Tensor off_target = abs(mean(kl_q) - *capacity_);  // () nats
    return {{"recon", recon, {}}, {"off_target", off_target, *gamma_}};
  }

  // C of this step, linearly from 0 to c_max.
  void schedule(i64 step, i64 steps) override {
    const double end = config.rise * static_cast<double>(steps);
    const double t = end > 0 ? std::min(1.0, static_cast<double>(step) / end) : 1.0;
    capacity_->set(config.capacity * t);
  }

  Tensor decode(const Tensor& z) override { return sigmoid(net_->decode(z)); }  // (B,H,W,C)
  Tensor sample(i64 n, Rng rng) override { return decode(normal(rng, {n, config.latent})); }
  i64 latents() const override { return config.latent; }

 private:
  std::unique_ptr<Net> net_;
  std::unique_ptr<Word> beta_, gamma_, capacity_;
};

}  // namespace

std::unique_ptr<Model> make_beta_vae() { return std::make_unique<BetaVae>(); }

}  // namespace lat::models
