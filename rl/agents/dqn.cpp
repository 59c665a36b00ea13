// Deep Q-network.
//
//   y    = r + gamma (1 - terminated) max_a' Q'(s', a')                       Mnih et al. 2015, algorithm 1
//   y    = r + gamma (1 - terminated) Q'(s', arg max_a' Q(s', a'))            van Hasselt et al. 2016, equation 4
//   loss = E[ huber(Q(s, a) - y) ]
//
// (s, a, r, s') out of a replay memory; Q' is the Q of some time ago. An action is greedy but with probability epsilon.
// Truncation is no end: there s' still has a value.
#include <cmath>

#include "engine/optim/clip.h"
#include "engine/optim/ema.h"
#include "rl/agent.h"
#include "rl/core/policy.h"
#include "rl/core/replay.h"

namespace lat::rl {

namespace {

struct Config {
  i64 envs = 1, steps = 256, updates = 128, batch = 64;
  i64 replay = 100000, start = 1000, copy_every = 10, epsilon_until = 8000, lr_until = 100000;
  bool twice = false;
  double gamma = 0.99, lr = 2.3e-3, lr_last = 1, max_norm = 10;
  double epsilon = 0.04;
  i64 layers = 2, width = 256;

  template <class F>
  void fields(F&& f) {
    f("envs", envs, "copies of the environment", 1, 4096);
    f("steps", steps, "steps of each between rounds of updates", 1, 4096);
    f("updates", updates, "updates of a round", 1, 4096);
    f("batch", batch, "transitions of an update", 1, 1 << 20);
    f("replay", replay, "transitions that are remembered", 1, 1e9);
    f("start", start, "steps of all copies before the first update", 0, 1e9);
    f("copy_every", copy_every, "steps of all copies from one Q' to the next", 1, 1e9);
    f("double", twice, "Q chooses the action whose Q' is the target");
    f("gamma", gamma, "discount of a step", 0, 1);
    f("lr", lr, "learning rate of Adam", 0, 10);
    f("lr_last", lr_last, "share of it that is left in the end, reached linearly", 0, 1);
    f("lr_until", lr_until, "steps of all copies in which that is reached", 1, 1e12);
    f("max_norm", max_norm, "gradients are scaled down to this norm", 1e-9, 1e9);
    f("epsilon", epsilon, "share of random actions in the end", 0, 1);
    f("epsilon_until", epsilon_until, "steps of all copies in which it falls from 1", 1, 1e12);
    f("layers", layers, "hidden layers of Q", 1, 8);
    f("width", width, "units of each", 1, 4096);
  }
};

class Dqn : public AgentOf<Config> {
 public:
  explicit Dqn(bool twice) { config.twice = twice; }

  // --- networks
  void build(Environments& env) override {
    env_ = &env;
    Context& ctx = env.ctx();
    q_.emplace(params_, "q",
               widths(env.observation().size, config.layers, config.width, env.action().size));
    params_.materialise(ctx);
    adam_.emplace(params_, Adam::Options{.lr = config.lr});
    target_ = Buffer(ctx, {params_.size()});
    assign_target();
    replay_.emplace(ctx, config.replay, env.observation(), env.action());
    epsilon_.emplace(ctx, "epsilon", 1);
    learn_.emplace(ctx, "dqn", LearnBody{[this](Key phase) { return round(phase.value); }});
  }

  Tensor target(const Tensor& s) {  // Q'(s, .)   (B,K)
    const Bind there(params_, target_);
    return (*q_)(s);
  }

  // --- acting
  Tensor act(const Tensor& obs, Tensor&) override { return arg_max((*q_)(obs)); }
  Thought think(const Tensor& obs, Tensor&) override { return {"Q", (*q_)(obs)}; }

  Tensor explore(const Tensor& s, Rng rng) {  // epsilon / K + (1 - epsilon) [a is greedy]
    const i64 K = env_->action().size;
    const Tensor greedy = one_hot(arg_max((*q_)(s)), K);                  // (E,K)
    const Tensor epsilon = *epsilon_;                                     // ()
    const Tensor p = epsilon * (1 / double(K)) + (1 - epsilon) * greedy;  // (E,K)
    return Categorical{log(p)}.sample(rng);                               // (E)
  }

  // --- learning
  enum Phase : i64 { kFill, kLearn, kCopyAndLearn };

  Figures round(i64 phase) {
    const Rng rng(env_->ctx());
    {
      const NoGrad off(env_->ctx());
      for (i64 t = 0; t < config.steps; ++t) {
        const Tensor s = env_->observe();  // (E,D)
        const Tensor a = explore(s, rng);  // (E)
        const Stepped next = env_->step(a);
        replay_->put(s, a, next);
      }
    }
    Figures figures;
    if (phase == kCopyAndLearn) assign_target();
    for (i64 k = 0; phase != kFill && k < config.updates; ++k)
      update(replay_->sample(rng, config.batch), k + 1 == config.updates ? &figures : nullptr);
    return figures;
  }

  void update(const Transitions& b, Figures* figures) {
    Tensor y;  // (B)
    {
      const NoGrad off(env_->ctx());
      const Tensor there = target(b.next_obs);                                // (B,K)
      const Tensor best = arg_max(config.twice ? (*q_)(b.next_obs) : there);  // (B)
      y = b.reward + discounts(b.terminated, config.gamma) * pick(there, best);
    }
    const Tensor q = pick((*q_)(b.obs), b.action);  // (B)
    const Tensor loss = mean(huber(q - y));         // ()
    backward(loss, params_);
    clip_global_norm(params_, config.max_norm);
    adam_->step();
    if (!figures) return;
    figures->add("loss", loss);
    figures->add("q", mean(q));
  }

  void learn(i64 done) override {
    adam_->lr.set(linearly(config.lr, config.lr * config.lr_last, done, config.lr_until));
    epsilon_->set(linearly(1, config.epsilon, done, config.epsilon_until));
    const i64 now = done + steps_each();
    const bool copy = now / config.copy_every > done / config.copy_every;
    (*learn_)(Key{now < config.start ? kFill : copy ? kCopyAndLearn : kLearn});
  }
  const Figures& figures() const override { return learn_->last(); }

  Kept kept() override {
    Kept all{{&params_}, {{"adam", &params_, &*adam_}}, {{"target", target_}}, {&*learn_}};
    all.add(*replay_);
    return all;
  }

 private:
  void assign_target() { assign(target_, params_.memory_of_values()); }

  Params params_;
  std::optional<Mlp> q_;
  std::optional<Adam> adam_;
  Buffer target_;  // the parameters of Q'
  std::optional<Replay> replay_;
  std::optional<Word> epsilon_;
  std::optional<Learn> learn_;
};

}  // namespace

std::unique_ptr<Agent> make_dqn() { return std::make_unique<Dqn>(false); }
std::unique_ptr<Agent> make_double_dqn() { return std::make_unique<Dqn>(true); }

}  // namespace lat::rl
