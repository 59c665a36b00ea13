// Proximal policy optimisation.
//
//   L(theta) = E[ min( rho A, clip(rho, 1 - eps, 1 + eps) A ) ],  rho = pi_theta(a|s) / pi_old(a|s)
//                                                                       Schulman et al. 2017, equation 7
//   loss     = -L + c_v (V(s) - R)^2 / 2 - beta H[pi(.|s)]                                  equation 9
//
// A is the generalised advantage (Schulman et al. 2016, equation 16), in batches of mean 0 and deviation 1; R = A + V.
//
// Noise that depends on the state (Raffin, Kober & Stulp 2022, equations 5 and 6): a = mu(s) + phi(s) W, where
// W ~ N(0, sigma^2) is drawn once in `noise_every` steps, phi(s) is the last hidden layer; so
// pi(a|s) = N(mu(s), sum_f phi_f(s)^2 sigma_f^2).
#include <cmath>
#include <numbers>

#include "engine/optim/clip.h"
#include "rl/agent.h"
#include "rl/core/rollout.h"
#include "rl/core/sight.h"

namespace lat::rl {

namespace {

struct Config {
  i64 envs = 8, steps = 32, epochs = 20, batch = 256;
  double gamma = 0.98, lambda = 0.8, clip = 0.2;
  double lr = 1e-3, lr_last = 1;
  i64 lr_until = 100000;
  double entropy = 0, value = 0.5, max_norm = 0.5;
  i64 layers = 2, width = 64;
  double log_std = 0;
  i64 noise_every = 0;
  double reward_scale = 1;
  bool normalise = false;

  template <class F>
  void fields(F&& f) {
    f("envs", envs, "copies of the environment", 1, 4096);
    f("steps", steps, "steps of each between updates", 1, 4096);
    f("epochs", epochs, "passes over what was seen", 1, 100);
    f("batch", batch, "steps per update of the parameters; divides envs x steps", 1, 1 << 20);
    f("gamma", gamma, "discount of a step", 0, 1);
    f("lambda", lambda, "of the generalised advantage", 0, 1);
    f("clip", clip, "eps: how far from 1 the ratio earns", 0, 10);
    f("lr", lr, "learning rate of Adam", 0, 10);
    f("lr_last", lr_last, "share of it that is left in the end, reached linearly", 0, 1);
    f("lr_until", lr_until, "steps of all copies in which that is reached", 1, 1e12);
    f("entropy", entropy, "beta, weight of the entropy", 0, 10);
    f("value", value, "c_v, weight of the value's error", 0, 100);
    f("max_norm", max_norm, "gradients are scaled down to this norm", 1e-9, 1e9);
    f("layers", layers, "hidden layers of policy and value", 1, 8);
    f("width", width, "units of each", 1, 4096);
    f("log_std", log_std, "boxes: log of the deviation at first", -20, 5);
    f("noise_every", noise_every, "boxes: steps between draws of state-dependent noise; 0: none", 0,
      4096);
    f("reward_scale", reward_scale, "rewards are multiplied by it", 1e-9, 1e9);
    f("normalise", normalise, "observations, by mean and deviation of those seen");
  }
};

class Ppo : public AgentOf<Config> {
 public:
  // --- networks
  void build(Environments& env) override {
    env_ = &env;
    const Config& c = config;
    LAT_CHECK(c.envs * c.steps % c.batch == 0, Code::usage, "agent.batch", c.batch,
              " steps do not divide the ", c.envs, " x ", c.steps, " of a round");
    LAT_CHECK(c.noise_every == 0 || !env.action().discrete, Code::usage, "agent.noise_every",
              "noise that depends on the state is for boxes; ", env.name(), " is a choice among ",
              env.action().size);
    const i64 in = env.observation().size;
    if (c.noise_every > 0) {
      const Init hidden{Init::orthogonal, std::numbers::sqrt2};
      body_.emplace(params_, "actor.body", widths(in, c.layers - 1, c.width, c.width), Act::tanh,
                    hidden, hidden);
      mean_.emplace(params_, "actor.mean", c.width, env.action().size, Init{Init::orthogonal, 0.01},
                    Init{});
      log_std_ =
          params_.add("actor.log_std", {c.width, env.action().size}, {Init::constant, c.log_std});
    } else {
      actor_.emplace(params_, "actor", env.action(), in, c.layers, c.width, c.log_std);
    }
    critic_.emplace(params_, "critic", in, c.layers, c.width);
    params_.materialise(env.ctx());
    adam_.emplace(params_, Adam::Options{.lr = c.lr, .eps = 1e-5});
    units_.emplace(env.ctx(), env.action());
    sight_.emplace(env.ctx(), in, c.normalise);
    learn_.emplace(env.ctx(), "ppo", LearnBody{[this](Key) { return round(); }});
  }

  Tensor features(const Tensor& s) const { return tanh((*body_)(s)); }  // phi(s)   (B,F)

  Policy policy(const Tensor& s) const {  // pi(.|s)
    return actor_ ? (*actor_)(s) : of_features(features(s));
  }
  Policy of_features(const Tensor& phi) const {
    const Tensor variance = exp(2 * params_[log_std_]);  // (F,A)
    const Tensor mu = (*mean_)(phi);                     // (B,A)
    return {{}, mu, log(matmul(square(stop_gradient(phi)), variance) + 1e-6)};
  }

