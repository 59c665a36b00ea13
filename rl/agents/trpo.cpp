// Trust region policy optimisation.
//
//   maximise L(theta) = E[ pi_theta(a|s) / pi_old(a|s) A ]  subject to  E[ KL( pi_old || pi_theta ) ] <= delta
//                                                                     Schulman et al. 2015, equation 14
//   F x = g by conjugate gradients, F v = grad( grad(KL) . v ) + c v, g = grad L           appendix C
//   theta + 1/2^j sqrt( 2 delta / x^T F x ) x  for the first j = 0, 1, ... that gains and keeps the constraint
//
// All candidates of the line search are looked at; the first good one is chosen without asking the host. A is the
// generalised advantage; V is fitted by minibatches.
#include <cmath>

#include "rl/agent.h"
#include "rl/core/rollout.h"
#include "rl/core/sight.h"
#include "rl/core/trust_region.h"

namespace lat::rl {

namespace {

struct Config {
  i64 envs = 2, steps = 512;
  double gamma = 0.99, lambda = 0.98;
  double delta = 0.01, damping = 1e-3;
  i64 iterations = 15, backtracks = 10;
  double value_lr = 1e-3;
  i64 value_epochs = 20, value_batch = 128;
  i64 layers = 2, width = 64;
  double log_std = 0, reward_scale = 1;
  bool normalise = false;

  template <class F>
  void fields(F&& f) {
    f("envs", envs, "copies of the environment", 1, 4096);
    f("steps", steps, "steps of each between updates", 1, 4096);
    f("gamma", gamma, "discount of a step", 0, 1);
    f("lambda", lambda, "of the generalised advantage", 0, 1);
    f("delta", delta, "most mean KL of an update, nats", 1e-9, 10);
    f("damping", damping, "c, of the Fisher-vector product", 0, 10);
    f("iterations", iterations, "of conjugate gradients", 1, 100);
    f("backtracks", backtracks, "candidates of the line search", 1, 30);
    f("value_lr", value_lr, "learning rate of V", 0, 10);
    f("value_epochs", value_epochs, "passes of V over a round", 1, 100);
    f("value_batch", value_batch, "steps per update of V; divides envs x steps", 1, 1 << 20);
    f("layers", layers, "hidden layers of policy and value", 1, 8);
    f("width", width, "units of each", 1, 4096);
    f("log_std", log_std, "boxes: log of the deviation at first", -20, 5);
    f("reward_scale", reward_scale, "rewards are multiplied by it", 1e-9, 1e9);
    f("normalise", normalise, "observations, by mean and deviation of those seen");
  }
};

class Trpo : public AgentOf<Config> {
 public:
  // --- networks
  void build(Environments& env) override {
    env_ = &env;
    LAT_CHECK(config.envs * config.steps % config.value_batch == 0, Code::usage,
              "agent.value_batch", config.value_batch, " steps do not divide the ", config.envs,
              " x ", config.steps, " of a round");
    const i64 in = env.observation().size;
    actor_.emplace(actor_params_, "actor", env.action(), in, config.layers, config.width,
                   config.log_std);
    critic_.emplace(critic_params_, "critic", in, config.layers, config.width);
    actor_params_.materialise(env.ctx());
    critic_params_.materialise(env.ctx());
    critic_adam_.emplace(critic_params_, Adam::Options{.lr = config.value_lr});
    units_.emplace(env.ctx(), env.action());
    sight_.emplace(env.ctx(), in, config.normalise);
    learn_.emplace(env.ctx(), "trpo", LearnBody{[this](Key) { return round(); }});
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
    Tensor s, a, adv, R;  // rows
    {
      const NoGrad off(env_->ctx());
      Tensor obs = env_->observe();  // (E,D)
      for (i64 t = 0; t < config.steps; ++t) {
        const Tensor act = (*actor_)(sight_->apply(obs)).sample(rng);  // (E) i32 or (E,A)
        const Stepped next = env_->step(units_->to_environment(act));
        seen.add(obs, act, next, config.reward_scale);
        obs = next.obs;
      }
      seen.join();
      s = sight_->apply(seen.s);
      const Tensor v = (*critic_)(s);  // (T,E)
      const Tensor v_next = seen.next_values(
          v, env_->limit(), [&](const Tensor& x) { return (*critic_)(sight_->apply(x)); });
      const Tensor A = gae(seen.r, v, v_next, discounts(seen.terminated, config.gamma),
                           config.lambda, seen.truncated);  // (T,E)
      R = merged(A + v);
      const Tensor centred = merged(A) - mean(A);  // (N)
      adv = centred / (sqrt(mean(square(centred))) + 1e-8);
      s = merged(s);
      a = merged(seen.a);
    }
    Figures figures;
    improve(s, a, adv, figures);
    fit(s, R, rng, figures);
    const NoGrad off(env_->ctx());
    sight_->update(seen.s);
    return figures;
  }

