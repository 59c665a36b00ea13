#include "tools/latent/workloads.h"

#include <numbers>
#include <random>

#include "models/parts/nets.h"
#include "models/scene_model.h"

namespace lat::tools {

namespace {

// A model of the catalogue.
class ModelWorkload : public Workload {
 public:
  ModelWorkload(const Context::Options& o, const std::string& name, const models::Example& example,
                i64 batch, double lr)
      : Workload(o, name), model_(models::make_model<models::ImageModel>(name)) {
    model_->build(ctx_, example);
    adam_ = std::make_unique<Adam>(model_->params(), Adam::Options{.lr = lr});
    x_ = random({batch, example.h, example.w, example.c});
  }

 private:
  Tensor body() override {
    return models::total(model_->train_step({x_, {}}, Rng(ctx_), *adam_));  // ()
  }
  std::unique_ptr<models::ImageModel> model_;
  std::unique_ptr<Adam> adam_;
  Buffer x_;
};

class Gqn : public Workload {
 public:
  Gqn(const Context::Options& o, i64 batch)
      : Workload(o, "gqn"), model_(models::make_model<models::SceneModel>("gqn")) {
    constexpr i64 kSize = 64, kContexts = 5;
    for (const auto& [key, value] : {std::pair("r", "128"),
                                     {"layers", "8"},
                                     {"channels", "64"},
                                     {"canvas", "64"},
                                     {"latent", "8"},
                                     {"sigma", "0.7"}})
      model_->set(cat("model.", key), value);
    model_->build(ctx_, {.size = kSize, .contexts = kContexts});
    adam_ = std::make_unique<Adam>(model_->params(), Adam::Options{.lr = 5e-4});
    images_ = random({batch, kContexts, kSize, kSize, 3});
    poses_ = normal({batch, kContexts, 7});
    present_ = Buffer(ctx_, {batch, kContexts});
    set_values(present_, std::vector<double>(static_cast<size_t>(batch * kContexts), 1.0));
    image_ = random({batch, kSize, kSize, 3});
    pose_ = normal({batch, 7});
  }

 private:
  Tensor body() override {
    const models::Views views{images_, poses_, present_, image_, pose_};
    return models::total(model_->train_step(views, Rng(ctx_), *adam_));  // ()
  }
  std::unique_ptr<models::SceneModel> model_;
  std::unique_ptr<Adam> adam_;
  Buffer images_, poses_, present_, image_, pose_;
};

class Vae64 : public Workload {
 public:
  Vae64(const Context::Options& o, i64 batch)
      : Workload(o, "vae64"), net_(params_, {64, 64, 3, 0}, {32, 64, 128, 256}, {}, 64) {
    params_.materialise(ctx_);
    adam_ = std::make_unique<Adam>(params_, Adam::Options{.lr = 1e-4});
    x_ = random({batch, 64, 64, 3});
  }

 private:
  Tensor body() override {
    const Normal q = net_.encode(x_);                               // (B,64)
    const Bernoulli p{flatten(net_.decode(q.rsample(Rng(ctx_))))};  // logits (B,12288)
    const Tensor log_p = p.log_prob(flatten(x_));                   // (B) nats
    const Tensor loss = mean(kl(q, StandardNormal{}) - log_p);      // ()
    backward(loss, params_);
    adam_->step();
    return loss;
  }

  Params params_;
  models::ConvNet net_;
  std::unique_ptr<Adam> adam_;
  Buffer x_;
};

class Cnn : public Workload {
 public:
  Cnn(const Context::Options& o, i64 batch) : Workload(o, "cnn") {
    const i64 channels[] = {3, 64, 64, 128, 128, 256}, strides[] = {1, 1, 2, 1, 2};
    for (size_t i = 0; i < std::size(strides); ++i)
      conv_.emplace_back(params_, cat("conv.", i), channels[i], channels[i + 1], 3,
                         Conv{.stride = strides[i], .pad = 1});
    classes_ = std::make_unique<Linear>(params_, "classes", 256, kClasses);
    params_.materialise(ctx_);
    adam_ = std::make_unique<Adam>(params_, Adam::Options{});
    x_ = random({batch, 32, 32, 3});
    y_ = Buffer(ctx_, {batch}, DType::i32);
    ctx_.write(y_, [&](void* classes) {
      for (i64 b = 0; b < batch; ++b)
        static_cast<int32_t*>(classes)[b] = static_cast<int32_t>(b * 7 % kClasses);
    });
  }

 private:
  static constexpr i64 kClasses = 10;

  Tensor body() override {
    Tensor h = x_;                                                        // (B,32,32,3)
    for (const Conv2d& conv : conv_) h = conv(h, Act::relu);              // (B,8,8,256)
    h = mean(h, {.first = 1, .last = 2});                                 // (B,256)
    const Tensor loss = -mean(categorical_log_prob((*classes_)(h), y_));  // ()
    backward(loss, params_);
    adam_->step();
    return loss;
  }

