#include "tools/latent/workloads.h"

#include <random>

namespace lat::tools {

namespace {

// A model of the catalogue.
class ModelWorkload : public Workload {
 public:
  ModelWorkload(const Context::Options& o, const std::string& name, const models::Example& example,
                i64 batch, double lr)
      : Workload(o, name), model_(models::find_model(name).make()) {
    model_->build(ctx_, example);
    adam_ = std::make_unique<Adam>(model_->params(), Adam::Options{.lr = lr});
    x_ = random({batch, example.h, example.w, example.c});
  }

 private:
  Tensor body() override {
    return models::total(model_->train_step({x_, {}}, Rng(ctx_), *adam_));  // ()
  }
  std::unique_ptr<models::Model> model_;
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
    for (i64 b = 0; b < batch; ++b)
      static_cast<int32_t*>(y_.tensor().data)[b] = static_cast<int32_t>(b * 7 % kClasses);
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

}  // namespace

Buffer Workload::random(const Shape& shape) {
  Buffer out(ctx_, shape, DType::f32);
  std::mt19937 generator(0);
  float* const to = static_cast<float*>(out.tensor().data);
  for (i64 i = 0; i < shape.size(); ++i) to[i] = static_cast<float>(generator() >> 8) * 0x1p-24f;
  return out;
}

std::vector<std::string> workload_names() { return {"vae", "betavae", "cnn", "overhead"}; }

std::unique_ptr<Workload> make_workload(const std::string& name, int threads, i64 batch) {
  const Context::Options options{.threads = threads};
  const auto size = [&](i64 own) { return batch > 0 ? batch : own; };
  if (name == "vae")
    return std::make_unique<ModelWorkload>(options, "vae", models::Example{28, 28, 1, 0}, size(128),
                                           1e-3);
  if (name == "betavae")
    return std::make_unique<ModelWorkload>(options, "beta_vae", models::Example{64, 64, 1, 0},
                                           size(64), 1e-4);
  if (name == "cnn") return std::make_unique<Cnn>(options, size(64));
  if (name == "overhead") return std::make_unique<SmallMlp>(options, size(1));
  fail(Code::usage, "", "no step is called '", name, "'.", suggestion(name, workload_names()),
       " There are vae, betavae, cnn, overhead");
}

}  // namespace lat::tools