  // --- acting
  Tensor act(const Tensor& obs, Tensor&) override {
    return units_->to_environment(policy(sight_->apply(obs)).mode());
  }
  Thought think(const Tensor& obs, Tensor&) override { return thought(policy(sight_->apply(obs))); }

  // `steps` steps of every copy with the policy at hand, and the logarithms of what it gave to each action (T,E).
  std::pair<Rollout, Tensor> collect(Rng rng) {
    Rollout seen;
    std::vector<Tensor> log_pi;
    Tensor obs = env_->observe(), noise;  // (E,D), W (E,F,A)
    for (i64 t = 0; t < config.steps; ++t) {
      const Tensor s = sight_->apply(obs);  // (E,D)
      Policy pi;
      Tensor a;  // (E) i32 or (E,A)
      if (config.noise_every > 0) {
        const Tensor std = exp(params_[log_std_]);  // (F,A)
        const auto [F, A] = std.dims<2>();
        if (t % config.noise_every == 0) noise = normal(rng, {config.envs, F, A}) * std;
        const Tensor phi = features(s);                                         // (E,F)
        const Tensor moved = matmul(reshape(phi, {config.envs, 1, F}), noise);  // (E,1,A)
        pi = of_features(phi);
        a = pi.mu + reshape(moved, {config.envs, A});
      } else {
        pi = policy(s);
        a = pi.sample(rng);
      }
      log_pi.push_back(pi.log_prob(a));
      const Stepped next = env_->step(units_->to_environment(a));
      seen.add(obs, a, next, config.reward_scale);
      obs = next.obs;
    }
    seen.join();
    return {seen, stack(log_pi)};
  }

  // --- learning
  struct Batch {
    Tensor s, a, log_pi, adv, R;  // rows
  };

  Figures round() {
    const Rng rng(env_->ctx());
    Batch all;
    {
      const NoGrad off(env_->ctx());
      const auto [seen, log_pi] = collect(rng);
      const Tensor s = sight_->apply(seen.s);  // (T,E,D)
      const Tensor v = (*critic_)(s);          // (T,E)
      const Tensor v_next = seen.next_values(
          v, env_->limit(), [&](const Tensor& x) { return (*critic_)(sight_->apply(x)); });
      const Tensor adv = gae(seen.r, v, v_next, discounts(seen.terminated, config.gamma),
                             config.lambda, seen.truncated);  // (T,E)
      all = {merged(s), merged(seen.a), merged(log_pi), merged(adv), merged(adv + v)};
      sight_->update(seen.s);
    }
    Figures figures;
    const i64 N = config.envs * config.steps, B = config.batch;
    for (i64 epoch = 0; epoch < config.epochs; ++epoch) {
      const Tensor order = permutation(rng, N);
      for (i64 b = 0; b < N; b += B) {
        const Tensor at = slice(order, b, b + B);
        const bool last = epoch + 1 == config.epochs && b + B == N;
        update({gather(all.s, at), gather(all.a, at), gather(all.log_pi, at), gather(all.adv, at),
                gather(all.R, at)},
               last ? &figures : nullptr);
      }
    }
    return figures;
  }

  void update(const Batch& b, Figures* figures) {
    const Tensor centred = b.adv - mean(b.adv);                         // (B)
    const Tensor adv = centred / (sqrt(mean(square(centred))) + 1e-8);  // (B)
    const Policy pi = policy(b.s);
    const Tensor rho = exp(pi.log_prob(b.a) - b.log_pi);                  // (B)
    const Tensor clipped = clamp(rho, 1 - config.clip, 1 + config.clip);  // (B)
    const Tensor surrogate = mean(minimum(rho * adv, clipped * adv));     // ()  eq. 7
    const Tensor value = 0.5 * mean(square((*critic_)(b.s) - b.R));       // ()
    const Tensor entropy = mean(pi.entropy());                            // ()  nats
    backward(-surrogate + config.value * value - config.entropy * entropy, params_);
    const Tensor norm = clip_global_norm(params_, config.max_norm);
    adam_->step();
    if (!figures) return;
    figures->add("surrogate", surrogate);
    figures->add("value_loss", value);
    figures->add("entropy", entropy);
    figures->add("clipped", mean(less(fill(env_->ctx(), {}, config.clip), abs(rho - 1))));
    figures->add("norm", norm);
  }

  void learn(i64 done) override {
    adam_->lr.set(linearly(config.lr, config.lr * config.lr_last, done, config.lr_until));
    (*learn_)();
  }
  const Figures& figures() const override { return learn_->last(); }

  Kept kept() override {
    Kept all{{&params_}, {{"adam", &params_, &*adam_}}, {}, {&*learn_}};
    sight_->keep(all);
    return all;
  }

 private:
  Params params_;
  std::optional<PolicyNet> actor_;
  std::optional<Mlp> body_;  // of noise that depends on the state
  std::optional<Linear> mean_;
  Slot log_std_;
  std::optional<ValueNet> critic_;
  std::optional<Adam> adam_;
  std::optional<ActionUnits> units_;
  std::optional<Sight> sight_;
  std::optional<Learn> learn_;
};

}  // namespace

std::unique_ptr<Agent> make_ppo() { return std::make_unique<Ppo>(); }

}  // namespace lat::rl