  void improve(const Tensor& s, const Tensor& a, const Tensor& adv, Figures& figures) {
    const Tensor theta = watch(stop_gradient(actor_params_.memory_of_values()));  // (P)
    const auto policy = [&](const Tensor& at) {
      const Bind there(actor_params_, at);
      return (*actor_)(s);
    };
    const Policy pi = policy(theta), old = stop_gradient(pi);
    const Tensor log_old = old.log_prob(a);   // (N)
    const auto gain = [&](const Policy& p) {  // L   ()
      return mean(exp(p.log_prob(a) - log_old) * adv);
    };
    const Tensor g = grad(gain(pi), theta);               // (P)
    const Tensor slope = grad(mean(kl(old, pi)), theta);  // (P), 0 here
    const auto fisher = [&](const Tensor& v) {            // F v   (P)
      return grad(sum(slope * v), theta) + config.damping * v;
    };
    const Tensor now = stop_gradient(theta);
    Tensor direction;  // (P)
    {
      const Direction found = trust_region_direction(fisher, stop_gradient(g), config.iterations);
      direction = found.x * sqrt(2 * config.delta * reciprocal(found.xFx + 1e-20));
    }
    const NoGrad off(env_->ctx());
    const Tensor before = gain(old), none = fill(env_->ctx(), {}, 0);
    const Tensor most = fill(env_->ctx(), {}, config.delta);  // ()
    Tensor share = none, open = none + 1, moved = none;       // of the step taken; 1 while none was
    for (i64 j = 0; j < config.backtracks; ++j) {
      const double c = std::ldexp(1.0, -static_cast<int>(j));
      const Policy p = policy(now + c * direction);
      const Tensor far = mean(kl(old, p));  // ()  nats
      const Tensor good =
          open * less(before, gain(p)) * (1 - less(most, far)) * less(far, most + 1);
      share = share + c * good;
      moved = moved + good * far;
      open = open * (1 - good);
    }
    assign(actor_params_.memory_of_values(), now + share * direction);
    actor_params_.written();
    figures.add("kl", moved);
    figures.add("step", share);
    figures.add("entropy", mean(old.entropy()));
  }

  void fit(const Tensor& s, const Tensor& R, Rng rng, Figures& figures) {
    const i64 N = s.dim[0], B = config.value_batch;
    Tensor value;
    for (i64 epoch = 0; epoch < config.value_epochs; ++epoch) {
      const Tensor order = permutation(rng, N);
      for (i64 b = 0; b < N; b += B) {
        const Tensor at = slice(order, b, b + B);
        value = 0.5 * mean(square((*critic_)(gather(s, at)) - gather(R, at)));  // ()
        backward(value, critic_params_);
        critic_adam_->step();
      }
    }
    figures.add("value_loss", value);
  }

  void learn(i64) override { (*learn_)(); }
  const Figures& figures() const override { return learn_->last(); }

  Kept kept() override {
    Kept all{{&actor_params_, &critic_params_},
             {{"adam.critic", &critic_params_, &*critic_adam_}},
             {},
             {&*learn_}};
    sight_->keep(all);
    return all;
  }

 private:
  Params actor_params_, critic_params_;
  std::optional<PolicyNet> actor_;
  std::optional<ValueNet> critic_;
  std::optional<Adam> critic_adam_;
  std::optional<ActionUnits> units_;
  std::optional<Sight> sight_;
  std::optional<Learn> learn_;
};

}  // namespace

std::unique_ptr<Agent> make_trpo() { return std::make_unique<Trpo>(); }

}  // namespace lat::rl
