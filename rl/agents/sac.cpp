// Soft actor-critic with two critics and a temperature that is learned.
//
//   y   = r + gamma (1 - terminated) ( min_i Q_i'(s', a') - alpha log pi(a'|s') ),  a' ~ pi(.|s')
//   J_Q = E[ 1/2 (Q_i(s, a) - y)^2 ]                                 Haarnoja et al. 2018b, equation 5
//   J_pi = E[ alpha log pi(a|s) - min_i Q_i(s, a) ],  a ~ pi(.|s)                           equation 7
//   J_alpha = E[ -alpha (log pi(a|s) + H) ],  H = -dim a                                    equation 18
//
// (s, a, r, s') out of a replay memory; a = tanh(u), u normal, in units in which the box is [-1, 1]; Q' is a moving
// average of Q.
#include <cmath>

#include "engine/optim/ema.h"
#include "rl/agent.h"
#include "rl/core/exploration.h"
#include "rl/core/policy.h"
#include "rl/core/replay.h"
#include "rl/core/twin.h"

namespace lat::rl {

namespace {

struct Config {
  i64 envs = 1, steps = 1, updates = 1, batch = 256;
  i64 replay = 100000, start = 1000;
  double gamma = 0.99, tau = 0.005, lr = 1e-3;
  double alpha = 1;
  bool learn_alpha = true;
  i64 layers = 2, width = 256;
  double reward_scale = 1;
  double noise = 0, noise_theta = 0.15;

  template <class F>
  void fields(F&& f) {
    f("envs", envs, "copies of the environment", 1, 4096);
    f("steps", steps, "steps of each between rounds of updates", 1, 4096);
    f("updates", updates, "updates of a round", 1, 4096);
    f("batch", batch, "transitions of an update", 1, 1 << 20);
    f("replay", replay, "transitions that are remembered", 1, 1e9);
    f("start", start, "steps of all copies, at random, before the first update", 0, 1e9);
    f("gamma", gamma, "discount of a step", 0, 1);
    f("tau", tau, "how much of Q goes into Q' at an update", 0, 1);
    f("lr", lr, "learning rate of Adam", 0, 10);
    f("alpha", alpha, "temperature at first", 1e-9, 1e9);
    f("learn_alpha", learn_alpha, "the temperature is learned");
    f("layers", layers, "hidden layers of policy and critics", 1, 8);
    f("width", width, "units of each", 1, 4096);
    f("reward_scale", reward_scale, "rewards are multiplied by it", 1e-9, 1e9);
    f("noise", noise, "sigma of noise that remembers, added to actions; 0: none", 0, 10);
    f("noise_theta", noise_theta, "how much of it is forgotten in a step", 0, 1);
  }
};

class Sac : public AgentOf<Config> {
 public:
  // --- networks
  void build(Environments& env) override {
    env_ = &env;
    Context& ctx = env.ctx();
    const i64 D = env.observation().size, A = env.action().size;
    actor_.emplace(actor_params_, "actor", widths(D, config.layers, config.width, 2 * A));
    critics_.emplace(critic_params_, D + A, config.layers, config.width);
    log_alpha_ = alpha_params_.add("log_alpha", {}, {Init::constant, std::log(config.alpha)});
    for (Params* p : {&actor_params_, &critic_params_, &alpha_params_}) p->materialise(ctx);
    actor_adam_.emplace(actor_params_, Adam::Options{.lr = config.lr});
    critic_adam_.emplace(critic_params_, Adam::Options{.lr = config.lr});
    alpha_adam_.emplace(alpha_params_, Adam::Options{.lr = config.lr});
    target_.emplace(critic_params_, 1 - config.tau);
    units_.emplace(ctx, env.action());
    replay_.emplace(ctx, config.replay, env.observation(), env.action());
    if (config.noise > 0)
      noise_.emplace(
          ctx, config.envs, A,
          OrnsteinUhlenbeck::Settings{.theta = config.noise_theta, .sigma = config.noise});
    learn_.emplace(ctx, "sac", LearnBody{[this](Key phase) { return round(phase.value); }});
  }

  TanhNormal policy(const Tensor& s) const {  // pi(.|s)
    constexpr double kLeast = -20, kMost = 2;
    const i64 A = env_->action().size;
    const Tensor out = (*actor_)(s);                                         // (B,2A)
    const Tensor log_std = clamp(narrow(out, -1, A, 2 * A), kLeast, kMost);  // (B,A)
    return {narrow(out, -1, 0, A), 2 * log_std};
  }
  Tensor alpha() const { return exp(alpha_params_[log_alpha_]); }  // ()

