// Soft actor-critic for a choice of actions: expectations over the policy are sums, not draws.
//
//   V'(s') = sum_a pi(a|s') ( min_i Q_i'(s', a) - alpha log pi(a|s') )             Christodoulou 2019, equation 10
//   J_Q    = E[ 1/2 (Q_i(s, a) - (r + gamma (1 - terminated) V'(s')))^2 ]                           equation 4
//   J_pi   = E[ sum_a pi(a|s) ( alpha log pi(a|s) - min_i Q_i(s, a) ) ]                            equation 12
//   J_alpha = E[ sum_a pi(a|s) ( -alpha (log pi(a|s) + H) ) ]                                       equation 11
//
// H = `target` ln K is the entropy that is aimed at.
#include <cmath>

#include "engine/optim/ema.h"
#include "rl/agent.h"
#include "rl/core/replay.h"

namespace lat::rl {

namespace {

struct Config {
  i64 envs = 1, steps = 4, updates = 4, batch = 64;
  i64 replay = 100000, start = 1000;
  double gamma = 0.99, tau = 0.01, lr = 1e-3;
  double alpha = 1, target = 0.3;
  i64 layers = 2, width = 64;

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
    f("target", target, "entropy that is aimed at, of the most possible", 0, 1);
    f("layers", layers, "hidden layers of policy and critics", 1, 8);
    f("width", width, "units of each", 1, 4096);
  }
};

constexpr Reduce kLast{.first = -1, .last = -1};

class DiscreteSac : public AgentOf<Config> {
 public:
  // --- networks
  void build(Environments& env) override {
    env_ = &env;
    Context& ctx = env.ctx();
    const std::vector<i64> w =
        widths(env.observation().size, config.layers, config.width, env.action().size);
    actor_.emplace(actor_params_, "actor", w);
    first_.emplace(critic_params_, "critic.1", w);
    second_.emplace(critic_params_, "critic.2", w);
    log_alpha_ = alpha_params_.add("log_alpha", {}, {Init::constant, std::log(config.alpha)});
    for (Params* p : {&actor_params_, &critic_params_, &alpha_params_}) p->materialise(ctx);
    actor_adam_.emplace(actor_params_, Adam::Options{.lr = config.lr});
    critic_adam_.emplace(critic_params_, Adam::Options{.lr = config.lr});
    alpha_adam_.emplace(alpha_params_, Adam::Options{.lr = config.lr});
    target_.emplace(critic_params_, 1 - config.tau);
    replay_.emplace(ctx, config.replay, env.observation(), env.action());
    learn_.emplace(ctx, "discrete_sac",
                   LearnBody{[this](Key phase) { return round(phase.value); }});
  }

  Tensor alpha() const { return exp(alpha_params_[log_alpha_]); }                       // ()
  Tensor least(const Tensor& s) const { return minimum((*first_)(s), (*second_)(s)); }  // (B,K)

  // --- acting
  Tensor act(const Tensor& obs, Tensor&) override { return arg_max((*actor_)(obs)); }
  Thought think(const Tensor& obs, Tensor&) override {
    return {"probability", softmax((*actor_)(obs))};
  }

  // --- learning
  enum Phase : i64 { kFill, kLearn };

  Figures round(i64 phase) {
    const Rng rng(env_->ctx());
    {
      const NoGrad off(env_->ctx());
      for (i64 t = 0; t < config.steps; ++t) {
        const Tensor s = env_->observe();  // (E,D)
        const Tensor logits = phase == kFill
                                  ? fill(env_->ctx(), {config.envs, env_->action().size}, 0)
                                  : (*actor_)(s);          // (E,K)
        const Tensor a = Categorical{logits}.sample(rng);  // (E)
        replay_->put(s, a, env_->step(a));
      }
    }
    Figures figures;
    for (i64 k = 0; phase == kLearn && k < config.updates; ++k)
      update(replay_->sample(rng, config.batch), k + 1 == config.updates ? &figures : nullptr);
    return figures;
  }

  void update(const Transitions& b, Figures* figures) {
    Tensor y;  // (B)
    {
      const NoGrad off(env_->ctx());
      const Tensor log_pi = log_softmax((*actor_)(b.next_obs));  // (B,K)
      const Bind there(critic_params_, target_->values());
      const Tensor soft = sum(exp(log_pi) * (least(b.next_obs) - alpha() * log_pi), kLast);
      y = b.reward + discounts(b.terminated, config.gamma) * soft;
    }
    const Tensor q1 = pick((*first_)(b.obs), b.action), q2 = pick((*second_)(b.obs), b.action);
    const Tensor q_loss = 0.5 * mean(square(q1 - y)) + 0.5 * mean(square(q2 - y));  // ()
    backward(q_loss, critic_params_);
    critic_adam_->step();

    const Tensor log_pi = log_softmax((*actor_)(b.obs)), pi = exp(log_pi);  // (B,K)
    const Tensor cost = stop_gradient(alpha()) * log_pi - stop_gradient(least(b.obs));
    const Tensor pi_loss = mean(sum(pi * cost, kLast));  // ()
    backward(pi_loss, actor_params_);
    actor_adam_->step();

    const double H = config.target * std::log(double(env_->action().size));  // nats
    const Tensor gap = stop_gradient(sum(pi * (log_pi + H), kLast));         // (B)
    backward(-mean(alpha() * gap), alpha_params_);
    alpha_adam_->step();
    target_->update();
    if (!figures) return;
    figures->add("q_loss", q_loss);
    figures->add("entropy", -mean(sum(pi * log_pi, kLast)));
    figures->add("alpha", alpha());
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
    return all;
  }

 private:
  Params actor_params_, critic_params_, alpha_params_;
  std::optional<Mlp> actor_, first_, second_;
  Slot log_alpha_;
  std::optional<Adam> actor_adam_, critic_adam_, alpha_adam_;
  std::optional<Ema> target_;
  std::optional<Replay> replay_;
  std::optional<Learn> learn_;
};

}  // namespace

std::unique_ptr<Agent> make_discrete_sac() { return std::make_unique<DiscreteSac>(); }

}  // namespace lat::rl
