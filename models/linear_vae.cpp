// The linear VAE: the one whose optimum is known.
//
//   p(x|z) = N(W z + b, s2 I),   q(z|x) = N(V (x - b), diag(e^logvar))      Lucas et al. 2019, eq. 7
//
// At beta = 1 its ELBO reaches the log-likelihood of probabilistic PCA (Tipping & Bishop 1999). With data covariance
// eigenvalues l_i, latent i is active iff l_i > beta s2, and then KL_i = 1/2 ln( l_i / (beta s2) ).
#include <cmath>

#include "models/model.h"

namespace lat::models {

namespace {

struct Config {
  i64 latent = 3;
  double beta = 1;
  double variance = 0;
  bool sampled = false;

  template <class F>
  void fields(F&& f) {
    f("latent", latent, "size of z", 1, 4096);
    f("beta", beta, "weight of the KL term", 0, 1e6);
    f("variance", variance, "s2, held fixed; 0: learned", 0, 1e6);
    f("sampled", sampled, "gradients through noise instead of the closed-form expectation");
  }
};

class LinearVae : public Configured<Config> {
 public:
  void build(Context& ctx, const Example& example) override {
    example_ = example;
    const i64 D = example.size(), Z = config.latent;
    const Init small{Init::normal, 0.1};
    encoder_ = params_.add("encoder.weight", {D, Z}, small);
    decoder_ = params_.add("decoder.weight", {Z, D}, small);
    mean_ = params_.add("decoder.bias", {D}, {});
    logvar_ = params_.add("logvar", {Z}, {});
    const double s2 = config.variance > 0 ? config.variance : 1;
    log_s2_ = params_.add("log_s2", {}, {Init::constant, std::log(s2)});
    params_.set_group("log_s2", {.frozen = config.variance > 0});
    params_.materialise(ctx);
    beta_ = std::make_unique<Word>(ctx, "beta", config.beta);
  }

  Normal encode(const Tensor& x) override {
    const Tensor mu = matmul(flatten(x) - params_[mean_], params_[encoder_]);  // (B,Z)
    return {mu, expand(params_[logvar_], mu.shape())};                         // (B,Z), (B,Z)
  }
  Normal likelihood(const Tensor& z) {  // mean (B,D), log-variance ()
    return {matmul(z, params_[decoder_]) + params_[mean_], params_[log_s2_]};
  }

  // E_q log N(x; W z + b, s2) = log N(x; W mu + b, s2) - 1/(2 s2) sum_i sigma_i^2 |w_i|^2
  Tensor expected_log_prob(const Normal& q, const Tensor& x) {
    const Tensor w = sum(square(params_[decoder_]), {.first = 1, .last = 1});     // (Z)
    const Tensor spread = sum(exp(q.logvar) * w, {.first = 1, .last = 1});        // (B)
    return likelihood(q.mu).log_prob(x) - 0.5 * exp(-params_[log_s2_]) * spread;  // (B) nats
  }

  std::vector<Term> loss(const Batch& batch, Rng rng) override {
    const Tensor x = flatten(batch.x);  // (B,D)
    const Normal q = encode(x);
    const Tensor log_p = config.sampled ? likelihood(q.rsample(rng)).log_prob(x)
                                        : expected_log_prob(q, x);  // (B) nats
    return {{"recon", -log_p, {}}, {"kl", kl(q, StandardNormal{}), *beta_}};
  }

  Tensor decode(const Tensor& z) override {
    return reshape(likelihood(z).mu, {z.dim[0], example_.h, example_.w, example_.c});
  }
  Tensor sample(i64 n, Rng rng) override { return decode(normal(rng, {n, config.latent})); }
  i64 latents() const override { return config.latent; }

 private:
  Example example_;
  Slot encoder_, decoder_, mean_, logvar_, log_s2_;
  std::unique_ptr<Word> beta_;
};

}  // namespace

std::unique_ptr<Model> make_linear_vae() { return std::make_unique<LinearVae>(); }

}  // namespace lat::models
