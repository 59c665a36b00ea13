// Deterministic policies whose gradient comes through a critic.
//
// DDPG (Lillicrap et al. 2016, algorithm 1):
//   y = r + gamma (1 - terminated) Q'(s', mu'(s'))        J_Q = E[ (Q(s, a) - y)^2 ]        J_mu = -E[ Q(s, mu(s)) ]
// TD3 (Fujimoto, van Hoof & Meger 2018, algorithm 1) adds
//   the smaller of two critics, and noise on the target's action, clip(N(0, sigma'), -c, c):
//   y = r + gamma (1 - terminated) min_i Q_i'(s', mu'(s') + noise)
//   and updates mu and the targets at every d-th update of the critics.
//
// (s, a, r, s') out of a replay memory; actions in units in which the box is [-1, 1]; primes are moving averages.
#include <cmath>

#include "engine/optim/ema.h"
#include "rl/agent.h"
#include "rl/core/replay.h"
#include "rl/core/twin.h"

namespace lat::rl {

namespace {

struct Config {
  i64 envs = 1, steps = 2, updates = 2, batch = 100;
  i64 replay = 100000, start = 1000;
  double gamma = 0.99, tau = 0.005, lr = 1e-3;
  bool twins = true;
  i64 delay = 2;
  double noise = 0.1, target_noise = 0.2, target_noise_most = 0.5;
  i64 layers = 2, width = 64;
  double reward_scale = 1;

  template <class F>
  void fields(F&& f) {
    f("envs", envs, "copies of the environment", 1, 4096);
    f("steps", steps, "steps of each between rounds of updates", 1, 4096);
    f("updates", updates, "updates of a round; a multiple of delay", 1, 4096);
    f("batch", batch, "transitions of an update", 1, 1 << 20);
    f("replay", replay, "transitions that are remembered", 1, 1e9);
    f("start", start, "steps of all copies, at random, before the first update", 0, 1e9);
    f("gamma", gamma, "discount of a step", 0, 1);
    f("tau", tau, "how much goes into the targets at an update", 0, 1);
    f("lr", lr, "learning rate of Adam", 0, 10);
    f("twins", twins, "the smaller of two critics is the target");
    f("delay", delay, "updates of the critics for one of the policy", 1, 64);
    f("noise", noise, "deviation of the noise on actions", 0, 10);
    f("target_noise", target_noise, "deviation of the noise on the target's actions", 0, 10);
    f("target_noise_most", target_noise_most, "where that noise is clipped", 0, 10);
    f("layers", layers, "hidden layers of policy and critics", 1, 8);
    f("width", width, "units of each", 1, 4096);
    f("reward_scale", reward_scale, "rewards are multiplied by it", 1e-9, 1e9);
  }
};

class Td3 : public AgentOf<Config> {
 public:
  explicit Td3(bool ddpg) {
    if (!ddpg) return;
    config.twins = false;
    config.delay = 1;
    config.target_noise = 0;
  }

  // --- networks
  void build(Environments& env) override {
    env_ = &env;
    Context& ctx = env.ctx();
    LAT_CHECK(config.updates % config.delay == 0, Code::usage, "agent.updates", config.updates,
              " is no multiple of agent.delay, ", config.delay);
    const i64 D = env.observation().size, A = env.action().size;
    actor_.emplace(actor_params_, "actor", widths(D, config.layers, config.width, A));
    critics_.emplace(critic_params_, D + A, config.layers, config.width);
    for (Params* p : {&actor_params_, &critic_params_}) p->materialise(ctx);
    actor_adam_.emplace(actor_params_, Adam::Options{.lr = config.lr});
    critic_adam_.emplace(critic_params_, Adam::Options{.lr = config.lr});
    actor_target_.emplace(actor_params_, 1 - config.tau);
    critic_target_.emplace(critic_params_, 1 - config.tau);
    units_.emplace(ctx, env.action());
    replay_.emplace(ctx, config.replay, env.observation(), env.action());
    learn_.emplace(ctx, "td3", LearnBody{[this](Key phase) { return round(phase.value); }});
  }

