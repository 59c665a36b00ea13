// Soft actor-critic as it first was: a network for the value of states, a temperature that is given.
//
//   J_V  = E[ 1/2 (V(s) - (min_i Q_i(s, a) - log pi(a|s)))^2 ],  a ~ pi(.|s)         Haarnoja et al. 2018a, equation 5
//   J_Q  = E[ 1/2 (Q_i(s, a) - (scale r + gamma (1 - terminated) V'(s')))^2 ]                  equations 7, 8
//   J_pi = E[ log pi(a|s) - min_i Q_i(s, a) ],  a ~ pi(.|s)                                       equation 12
//
// (s, a, r, s') out of a replay memory; a = tanh(u), u normal, in units in which the box is [-1, 1]; V' is a moving
// average of V; the scale of rewards is one over the temperature.
#include "engine/optim/ema.h"
#include "rl/agent.h"
#include "rl/core/policy.h"
#include "rl/core/replay.h"
#include "rl/core/twin.h"

namespace lat::rl {

namespace {

struct Config {
  i64 envs = 1, steps = 1, updates = 1, batch = 256;
  i64 replay = 100000, start = 1000;
  double gamma = 0.99, tau = 0.005, lr = 1e-3;
  i64 layers = 2, width = 256;
  double reward_scale = 5;

  template <class F>
  void fields(F&& f) {
    f("envs", envs, "copies of the environment", 1, 4096);
    f("steps", steps, "steps of each between rounds of updates", 1, 4096);
    f("updates", updates, "updates of a round", 1, 4096);
    f("batch", batch, "transitions of an update", 1, 1 << 20);
    f("replay", replay, "transitions that are remembered", 1, 1e9);
    f("start", start, "steps of all copies, at random, before the first update", 0, 1e9);
    f("gamma", gamma, "discount of a step", 0, 1);
    f("tau", tau, "how much of V goes into V' at an update", 0, 1);
    f("lr", lr, "learning rate of Adam", 0, 10);
    f("layers", layers, "hidden layers of policy and critics", 1, 8);
    f("width", width, "units of each", 1, 4096);
    f("reward_scale", reward_scale, "one over the temperature: rewards are multiplied by it", 1e-9,
      1e9);
  }
};

class SacV1 : public AgentOf<Config> {
 public:
  // --- networks
  void build(Environments& env) override {
    env_ = &env;
    Context& ctx = env.ctx();
    const i64 D = env.observation().size, A = env.action().size;
    actor_.emplace(actor_params_, "actor", widths(D, config.layers, config.width, 2 * A));
    critics_.emplace(critic_params_, D + A, config.layers, config.width);
    value_.emplace(value_params_, "value", widths(D, config.layers, config.width, 1));
    for (Params* p : {&actor_params_, &critic_params_, &value_params_}) p->materialise(ctx);
    actor_adam_.emplace(actor_params_, Adam::Options{.lr = config.lr});
    critic_adam_.emplace(critic_params_, Adam::Options{.lr = config.lr});
    value_adam_.emplace(value_params_, Adam::Options{.lr = config.lr});
    target_.emplace(value_params_, 1 - config.tau);
    units_.emplace(ctx, env.action());
    replay_.emplace(ctx, config.replay, env.observation(), env.action());
    learn_.emplace(ctx, "sac_v1", LearnBody{[this](Key phase) { return round(phase.value); }});
  }

  TanhNormal policy(const Tensor& s) const {  // pi(.|s)
    constexpr double kLeast = -20, kMost = 2;
    const i64 A = env_->action().size;
    const Tensor out = (*actor_)(s);                                         // (B,2A)
    const Tensor log_std = clamp(narrow(out, -1, A, 2 * A), kLeast, kMost);  // (B,A)
    return {narrow(out, -1, 0, A), 2 * log_std};
  }
  Tensor value(const Tensor& s) const { return reshape((*value_)(s), {s.dim[0]}); }  // V(s)   (B)

  // --- acting
  Tensor act(const Tensor& obs, Tensor&) override {
    return units_->to_environment(policy(obs).mode());
  }
  Thought think(const Tensor& obs, Tensor&) override { return {"action", policy(obs).mode()}; }

  // --- learning
  enum Phase : i64 { kFill, kLearn };

  Figures round(i64 phase) {
    const Rng rng(env_->ctx());
    {
      const NoGrad off(env_->ctx());
      for (i64 t = 0; t < config.steps; ++t) {
        const Tensor s = env_->observe();  // (E,D)
        const Shape actions{config.envs, env_->action().size};
        const Tensor a =
            phase == kFill ? 2 * uniform(rng, actions) - 1 : tanh(policy(s).rsample(rng));  // (E,A)
        replay_->put(s, a, env_->step(units_->to_environment(a)));
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
      const Bind there(value_params_, target_->values());
      y = b.reward * config.reward_scale +
          discounts(b.terminated, config.gamma) * value(b.next_obs);  // eq. 8
    }
    const TanhNormal pi = policy(b.obs);
    const Tensor u = pi.rsample(rng);                                               // (B,A)
    const Tensor log_pi = pi.log_prob(u);                                           // (B)
    const Tensor q = critics_->least(b.obs, tanh(u));                               // (B)
    const Tensor soft = stop_gradient(q - log_pi);                                  // (B)
    const Tensor v_loss = 0.5 * mean(square(value(b.obs) - soft));                  // ()  eq. 5
    const Tensor pi_loss = mean(log_pi - q);                                        // ()  eq. 12
    const auto [q1, q2] = (*critics_)(b.obs, b.action);                             // (B) each
    const Tensor q_loss = 0.5 * mean(square(q1 - y)) + 0.5 * mean(square(q2 - y));  // ()  eq. 7
    backward(v_loss, value_params_);
    backward(pi_loss, actor_params_);
    backward(q_loss, critic_params_);
    value_adam_->step();
    actor_adam_->step();
    critic_adam_->step();
    target_->update();
    if (!figures) return;
    figures->add("q_loss", q_loss);
    figures->add("v_loss", v_loss);
    figures->add("pi_loss", pi_loss);
    figures->add("entropy", -mean(log_pi));
    figures->add("q", mean(q));
  }

  void learn(i64 done) override {
    (*learn_)(Key{done + steps_each() <= config.start ? kFill : kLearn});
  }
  const Figures& figures() const override { return learn_->last(); }

  Kept kept() override {
    Kept all{{&actor_params_, &critic_params_, &value_params_},
             {{"adam.actor", &actor_params_, &*actor_adam_},
              {"adam.critic", &critic_params_, &*critic_adam_},
              {"adam.value", &value_params_, &*value_adam_}},
             {{"target", target_->values()}},
             {&*learn_}};
    all.add(*replay_);
    return all;
  }

 private:
  Params actor_params_, critic_params_, value_params_;
  std::optional<Mlp> actor_, value_;
  std::optional<TwinCritics> critics_;
  std::optional<Adam> actor_adam_, critic_adam_, value_adam_;
  std::optional<Ema> target_;
  std::optional<ActionUnits> units_;
  std::optional<Replay> replay_;
  std::optional<Learn> learn_;
};

}  // namespace

std::unique_ptr<Agent> make_sac_v1() { return std::make_unique<SacV1>(); }

}  // namespace lat::rl
