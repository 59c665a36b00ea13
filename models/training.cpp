#include "models/training.h"

#include <algorithm>
#include <chrono>

#include "engine/core/ring.h"

namespace lat::models {

namespace {

constexpr i64 kFarthest = 1024;  // steps from look to look
constexpr i64 kRingEvery = 16;   // steps from one set of terms that is sent for to the next

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

}  // namespace

struct Training::Learn {
  Learn(Context& ctx, std::function<std::vector<Term>()> train)
      : ring(ctx, kFarthest), step(ctx, "learn", {[&ctx, train = std::move(train), this] {
                                     const Figures figures = means(train());
                                     if (!ctx.on_cpu()) ring.push(figures.values);
                                     return figures;
                                   }}) {}

  Ring ring;  // the terms on a device
  Step<Body<Figures>> step;
};

Training::Training(const Context::Options& context, std::unique_ptr<Model> model,
                   const TrainConfig& config)
    : ctx_(std::make_unique<Context>(context)), model_(std::move(model)), config_(config) {}

Training::~Training() = default;

void Training::ready() {
  adam_ = std::make_unique<Adam>(model_->params(), Adam::Options{.lr = config_.lr});
  learn_ = std::make_unique<Learn>(*ctx_, [this] { return learn(*adam_); });
}

void Training::feed(i64) {}

void Training::run_step() {
  model_->schedule(done_, planned_);
  const double t =
      planned_ > 0 ? std::min(1.0, static_cast<double>(done_) / static_cast<double>(planned_)) : 0;
  adam_->lr.set(config_.lr * (1 + (config_.lr_last - 1) * t));
  feed(done_);
  learn_->step();
  ++done_;
}

void Training::step(i64 steps) {
  planned_ = steps;
  run_step();
  if (ctx_->on_cpu() || done_ - settled_ >= stride_)
    settle();
  else if (done_ % kRingEvery == 0)
    learn_->ring.newest(done_);
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
    learn_->step.seek(static_cast<u64>(done_));
    do run_step();
    while ((finite = ctx_->step_was_finite()) && done_ < end);
  }
  if (!finite) {
    const std::string op = learn_->step.first_not_finite();
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
  const Figures& f = learn_->step.last();
  for (size_t i = 0; i < f.names.size(); ++i) out.emplace_back(f.names[i], item(f.values[i]));
  return out;
}

const Training::Known& Training::recent() {
  if (settled_ < done_) {
    const Ring::Row& row = learn_->ring.newest(done_);
    if (row.call > known_.step) {
      const std::vector<std::string>& names = learn_->step.last().names;
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

const Program& Training::program() const { return learn_->step.program(); }

StepMemory Training::memory() {
  if (learn_->step.calls() == 0) learn_->step.prepare();
  const Program& p = program();
  return {ctx_->parameter_arena().used(), ctx_->persistent_arena().used() - data_bytes(),
          learn_->step.recorded().work_bytes, p.work_bytes, p.workspace * ctx_->options().threads};
}

void Training::save(const std::string& folder, const Metadata& metadata) {
  settle();
  save_checkpoint(folder, done_, model_->params(), *adam_, metadata);
}

void Training::load(const std::string& folder) {
  load_params(latest_checkpoint(folder), model_->params());
  model_->schedule(1, 1);
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
  learn_->step.seek(static_cast<u64>(done_));
}

}  // namespace lat::models