  Tensor mu(const Tensor& s) const { return tanh((*actor_)(s)); }  // (B,A)

  // --- acting
  Tensor act(const Tensor& obs, Tensor&) override { return units_->to_environment(mu(obs)); }
  Thought think(const Tensor& obs, Tensor&) override { return {"action", mu(obs)}; }

  // --- learning
  enum Phase : i64 { kFill, kLearn };

  Figures round(i64 phase) {
    const Rng rng(env_->ctx());
    {
      const NoGrad off(env_->ctx());
      for (i64 t = 0; t < config.steps; ++t) {
        const Tensor s = env_->observe();  // (E,D)
        const Shape actions{config.envs, env_->action().size};
        const Tensor a = phase == kFill ? 2 * uniform(rng, actions) - 1
                                        : clamp(mu(s) + config.noise * normal(rng, actions), -1, 1);
        replay_->put(s, a, env_->step(units_->to_environment(a)));  // a (E,A)
      }
    }
    Figures figures;
    for (i64 k = 0; phase == kLearn && k < config.updates; ++k)
      update(replay_->sample(rng, config.batch), rng, (k + 1) % config.delay == 0,
             k + 1 == config.updates ? &figures : nullptr);
    return figures;
  }

  Tensor target(const Transitions& b, Rng rng) {  // y   (B)
    const NoGrad off(env_->ctx());
    const Bind actor(actor_params_, actor_target_->values());
    const Bind critics(critic_params_, critic_target_->values());
    Tensor a = mu(b.next_obs);  // (B,A)
    if (config.target_noise > 0) {
      const double c = config.target_noise_most;
      a = clamp(a + clamp(config.target_noise * normal(rng, a.shape()), -c, c), -1, 1);
    }
    const auto [q1, q2] = (*critics_)(b.next_obs, a);  // (B) each
    const Tensor q = config.twins ? minimum(q1, q2) : q1;
    return b.reward * config.reward_scale + discounts(b.terminated, config.gamma) * q;
  }

  void update(const Transitions& b, Rng rng, bool policy_too, Figures* figures) {
    const Tensor y = target(b, rng);                     // (B)
    const auto [q1, q2] = (*critics_)(b.obs, b.action);  // (B) each
    Tensor q_loss = mean(square(q1 - y));                // ()
    if (config.twins) q_loss = q_loss + mean(square(q2 - y));
    backward(q_loss, critic_params_);
    critic_adam_->step();
    if (!policy_too) return;

    const Tensor q = (*critics_)(b.obs, mu(b.obs)).first;  // (B)
    backward(-mean(q), actor_params_);
    actor_adam_->step();
    actor_target_->update();
    critic_target_->update();
    if (!figures) return;
    figures->add("q_loss", q_loss);
    figures->add("q", mean(q));
  }

  void learn(i64 done) override {
    (*learn_)(Key{done + steps_each() <= config.start ? kFill : kLearn});
  }
  const Figures& figures() const override { return learn_->last(); }

  Kept kept() override {
    Kept all{
        {&actor_params_, &critic_params_},
        {{"adam.actor", &actor_params_, &*actor_adam_},
         {"adam.critic", &critic_params_, &*critic_adam_}},
        {{"actor.target", actor_target_->values()}, {"critic.target", critic_target_->values()}},
        {&*learn_}};
    all.add(*replay_);
    return all;
  }

 private:
  Params actor_params_, critic_params_;
  std::optional<Mlp> actor_;
  std::optional<TwinCritics> critics_;
  std::optional<Adam> actor_adam_, critic_adam_;
  std::optional<Ema> actor_target_, critic_target_;
  std::optional<ActionUnits> units_;
  std::optional<Replay> replay_;
  std::optional<Learn> learn_;
};

}  // namespace

std::unique_ptr<Agent> make_td3() { return std::make_unique<Td3>(false); }
std::unique_ptr<Agent> make_ddpg() { return std::make_unique<Td3>(true); }

}  // namespace lat::rl
