// Proximal policy optimisation with a memory, for what cannot be seen at one moment.
//
//   h_t = GRU(tanh(W s_t + b), h_{t-1}), 0 where an episode begins;  pi(.|h_t) and V(h_t)
//                                                      Hausknecht & Stone 2015; Cho et al. 2014
//   L = E[ min( rho A, clip(rho, 1 - eps, 1 + eps) A ) ],  rho = pi(a|h) / pi_old(a|h)
//                                                      Schulman et al. 2017, equation 7
//
// A batch is whole sequences of some copies, from the memory with which the round began: gradients go back through all
// steps of a round and not beyond.
#include <numbers>

#include "engine/nn/recurrent.h"
#include "engine/optim/clip.h"
#include "rl/agent.h"
#include "rl/core/rollout.h"
#include "rl/core/sight.h"

namespace lat::rl {

namespace {

struct Config {
  i64 envs = 16, steps = 64, epochs = 4, batches = 4;
  double gamma = 0.99, lambda = 0.95, clip = 0.2;
  double lr = 1e-3, lr_last = 1;
  i64 lr_until = 500000;
  double entropy = 0, value = 0.5, max_norm = 0.5;
  i64 units = 64;
  double log_std = 0, reward_scale = 1;
  bool normalise = true;

  template <class F>
  void fields(F&& f) {
    f("envs", envs, "copies of the environment", 1, 4096);
    f("steps", steps, "steps of each between updates", 1, 4096);
    f("epochs", epochs, "passes over what was seen", 1, 100);
    f("batches", batches, "updates of a pass; divides envs", 1, 4096);
    f("gamma", gamma, "discount of a step", 0, 1);
    f("lambda", lambda, "of the generalised advantage", 0, 1);
    f("clip", clip, "eps: how far from 1 the ratio earns", 0, 10);
    f("lr", lr, "learning rate of Adam", 0, 10);
    f("lr_last", lr_last, "share of it that is left in the end, reached linearly", 0, 1);
    f("lr_until", lr_until, "steps of all copies in which that is reached", 1, 1e12);
    f("entropy", entropy, "beta, weight of the entropy", 0, 10);
    f("value", value, "c_v, weight of the value's error", 0, 100);
    f("max_norm", max_norm, "gradients are scaled down to this norm", 1e-9, 1e9);
    f("units", units, "of the memory", 1, 4096);
    f("log_std", log_std, "boxes: log of the deviation at first", -20, 5);
    f("reward_scale", reward_scale, "rewards are multiplied by it", 1e-9, 1e9);
    f("normalise", normalise, "observations, by mean and deviation of those seen");
  }
};

class RecurrentPpo : public AgentOf<Config> {
 public:
  // --- networks
  void build(Environments& env) override {
    env_ = &env;
    const Config& c = config;
    LAT_CHECK(c.envs % c.batches == 0, Code::usage, "agent.batches", c.batches,
              " do not divide the ", c.envs, " copies");
    const i64 A = env.action().size;
    const i64 D = env.observation().size;
    eye_.emplace(params_, "eye", D, c.units, Init{Init::orthogonal, std::numbers::sqrt2}, Init{});
    gru_.emplace(params_, "memory", c.units, c.units);
    actor_.emplace(params_, "actor", c.units, A, Init{Init::orthogonal, 0.01}, Init{});
    critic_.emplace(params_, "critic", c.units, 1, Init{Init::orthogonal, 1}, Init{});
    if (!env.action().discrete)
      log_std_ = params_.add("actor.log_std", {A}, {Init::constant, c.log_std});
    params_.materialise(env.ctx());
    adam_.emplace(params_, Adam::Options{.lr = c.lr, .eps = 1e-5});
    units_.emplace(env.ctx(), env.action());
    sight_.emplace(env.ctx(), D, c.normalise);
    memory_ = Buffer(env.ctx(), {c.envs, c.units});
    learn_.emplace(env.ctx(), "recurrent_ppo", LearnBody{[this](Key) { return round(); }});
  }

  Tensor next(const Tensor& s, const Tensor& h) const {  // h_t of s_t, h_{t-1}   (B,H)
    return gru_->step((*eye_)(s, Act::tanh), h);
  }
  Policy policy(const Tensor& h) const {  // pi(.|h)   h (B,H)
    const Tensor out = (*actor_)(h);      // (B,K) or (B,A)
    if (log_std_.index < 0) return {out, {}, {}};
    return {{}, out, expand(2 * params_[log_std_], out.shape())};
  }
  Tensor value(const Tensor& h) const { return reshape((*critic_)(h), {h.dim[0]}); }  // V(h)   (B)

  // --- acting
  Tensor act(const Tensor& obs, Tensor& memory) override {
    memory = next(sight_->apply(obs), memory);  // (B,H)
    return units_->to_environment(policy(memory).mode());
  }
  Thought think(const Tensor& obs, Tensor& memory) override {
    return thought(policy(next(sight_->apply(obs), memory)));
  }
  i64 memory_size() const override { return config.units; }

