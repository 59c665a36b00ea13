// Advantage actor-critic, synchronous.
//
//   loss = E[ -A log pi(a|s) ] + c_v E[ (V(s) - R)^2 ] / 2 - beta E[ H[pi(.|s)] ]
//                                                        Mnih et al. 2016, section 4 and algorithm S3
//
// A_t = sum_l (gamma lambda)^l delta_{t+l} over the steps of a round (Schulman et al. 2016, equation 16), which at
// lambda = 1 is the n-step return less V(s_t); R = A + V. Every round is one update.
#include "engine/optim/clip.h"
#include "rl/agent.h"
#include "rl/core/rollout.h"
#include "rl/core/sight.h"

namespace lat::rl {

namespace {

struct Config {
  i64 envs = 8, steps = 8;
  double gamma = 0.99, lambda = 1;
  double lr = 1e-3, lr_last = 1;
  i64 lr_until = 100000;
  double entropy = 0, value = 0.5, max_norm = 0.5;
  i64 layers = 2, width = 64;
  double log_std = 0, reward_scale = 1;
  bool normalise = false;

  template <class F>
  void fields(F&& f) {
    f("envs", envs, "copies of the environment", 1, 4096);
    f("steps", steps, "steps of each between updates", 1, 4096);
    f("gamma", gamma, "discount of a step", 0, 1);
    f("lambda", lambda, "of the generalised advantage; 1: n-step returns", 0, 1);
    f("lr", lr, "learning rate of Adam", 0, 10);
    f("lr_last", lr_last, "share of it that is left in the end, reached linearly", 0, 1);
    f("lr_until", lr_until, "steps of all copies in which that is reached", 1, 1e12);
    f("entropy", entropy, "beta, weight of the entropy", 0, 10);
    f("value", value, "c_v, weight of the value's error", 0, 100);
    f("max_norm", max_norm, "gradients are scaled down to this norm", 1e-9, 1e9);
    f("layers", layers, "hidden layers of policy and value", 1, 8);
    f("width", width, "units of each", 1, 4096);
    f("log_std", log_std, "boxes: log of the deviation at first", -20, 5);
    f("reward_scale", reward_scale, "rewards are multiplied by it", 1e-9, 1e9);
    f("normalise", normalise, "observations, by mean and deviation of those seen");
  }
};

class A2c : public AgentOf<Config> {
 public:
  // --- networks
  void build(Environments& env) override {
    env_ = &env;
    const i64 in = env.observation().size;
    actor_.emplace(params_, "actor", env.action(), in, config.layers, config.width, config.log_std);
    critic_.emplace(params_, "critic", in, config.layers, config.width);
    params_.materialise(env.ctx());
    adam_.emplace(params_, Adam::Options{.lr = config.lr, .eps = 1e-5});
    units_.emplace(env.ctx(), env.action());
    sight_.emplace(env.ctx(), in, config.normalise);
    learn_.emplace(env.ctx(), "a2c", LearnBody{[this](Key) { return round(); }});
  }

  // --- acting
  Tensor act(const Tensor& obs, Tensor&) override {
    return units_->to_environment((*actor_)(sight_->apply(obs)).mode());
  }
  Thought think(const Tensor& obs, Tensor&) override {
    return thought((*actor_)(sight_->apply(obs)));
  }

  // --- learning
  Figures round() {
    const Rng rng(env_->ctx());
    Rollout seen;
    Tensor s, adv, R;  // (T,E,...)
    {
      const NoGrad off(env_->ctx());
      Tensor obs = env_->observe();  // (E,D)
      for (i64 t = 0; t < config.steps; ++t) {
        const Tensor a = (*actor_)(sight_->apply(obs)).sample(rng);  // (E) i32 or (E,A)
        const Stepped next = env_->step(units_->to_environment(a));
        seen.add(obs, a, next, config.reward_scale);
        obs = next.obs;
      }
      seen.join();
      s = sight_->apply(seen.s);
      const Tensor v = (*critic_)(s);  // (T,E)
      const Tensor v_next = seen.next_values(
          v, env_->limit(), [&](const Tensor& x) { return (*critic_)(sight_->apply(x)); });
      adv = gae(seen.r, v, v_next, discounts(seen.terminated, config.gamma), config.lambda,
                seen.truncated);
      R = adv + v;
      sight_->update(seen.s);
    }
    s = merged(s);  // (N,D)
    const Policy pi = (*actor_)(s);
    const Tensor gain = mean(merged(adv) * pi.log_prob(merged(seen.a)));  // ()
    const Tensor value = 0.5 * mean(square((*critic_)(s)-merged(R)));     // ()
    const Tensor entropy = mean(pi.entropy());                            // ()  nats
    backward(-gain + config.value * value - config.entropy * entropy, params_);
    const Tensor norm = clip_global_norm(params_, config.max_norm);
    adam_->step();
    Figures figures;
    figures.add("value_loss", value);
    figures.add("entropy", entropy);
    figures.add("norm", norm);
    return figures;
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
  std::optional<ValueNet> critic_;
  std::optional<Adam> adam_;
  std::optional<ActionUnits> units_;
  std::optional<Sight> sight_;
  std::optional<Learn> learn_;
};

}  // namespace

std::unique_ptr<Agent> make_a2c() { return std::make_unique<A2c>(); }

}  // namespace lat::rl
