#include "models/training.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/core/ring.h"
#include "engine/data/batches.h"

namespace lat::models {

namespace {

constexpr i64 kFarthest = 1024;  // steps from look to look
constexpr i64 kRingEvery = 16;   // steps from one set of terms that is sent for to the next

Example example_of(const Images& images) {
  Example e{images.h, images.w, images.c, 0};
  for (const int32_t label : images.labels) e.classes = std::max<i64>(e.classes, label + 1);
  return e;
}

// sum over the batch of the KL of each latent: (Z)       1/2 (mu^2 + e^logvar - 1 - logvar)
Tensor kl_by_latent(const Normal& q) {
  return sum(0.5 * (square(q.mu) + exp(q.logvar) - 1 - q.logvar), {.first = 0, .last = 0});
}

// The terms' values with the parts they name.
struct Figures {
  std::vector<std::string> names;
  std::vector<Tensor> values;
  template <class F>
  void each_tensor(F&& f) {
    for (Tensor& t : values) f(t);
  }
};

Figures means(const std::vector<Term>& terms) {
  Figures out;
  for (const Term& t : terms) {
    out.names.push_back(t.name);
    out.values.push_back(t.value.rank == 0 ? t.value : mean(t.value));  // ()
  }
  return out;
}

// Batch sums over the test set.
struct Sums {
  Tensor recon, kl, kl_per_latent;
  template <class F>
  void each_tensor(F&& f) {
    f(recon), f(kl);
    if (kl_per_latent) f(kl_per_latent);
  }
};

// A Step of unknown body, held by the pieces that Training calls.
template <class R, class... A>
struct Body {
  std::function<R(A...)> f;
  R operator()(A... a) const { return f(a...); }
};

}  // namespace

struct Training::Steps {
  Steps(Context& ctx, const Feed& feed, Model& m, Adam& adam)
      : ring(ctx, kFarthest),
        learn(ctx, "learn", {[&] {
                const auto [x, label] = feed.next();
                const Figures figures = means(m.train_step({x, label}, Rng(ctx), adam));
                if (!ctx.on_cpu()) ring.push(figures.values);
                return figures;
              }}),
        evaluate(ctx, "evaluate", {[&](Tensor x, Tensor label) {
                   const NoGrad off(ctx);
                   Sums s;
                   for (const Term& t : m.loss({x, label}, Rng(ctx))) {
                     if (t.name == "recon") s.recon = sum(t.value);
                     if (t.name == "kl") s.kl = sum(t.value);
                   }
                   const Normal q = m.encode(x);
                   if (!s.kl) s.kl = sum(kl(q, StandardNormal{}));
                   s.kl_per_latent = kl_by_latent(q);
                   return s;
                 }}),
        reconstruct(ctx, "reconstruct", {[&](Tensor x) {
                      const NoGrad off(ctx);
                      return m.decode(m.encode(x).mean());
                    }}),
        encode(ctx, "encode", {[&](Tensor x) {
                 const NoGrad off(ctx);
                 return m.encode(x).mean();
               }}),
        decode(ctx, "decode", {[&](Tensor z) {
                 const NoGrad off(ctx);
                 return m.decode(z);
               }}) {}

