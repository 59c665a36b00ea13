// REINFORCE, the score-function gradient of the return.
//
//   grad J = E[ sum_t grad log pi(a_t|s_t) (R_t - b(s_t)) ],  R_t = sum_{k >= t} gamma^{k-t} r_k
//                                                     Williams 1992, theorem 1 and section 5
//
// R_t are the rewards to the end of the episode: what went before the action is no consequence of it. The baseline b is
// 0, or V(s), learned by least squares from R, which changes the variance and not the mean. A round plays from fresh
// starts, and its end is the horizon: an episode that it cuts counts with what it earned until then.
#include "rl/agent.h"
#include "rl/core/rollout.h"

namespace lat::rl {

namespace {

struct Config {
  i64 envs = 10, steps = 500;
  bool baseline = false;
  double gamma = 0.99, lr = 1e-2, lr_last = 1;
  i64 lr_until = 100000;
  i64 layers = 2, width = 64, value_updates = 20;
  double value_lr = 3e-3, log_std = 0;

  template <class F>
  void fields(F&& f) {
    f("envs", envs, "copies of the environment", 1, 4096);
    f("steps", steps, "steps of each in a round; at least an episode", 1, 4096);
    f("baseline", baseline, "V(s) is taken off the returns");
    f("gamma", gamma, "discount of a step", 0, 1);
    f("lr", lr, "learning rate of Adam", 0, 10);
    f("lr_last", lr_last, "share of it that is left in the end, reached linearly", 0, 1);
    f("lr_until", lr_until, "steps of all copies in which that is reached", 1, 1e12);
    f("layers", layers, "hidden layers of policy and value", 1, 8);
    f("width", width, "units of each", 1, 4096);
    f("value_updates", value_updates, "updates of V in a round", 1, 1000);
    f("value_lr", value_lr, "learning rate of V", 0, 10);
    f("log_std", log_std, "boxes: log of the deviation at first", -20, 5);
  }
};

class Reinforce : public AgentOf<Config> {
 public:
  explicit Reinforce(bool baseline) { config.baseline = baseline; }

  // --- networks
  void build(Environments& env) override {
    env_ = &env;
    const i64 in = env.observation().size;
    actor_.emplace(actor_params_, "actor", env.action(), in, config.layers, config.width,
                   config.log_std);
    actor_params_.materialise(env.ctx());
    actor_adam_.emplace(actor_params_, Adam::Options{.lr = config.lr});
    if (config.baseline) {
      critic_.emplace(critic_params_, "critic", in, config.layers, config.width);
      critic_params_.materialise(env.ctx());
      critic_adam_.emplace(critic_params_, Adam::Options{.lr = config.value_lr});
    }
    units_.emplace(env.ctx(), env.action());
    learn_.emplace(env.ctx(), "reinforce", LearnBody{[this](Key) { return round(); }});
  }

  // --- acting
  Tensor act(const Tensor& obs, Tensor&) override {
    return units_->to_environment((*actor_)(obs).mode());
  }
  Thought think(const Tensor& obs, Tensor&) override { return thought((*actor_)(obs)); }

  // --- learning
  Figures round() {
    const Rng rng(env_->ctx());
    Rollout seen;
    Tensor R;  // (N)
    {
      const NoGrad off(env_->ctx());
      Tensor obs = env_->reset();  // (E,D)
      for (i64 t = 0; t < config.steps; ++t) {
        const Tensor a = (*actor_)(obs).sample(rng);  // (E) i32 or (E,A)
        const Stepped next = env_->step(units_->to_environment(a));
        seen.add(obs, a, next);
        obs = next.obs;
      }
      seen.join();
      const Tensor last = seen.terminated + seen.truncated;  // (T,E)
      R = merged(scan_reverse(discounts(last, config.gamma), seen.r));
    }
    const Tensor s = merged(seen.s);  // (N,D)
    Figures figures;
    Tensor gain = R;  // (N)
    if (config.baseline) {
      gain = R - stop_gradient((*critic_)(s));
      for (i64 k = 0; k < config.value_updates; ++k) {
        const Tensor value = 0.5 * mean(square((*critic_)(s)-R));  // ()
        backward(value, critic_params_);
        critic_adam_->step();
        if (k == 0) figures.add("value_loss", value);
      }
    }
    const Policy pi = (*actor_)(s);
    backward(-mean(gain * pi.log_prob(merged(seen.a))), actor_params_);
    actor_adam_->step();
    figures.add("entropy", mean(pi.entropy()));
    return figures;
  }

  void learn(i64 done) override {
    actor_adam_->lr.set(linearly(config.lr, config.lr * config.lr_last, done, config.lr_until));
    (*learn_)();
  }
  const Figures& figures() const override { return learn_->last(); }

  Kept kept() override {
    Kept all{{&actor_params_}, {{"adam.actor", &actor_params_, &*actor_adam_}}, {}, {&*learn_}};
    if (config.baseline) {
      all.params.push_back(&critic_params_);
      all.optimisers.push_back({"adam.critic", &critic_params_, &*critic_adam_});
    }
    return all;
  }

 private:
  Params actor_params_, critic_params_;
  std::optional<PolicyNet> actor_;
  std::optional<ValueNet> critic_;
  std::optional<Adam> actor_adam_, critic_adam_;
  std::optional<ActionUnits> units_;
  std::optional<Learn> learn_;
};

}  // namespace

std::unique_ptr<Agent> make_reinforce() { return std::make_unique<Reinforce>(false); }
std::unique_ptr<Agent> make_reinforce_baseline() { return std::make_unique<Reinforce>(true); }

}  // namespace lat::rl