  Params params_;
  std::vector<Conv2d> conv_;
  std::unique_ptr<Linear> classes_;
  std::unique_ptr<Adam> adam_;
  Buffer x_, y_;
};

class SmallMlp : public Workload {
 public:
  SmallMlp(const Context::Options& o, i64 batch)
      : Workload(o, "overhead"), mlp_(params_, "mlp", {16, 64, 64, 1}) {
    params_.materialise(ctx_);
    adam_ = std::make_unique<Adam>(params_, Adam::Options{});
    x_ = random({batch, 16});
    y_ = random({batch, 1});
  }

 private:
  Tensor body() override {
    const Tensor loss = mean(square(mlp_(x_) - y_));  // ()
    backward(loss, params_);
    adam_->step();
    return loss;
  }

  Params params_;
  Mlp mlp_;
  std::unique_ptr<Adam> adam_;
  Buffer x_, y_;
};

// Columns [0, n) and [n, 2n).
std::pair<Tensor, Tensor> halves(const Tensor& x) {
  const i64 n = x.cols() / 2;
  return {narrow(x, -1, 0, n), narrow(x, -1, n, 2 * n)};
}

// The recurrent state-space model of PlaNet (Hafner et al. 2019) between the image networks.
class Rssm : public Workload {
 public:
  Rssm(const Context::Options& o, i64 batch)
      : Workload(o, "rssm"),
        B(batch),
        input_(params_, "input", S + A, H),
        gru_(params_, "gru", H, H),
        prior_hidden_(params_, "prior_hidden", H, 200),
        prior_(params_, "prior", 200, 2 * S),
        posterior_hidden_(params_, "posterior_hidden", H + E, 200),
        posterior_(params_, "posterior", 200, 2 * S),
        reward_(params_, "reward", {H + S, 300, 300, 1}),
        embedding_(params_, "embedding", H + S, E) {
    params_.materialise(ctx_);
    adam_ = std::make_unique<Adam>(params_, Adam::Options{});
    embeddings_ = normal({T, B, E});
    actions_ = normal({T, B, A});
    rewards_ = normal({T, B, 1});
  }

 private:
  static constexpr i64 T = 50, E = 1024, H = 200, S = 30, A = 6;

  struct Gaussian {
    Tensor mean, stddev;  // (B,S)
  };
  static Gaussian gaussian(const Tensor& x) {
    const auto [mean, raw] = halves(x);
    return {mean, softplus(raw) + 0.1};
  }
  // KL( q || p ), summed over all: ()
  static Tensor kl(const Gaussian& q, const Gaussian& p) {
    const Tensor squares = square(q.stddev) + square(q.mean - p.mean);
    return sum(log(p.stddev / q.stddev) + squares / (2 * square(p.stddev)) - 0.5);
  }

  Tensor body() override {
    Tensor h = fill(ctx_, {B, H}, 0), z = fill(ctx_, {B, S}, 0), kls;
    std::vector<Tensor> hs, zs;
    const std::vector<Tensor> e = unstack(embeddings_), a = unstack(actions_);
    for (size_t t = 0; t < e.size(); ++t) {
      h = gru_.step(elu(input_(concat({z, a[t]}))), h);            // (B,H)
      const Gaussian p = gaussian(prior_(elu(prior_hidden_(h))));  // (B,S)
      const Gaussian q = gaussian(posterior_(elu(posterior_hidden_(concat({h, e[t]})))));
      z = q.mean + q.stddev * lat::normal(Rng(ctx_), {B, S});  // (B,S)
      kls = kls ? kls + kl(q, p) : kl(q, p);
      hs.push_back(h);
      zs.push_back(z);
    }
    const Tensor f = concat({stack(hs), stack(zs)});  // (T,B,H+S)
    const Tensor loss =
        (sum(square(embedding_(f) - embeddings_)) + sum(square(reward_(f) - rewards_)) + kls) /
        static_cast<double>(B * T);  // ()
    backward(loss, params_);
    adam_->step();
    return loss;
  }

  i64 B;
  Params params_;
  Linear input_;
  Gru gru_;
  Linear prior_hidden_, prior_, posterior_hidden_, posterior_;
  Mlp reward_;
  Linear embedding_;
  std::unique_ptr<Adam> adam_;
  Buffer embeddings_, actions_, rewards_;
};

// Soft actor-critic (Haarnoja et al. 2018b, algorithm 1): one update of critics, policy, temperature and targets.
class Sac : public Workload {
 public:
  Sac(const Context::Options& o, i64 batch)
      : Workload(o, "sac"),
        B(batch),
        q1_(critics_, "q1", {O + A, 256, 256, 1}),
        q2_(critics_, "q2", {O + A, 256, 256, 1}),
        pi_(policy_, "policy", {O, 256, 256, 2 * A}),
        log_alpha_(temperature_.add("log_alpha", {1}, {})),
        rate_(ctx_, "rate", 0.005) {
    for (Params* p : {&critics_, &policy_, &temperature_}) {
      p->materialise(ctx_);
      adams_.push_back(std::make_unique<Adam>(*p, Adam::Options{.lr = 3e-4}));
    }
    targets_ = Buffer(ctx_, {critics_.size()});
    set_values(targets_, to_host(critics_.memory_of_values()));
    s_ = normal({B, O});
    a_ = random({B, A});
    r_ = normal({B, 1});
    s_next_ = normal({B, O});
    done_ = Buffer(ctx_, {B, 1});
  }