  // --- learning
  // Sequences of copies, time first; `h` is the memory that they begin with.
  struct Sequences {
    Tensor s, a, goes_on, log_pi, adv, R;  // (T,B,...)
    Tensor h;                              // (B,H)
  };

  Figures round() {
    const Rng rng(env_->ctx());
    Sequences all;
    {
      const NoGrad off(env_->ctx());
      all.h = memory_ * 1;  // (E,H)
      Rollout seen;
      Tensor h = all.h;
      std::vector<Tensor> goes_on, log_pi, v, v_next;
      Tensor obs = env_->observe();  // (E,D)
      for (i64 t = 0; t < config.steps; ++t) {
        h = next(sight_->apply(obs), h);  // (E,H)
        const Policy pi = policy(h);
        const Tensor a = pi.sample(rng);  // (E) i32 or (E,A)
        const Stepped then = env_->step(units_->to_environment(a));
        log_pi.push_back(pi.log_prob(a));                                 // (E)
        v.push_back(value(h));                                            // (E)
        v_next.push_back(value(next(sight_->apply(then.final_obs), h)));  // (E)
        goes_on.push_back(reshape(1 - then.terminated - then.truncated, {config.envs, 1}));
        h = h * goes_on.back();
        seen.add(obs, a, then, config.reward_scale);
        obs = then.obs;
      }
      assign(memory_, h);
      seen.join();
      const Tensor values = stack(v);  // (T,E)
      all.adv = gae(seen.r, values, stack(v_next), discounts(seen.terminated, config.gamma),
                    config.lambda, seen.truncated);  // (T,E)
      all.R = all.adv + values;
      all.s = sight_->apply(seen.s);
      sight_->update(seen.s);
      all.a = seen.a;
      all.goes_on = stack(goes_on);
      all.log_pi = stack(log_pi);
    }
    Figures figures;
    const i64 B = config.envs / config.batches;
    for (i64 epoch = 0; epoch < config.epochs; ++epoch) {
      const Tensor order = permutation(rng, config.envs);
      for (i64 b = 0; b < config.batches; ++b)
        update(of(all, slice(order, b * B, (b + 1) * B)),
               epoch + 1 == config.epochs && b + 1 == config.batches ? &figures : nullptr);
    }
    return figures;
  }

  // The sequences of the copies `at` (B).
  Sequences of(const Sequences& all, const Tensor& at) const {
    const NoGrad off(env_->ctx());
    const auto some = [&](const Tensor& x) {  // (T,E,...) -> (T,B,...)
      std::vector<Tensor> rows;
      for (const Tensor& row : unstack(x)) rows.push_back(gather(row, at));
      return stack(rows);
    };
    return {some(all.s),   some(all.a), some(all.goes_on), some(all.log_pi),
            some(all.adv), some(all.R), gather(all.h, at)};
  }

  void update(const Sequences& b, Figures* figures) {
    std::vector<Tensor> memories;
    Tensor h = b.h;  // (B,H)
    const std::vector<Tensor> s = unstack(b.s), goes_on = unstack(b.goes_on);
    for (size_t t = 0; t < s.size(); ++t) {
      h = next(s[t], h);
      memories.push_back(h);
      h = h * goes_on[t];
    }
    const Tensor hs = merged(stack(memories));                          // (TB,H)
    const Tensor centred = merged(b.adv) - mean(b.adv);                 // (TB)
    const Tensor adv = centred / (sqrt(mean(square(centred))) + 1e-8);  // (TB)
    const Policy pi = policy(hs);
    const Tensor rho = exp(pi.log_prob(merged(b.a)) - merged(b.log_pi));  // (TB)
    const Tensor clipped = clamp(rho, 1 - config.clip, 1 + config.clip);  // (TB)
    const Tensor surrogate = mean(minimum(rho * adv, clipped * adv));     // ()  eq. 7
    const Tensor v_loss = 0.5 * mean(square(value(hs) - merged(b.R)));    // ()
    const Tensor entropy = mean(pi.entropy());                            // ()  nats
    backward(-surrogate + config.value * v_loss - config.entropy * entropy, params_);
    clip_global_norm(params_, config.max_norm);
    adam_->step();
    if (!figures) return;
    figures->add("surrogate", surrogate);
    figures->add("value_loss", v_loss);
    figures->add("entropy", entropy);
  }

  void learn(i64 done) override {
    adam_->lr.set(linearly(config.lr, config.lr * config.lr_last, done, config.lr_until));
    (*learn_)();
  }
  const Figures& figures() const override { return learn_->last(); }

  Kept kept() override {
    Kept all{{&params_}, {{"adam", &params_, &*adam_}}, {{"memory", memory_}}, {&*learn_}};
    sight_->keep(all);
    return all;
  }

 private:
  Params params_;
  std::optional<Gru> gru_;
  std::optional<Linear> eye_, actor_, critic_;
  Slot log_std_;
  std::optional<Adam> adam_;
  std::optional<ActionUnits> units_;
  std::optional<Sight> sight_;
  Buffer memory_;  // (E,H)
  std::optional<Learn> learn_;
};

}  // namespace

std::unique_ptr<Agent> make_recurrent_ppo() { return std::make_unique<RecurrentPpo>(); }

}  // namespace lat::rl
