#pragma once
// The contract of a model: an objective of named terms, samples, latents, parameters. One file and one catalogue line
// make a model; each file holds config, architecture, objective, sampling, in that order.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/data/images.h"
#include "engine/lat.h"
#include "engine/train/fields.h"

namespace lat::models {

// What one example is. Images are NHWC; x is (B,H,W,C) in [0,1].
struct Example {
  i64 h = 1, w = 1, c = 1;
  i64 classes = 0;
  i64 size() const { return h * w * c; }
};

struct Batch {
  Tensor x;      // (B,H,W,C)
  Tensor label;  // (B) i32, or empty
};

// A named part of a loss: (B) nats per example or () nats, and its visible weight, empty for 1.
struct Term {
  std::string name;
  Tensor value;
  Tensor weight;
};

// sum over terms of weight * mean over the batch: ()
Tensor total(const std::vector<Term>& terms);

// What every model has: parameters, a config, schedules.
class Model {
 public:
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  Params& params() { return params_; }
  const Params& params() const { return params_; }

  // Sets the words of schedules for step number `step` (0 is the first) of `steps`.
  virtual void schedule(i64 step, i64 steps);
  // Size of z; 0 where a model has no vector of latents.
  virtual i64 latents() const { return 0; }

  // Every config key with its value, and setting one by text before the model is built.
  virtual std::vector<Field> fields() = 0;
  virtual bool set(const std::string& key, const std::string& text) = 0;

 protected:
  Model() = default;
  Params params_;
};

// A model that learns from batches of this type.
template <class B>
class ModelOf : public Model {
 public:
  // What is minimised, term by term.
  virtual std::vector<Term> loss(const B& batch, Rng rng) = 0;
  // The step at which training stands, from the model's own objective: backward, then the optimiser. GANs, codebooks
  // and meta-learners write their own. Returns the loss's terms.
  virtual std::vector<Term> train_step(const B& batch, Rng rng, Adam& adam) {
    std::vector<Term> terms = loss(batch, rng);
    backward(total(terms), params_);
    adam.step();
    return terms;
  }
};

class ImageModel : public ModelOf<Batch> {
 public:
  // Declares the layers for these examples and draws their values.
  virtual void build(Context& ctx, const Example& example) = 0;
  // Means of p(x|z), z from the prior: (n,H,W,C).
  virtual Tensor sample(i64 n, Rng rng) = 0;
  // Models with latents: q(z|x) and the mean of p(x|z). z (B,Z).
  virtual Normal encode(const Tensor& x);
  virtual Tensor decode(const Tensor& z);
};

// A model whose config is a member `config` of the derived class.
template <class Config, class Base = ImageModel>
class Configured : public Base {
 public:
  std::vector<Field> fields() override { return list_fields(config, "model"); }
  bool set(const std::string& key, const std::string& text) override {
    return set_field(config, "model", key, text);
  }
  Config config;
};

// A line of the catalogue.
struct Entry {
  const char* name;    // of the model and its plain preset
  const char* source;  // paper and equation
  const char* data;    // the data it is trained on by default
  std::unique_ptr<Model> (*make)();
};

// All models; the nearest name is suggested when one is unknown.
const std::vector<Entry>& catalogue();
const Entry& find_model(const std::string& name);

// The same model as one of kind M; null when it is another, which then stays where it is.
template <class M>
std::unique_ptr<M> cast(std::unique_ptr<Model>& model) {
  M* const m = dynamic_cast<M*>(model.get());
  if (m) model.release();
  return std::unique_ptr<M>(m);
}

// The model called `name`, of kind M.
template <class M>
std::unique_ptr<M> make_model(const std::string& name) {
  std::unique_ptr<Model> model = find_model(name).make();
  std::unique_ptr<M> m = cast<M>(model);
  LAT_CHECK(m, Code::usage, "model", "'", name, "' does not learn from this kind of data");
  return m;
}

}  // namespace lat::models