  // --- acting
  Tensor act(const Tensor& obs, Tensor&) override {
    return units_->to_environment(policy(obs).mode());
  }
  Thought think(const Tensor& obs, Tensor&) override { return {"action", policy(obs).mode()}; }

  enum Phase : i64 { kFill, kLearn };
  // A draw of the policy, at first of a policy that knows nothing; on it the noise that remembers, which gets farther.
  Tensor explore(const Tensor& s, i64 phase, Rng rng) {
    const Shape actions{config.envs, env_->action().size};
    if (noise_ && phase == kFill) return clamp(noise_->next(rng), -1, 1);
    const Tensor a = phase == kFill ? 2 * uniform(rng, actions) - 1 : tanh(policy(s).rsample(rng));
    return noise_ ? clamp(a + noise_->next(rng), -1, 1) : a;
  }

  // --- learning
  Figures round(i64 phase) {
    const Rng rng(env_->ctx());
    {
      const NoGrad off(env_->ctx());
      for (i64 t = 0; t < config.steps; ++t) {
        const Tensor s = env_->observe();         // (E,D)
        const Tensor a = explore(s, phase, rng);  // (E,A)
        const Stepped next = env_->step(units_->to_environment(a));
        if (noise_) noise_->restart(next);
        replay_->put(s, a, next);
      }
    }
    Figures figures;
    for (i64 k = 0; phase == kLearn && k < config.updates; ++k)
      update(replay_->sample(rng, config.batch), rng, k + 1 == config.updates ? &figures : nullptr);
    return figures;
  }

  void update(const Transitions& b, Rng rng, Figures* figures) {
    Tensor y;  // (B)
    {
      const NoGrad off(env_->ctx());
      const TanhNormal pi = policy(b.next_obs);
      const Tensor u = pi.rsample(rng);  // (B,A)
      const Bind there(critic_params_, target_->values());
      const Tensor soft = critics_->least(b.next_obs, tanh(u)) - alpha() * pi.log_prob(u);
      y = b.reward * config.reward_scale + discounts(b.terminated, config.gamma) * soft;
    }
    const auto [q1, q2] = (*critics_)(b.obs, b.action);                             // (B) each
    const Tensor q_loss = 0.5 * mean(square(q1 - y)) + 0.5 * mean(square(q2 - y));  // ()  eq. 5
    backward(q_loss, critic_params_);
    critic_adam_->step();

    const TanhNormal pi = policy(b.obs);
    const Tensor u = pi.rsample(rng);                                  // (B,A)
    const Tensor log_pi = pi.log_prob(u);                              // (B)
    const Tensor q = critics_->least(b.obs, tanh(u));                  // (B)
    const Tensor pi_loss = mean(stop_gradient(alpha()) * log_pi - q);  // ()  eq. 7
    backward(pi_loss, actor_params_);
    actor_adam_->step();

    if (config.learn_alpha) {
      const double H = -double(env_->action().size);                          // nats
      backward(-mean(alpha() * (stop_gradient(log_pi) + H)), alpha_params_);  // ()  eq. 18
      alpha_adam_->step();
    }
    target_->update();
    if (!figures) return;
    figures->add("q_loss", q_loss);
    figures->add("pi_loss", pi_loss);
    figures->add("entropy", -mean(log_pi));
    figures->add("alpha", alpha());
    figures->add("q", mean(q));
  }

  void learn(i64 done) override {
    (*learn_)(Key{done + steps_each() <= config.start ? kFill : kLearn});
  }
  const Figures& figures() const override { return learn_->last(); }

  Kept kept() override {
    Kept all{{&actor_params_, &critic_params_, &alpha_params_},
             {{"adam.actor", &actor_params_, &*actor_adam_},
              {"adam.critic", &critic_params_, &*critic_adam_},
              {"adam.alpha", &alpha_params_, &*alpha_adam_}},
             {{"target", target_->values()}},
             {&*learn_}};
    all.add(*replay_);
    if (noise_) all.add(*noise_);
    return all;
  }

 private:
  Params actor_params_, critic_params_, alpha_params_;
  std::optional<Mlp> actor_;
  std::optional<TwinCritics> critics_;
  Slot log_alpha_;
  std::optional<Adam> actor_adam_, critic_adam_, alpha_adam_;
  std::optional<Ema> target_;
  std::optional<ActionUnits> units_;
  std::optional<Replay> replay_;
  std::optional<OrnsteinUhlenbeck> noise_;
  std::optional<Learn> learn_;
};

}  // namespace

std::unique_ptr<Agent> make_sac() { return std::make_unique<Sac>(); }

}  // namespace lat::rl
