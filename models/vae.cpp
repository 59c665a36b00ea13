// The variational autoencoder.
//
//   log p(x) >= E_q(z|x)[ log p(x|z) ] - KL( q(z|x) || p(z) )       Kingma & Welling 2014, eq. 3
//
// q(z|x) = N(mu(x), e^logvar(x)), p(z) = N(0, I), p(x|z) = Bernoulli (a grey level counts as its mean).
//
// A KL whose weight rises from 0 while training begins leaves more latents in use: Bowman et al. 2016, section 3.1.
#include "models/parts/nets.h"

namespace lat::models {

namespace {

struct Config {
  std::string net = "mlp";
  i64 hidden = 400;
  i64 latent = 20;
  bool binarise = false;
  double warmup = 0;

  template <class F>
  void fields(F&& f) {
    f("net", net, "mlp or conv");
    f("hidden", hidden, "width of the hidden layers", 1, 65536);
    f("latent", latent, "size of z", 1, 4096);
    f("binarise", binarise, "draw pixels from their grey level anew at each use");
    f("warmup", warmup, "share of the steps in which the KL's weight rises from 0 to 1", 0, 1);
  }
};

class Vae : public Configured<Config> {
 public:
  void build(Context& ctx, const Example& example) override {
    net_ = make_net(config.net, params_, example, config.hidden, config.latent);
    params_.materialise(ctx);
    kl_weight_ = std::make_unique<Word>(ctx, "kl_weight", 1);
  }

  Normal encode(const Tensor& x) override {  // q(z|x)              x (B,H,W,C)
    return net_->encode(x);                  // mu, logvar (B,Z)
  }
  Bernoulli likelihood(const Tensor& z) {  // p(x|z)              z (B,Z)
    return {flatten(net_->decode(z))};     // logits (B,HWC)
  }

  std::vector<Term> loss(const Batch& batch, Rng rng) override {
    const Tensor image = config.binarise ? bernoulli(rng, batch.x) : batch.x;  // (B,H,W,C)
    const Normal q = encode(image);
    const Tensor z = q.rsample(rng);                              // (B,Z)  mu + sigma * eps
    const Tensor log_p = likelihood(z).log_prob(flatten(image));  // (B) nats, summed over pixels
    return {{"recon", -log_p, {}},                                // (B) nats
            {"kl", kl(q, StandardNormal{}), kl_weight()}};        // (B) nats, summed over latents
  }

  // The KL's weight of this step, linearly from 0 to 1.
  void schedule(i64 step, i64 steps) override {
    const double end = config.warmup * static_cast<double>(steps);
    kl_weight_->set(end > 0 ? std::min(1.0, static_cast<double>(step) / end) : 1.0);
  }

  Tensor decode(const Tensor& z) override { return sigmoid(net_->decode(z)); }  // (B,H,W,C)
  Tensor sample(i64 n, Rng rng) override { return decode(normal(rng, {n, config.latent})); }
  i64 latents() const override { return config.latent; }

 private:
  Tensor kl_weight() const { return config.warmup > 0 ? Tensor(*kl_weight_) : Tensor(); }

  std::unique_ptr<Net> net_;
  std::unique_ptr<Word> kl_weight_;
};

}  // namespace

std::unique_ptr<Model> make_vae() { return std::make_unique<Vae>(); }

}  // namespace lat::models