  Ring ring;  // the terms on a device
  Step<Body<Figures>> learn;
  Step<Body<Sums, Tensor, Tensor>> evaluate;
  Step<Body<Tensor, Tensor>> reconstruct, encode, decode;
};

Training::Training(const Context::Options& context, std::unique_ptr<Model> model, DataSet data,
                   const TrainConfig& config)
    : ctx_(std::make_unique<Context>(context)),
      model_(std::move(model)),
      data_(std::move(data)),
      config_(config),
      example_(example_of(data_.train)) {
  feed_ = std::make_unique<Feed>(*ctx_, data_.train, config.batch, context.seed);
  model_->build(*ctx_, example_);
  adam_ = std::make_unique<Adam>(model_->params(), Adam::Options{.lr = config.lr});
  steps_ = std::make_unique<Steps>(*ctx_, *feed_, *model_, *adam_);
}

Training::~Training() = default;

void Training::run_step() {
  model_->schedule(done_, planned_);
  const double t =
      planned_ > 0 ? std::min(1.0, static_cast<double>(done_) / static_cast<double>(planned_)) : 0;
  adam_->lr.set(config_.lr * (1 + (config_.lr_last - 1) * t));
  steps_->learn();
  ++done_;
}

void Training::step(i64 steps) {
  planned_ = steps;
  run_step();
  if (ctx_->on_cpu() || done_ - settled_ >= stride_)
    settle();
  else if (done_ % kRingEvery == 0)
    steps_->ring.newest(done_);
}

// After a failure nothing has changed since: the steps are made again one by one, up to the one that failed.
void Training::settle() {
  if (settled_ == done_) return;
  constexpr std::chrono::milliseconds kPatience{50};
  const auto begin = std::chrono::steady_clock::now();
  bool finite = ctx_->step_was_finite();
  stride_ = std::chrono::steady_clock::now() - begin < kPatience ? std::min(2 * stride_, kFarthest)
                                                                 : std::max<i64>(stride_ / 2, 1);
  if (!finite && done_ - settled_ > 1) {
    const i64 end = std::exchange(done_, settled_);
    steps_->learn.seek(static_cast<u64>(done_));
    do run_step();
    while ((finite = ctx_->step_was_finite()) && done_ < end);
  }
  if (!finite) {
    const std::string op = steps_->learn.first_not_finite();
    const i64 failed = done_--;
    settled_ = done_;
    fail(Code::failed, "train", "step ", failed, " gave a value that is not finite",
         op.empty() ? "" : ", first in op '" + op + "'",
         ". The parameters are those of the step before. Try a smaller --set train.lr");
  }
  settled_ = done_;
}

std::vector<std::pair<std::string, double>> Training::terms() {
  settle();
  std::vector<std::pair<std::string, double>> out;
  const Figures& f = steps_->learn.last();
  for (size_t i = 0; i < f.names.size(); ++i) out.emplace_back(f.names[i], item(f.values[i]));
  return out;
}

const Training::Known& Training::recent() {
  if (settled_ < done_) {
    const Ring::Row& row = steps_->ring.newest(done_);
    if (row.call > known_.step) {
      const std::vector<std::string>& names = steps_->learn.last().names;
      known_ = {row.call, {}};
      for (size_t i = 0; i < names.size(); ++i) known_.terms.emplace_back(names[i], row.values[i]);
    }
  }
  if (known_.step == 0 || (settled_ == done_ && known_.step < done_)) {
    known_.terms = terms();
    known_.step = done_;
  }
  return known_;
}

const Program& Training::program() const { return steps_->learn.program(); }

StepMemory Training::memory() {
  if (steps_->learn.calls() == 0) steps_->learn.prepare();
  const Program& p = program();
  return {ctx_->parameter_arena().used(), ctx_->persistent_arena().used() - feed_->copied(),
          steps_->learn.recorded().work_bytes, p.work_bytes, p.workspace * ctx_->options().threads};
}

Tensor Training::test_images(i64 n, i64 first) {
  const Batches one(data_.test, 1, 0, false);
  const Tensor x = ctx_->empty({n, example_.h, example_.w, example_.c}, DType::f32);
  const i64 test = data_.test.n;
  ctx_->write(x, [&](void* images) {
    for (i64 i = 0; i < n; ++i)
      one.fill((first + i) % test, static_cast<float*>(images) + i * example_.size(), nullptr);
  });
  return x;
}

Evaluation Training::evaluate(i64 limit) {
  settle();
  Evaluation e;
  const i64 n = limit > 0 ? std::min(limit, data_.test.n) : data_.test.n;
  e.kl_per_latent.assign(static_cast<size_t>(model_->latents()), 0);
  steps_->evaluate.seek(0);  // the same noise every time
  for (i64 first = 0; first < n; first += config_.test_batch) {
    const Scratch scratch(*ctx_);
    const i64 rows = std::min(config_.test_batch, n - first);
    const Tensor x = test_images(rows, first);
    const Tensor labels = ctx_->empty({rows}, DType::i32);
    if (!data_.test.labels.empty()) ctx_->write(labels, data_.test.labels.data() + first);
    const Sums& s = steps_->evaluate(x, labels);
    e.recon += item(s.recon);
    e.kl += item(s.kl);
    const std::vector<double> by_latent = to_host(s.kl_per_latent);
    for (size_t z = 0; z < by_latent.size(); ++z) e.kl_per_latent[z] += by_latent[z];
  }
  const double count = static_cast<double>(n);
  e.recon /= count, e.kl /= count;
  for (double& v : e.kl_per_latent) {
    v /= count;
    e.active += v > kActive ? 1 : 0;
  }
  e.elbo = -(e.recon + e.kl);
  e.examples = n;
  return e;
}

std::vector<float> Training::images_of(const Tensor& t) const {
  std::vector<float> out;
  for (const double v : to_host(t)) out.push_back(static_cast<float>(v));
  return out;
}

std::vector<float> Training::originals(i64 n, i64 first) {
  const Scratch scratch(*ctx_);
  return images_of(test_images(n, first));
}

std::vector<float> Training::reconstructions(i64 n, i64 first) {
  const Scratch scratch(*ctx_);
  return images_of(steps_->reconstruct(test_images(n, first)));
}

std::vector<float> Training::samples(i64 n, u64 seed) {
  const Scratch scratch(*ctx_);
  const NoGrad off(*ctx_);
  Step draw(*ctx_, "sample", [&] { return model_->sample(n, Rng(*ctx_)); });
  draw.seek(seed);
  return images_of(draw());
}

std::vector<float> Training::traversal(i64 example, i64 dim, double from, double to, i64 n) {
  LAT_CHECK(dim >= 0 && dim < model_->latents(), Code::usage, "traverse", "latent ", dim,
            " of a model with ", model_->latents(), "; expected 0 .. ", model_->latents() - 1);
  const Scratch scratch(*ctx_);
  const std::vector<double> code = to_host(steps_->encode(test_images(1, example)));
  std::vector<double> codes;
  for (i64 i = 0; i < n; ++i) {
    codes.insert(codes.end(), code.begin(), code.end());
    const double t = n > 1 ? static_cast<double>(i) / static_cast<double>(n - 1) : 0.5;
    codes[codes.size() - code.size() + static_cast<size_t>(dim)] = from + (to - from) * t;
  }
  return images_of(steps_->decode(from_host(*ctx_, {n, model_->latents()}, codes)));
}

void Training::save(const std::string& folder, const Metadata& metadata) {
  settle();
  save_checkpoint(folder, done_, model_->params(), *adam_, metadata);
}

void Training::load(const std::string& folder) {
  load_params(latest_checkpoint(folder), model_->params());
}

void Training::resume(const std::string& folder) {
  const std::string checkpoint = latest_checkpoint(folder);
  load_params(checkpoint, model_->params());
  load_optimiser(checkpoint, model_->params(), *adam_);
  const Metadata meta = checkpoint_metadata(checkpoint);
  const auto step = meta.find("step");
  LAT_CHECK(step != meta.end(), Code::input, checkpoint, "does not say at which step it stands");
  done_ = parse_whole(checkpoint, step->second, 0, 1e15);
  settled_ = done_;
  steps_->learn.seek(static_cast<u64>(done_));
}

}  // namespace lat::models