 private:
  static constexpr i64 O = 17, A = 6;

  // tanh of a normal draw and its log-density: (B,A), (B,1)
  std::pair<Tensor, Tensor> act(const Tensor& s) {
    const auto [mu, raw] = halves(pi_(s));
    const Tensor log_sigma = clamp(raw, -20, 2), eps = lat::normal(Rng(ctx_), {B, A});
    const Tensor u = mu + exp(log_sigma) * eps;
    const Tensor log_slope = 2 * (std::numbers::ln2 - u - softplus(-2 * u));
    const Tensor log_p = -0.5 * square(eps) - log_sigma - kHalfLog2Pi - log_slope;
    return {tanh(u), sum(log_p, {.first = -1, .keep = true})};
  }
  Tensor lower(const Tensor& x) { return minimum(q1_(x), q2_(x)); }  // (B,1)

  Tensor wanted() {  // (B,1)
    const NoGrad off(ctx_);
    const Bind frozen(critics_, targets_);
    const auto [a, log_p] = act(s_next_);
    const Tensor soft = lower(concat({s_next_, a})) - exp(temperature_[log_alpha_]) * log_p;
    return r_ + 0.99 * (1 - done_) * soft;
  }

  Tensor body() override {
    const Tensor y = wanted(), x = concat({s_, a_});
    const Tensor error = mean(square(q1_(x) - y)) + mean(square(q2_(x) - y));  // ()
    update(error, critics_, 0);
    const auto [a, log_p] = act(s_);
    const Tensor alpha = stop_gradient(exp(temperature_[log_alpha_]));
    update(mean(alpha * log_p - lower(concat({s_, a}))), policy_, 1);
    const Tensor surplus = stop_gradient(log_p) - static_cast<double>(A);
    update(-mean(temperature_[log_alpha_] * surplus), temperature_, 2);
    lerp(targets_, critics_.memory_of_values(), rate_);
    return error;
  }
  void update(const Tensor& loss, const Params& params, size_t adam) {
    backward(loss, params);
    adams_[adam]->step();
  }

  static constexpr double kHalfLog2Pi = 0.9189385332046727;
  i64 B;
  Params critics_, policy_, temperature_;
  Mlp q1_, q2_, pi_;
  Slot log_alpha_;
  Word rate_;
  std::vector<std::unique_ptr<Adam>> adams_;
  Buffer targets_, s_, a_, r_, s_next_, done_;
};

}  // namespace

Buffer Workload::random(const Shape& shape) {
  Buffer out(ctx_, shape, DType::f32);
  std::mt19937 generator(0);
  ctx_.write(out, [&](void* to) {
    for (i64 i = 0; i < shape.size(); ++i)
      static_cast<float*>(to)[i] = static_cast<float>(generator() >> 8) * 0x1p-24f;
  });
  return out;
}

Buffer Workload::normal(const Shape& shape) {
  Buffer out(ctx_, shape, DType::f32);
  const NoGrad off(ctx_);
  const Scratch scratch(ctx_);
  set_values(out, to_host(lat::normal(Rng(ctx_), shape)));
  return out;
}

std::vector<std::string> workload_names() {
  return {"vae", "betavae", "vae64", "cnn", "gqn", "rssm", "sac", "overhead"};
}

std::string workload_list() {
  std::string list;
  for (const std::string& name : workload_names()) list += (list.empty() ? "" : ", ") + name;
  return list;
}

std::unique_ptr<Workload> make_workload(const std::string& name, const Context::Options& options,
                                        i64 batch) {
  const auto size = [&](i64 own) { return batch > 0 ? batch : own; };
  if (name == "vae")
    return std::make_unique<ModelWorkload>(options, "vae", models::Example{28, 28, 1, 0}, size(128),
                                           1e-3);
  if (name == "betavae")
    return std::make_unique<ModelWorkload>(options, "beta_vae", models::Example{64, 64, 1, 0},
                                           size(64), 1e-4);
  if (name == "vae64") return std::make_unique<Vae64>(options, size(128));
  if (name == "cnn") return std::make_unique<Cnn>(options, size(64));
  if (name == "gqn") return std::make_unique<Gqn>(options, size(4));
  if (name == "rssm") return std::make_unique<Rssm>(options, size(50));
  if (name == "sac") return std::make_unique<Sac>(options, size(256));
  if (name == "overhead") return std::make_unique<SmallMlp>(options, size(1));
  fail(Code::usage, "", "no step is called '", name, "'.", suggestion(name, workload_names()),
       " There are ", workload_list());
}

}  // namespace lat::tools
