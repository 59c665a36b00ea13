#include "tools/latent/presets.h"

#include <algorithm>

namespace lat::tools {

namespace {

struct Alias {
  const char* name;
  const char* preset;
};

constexpr Alias kAliases[] = {
    {"conv-vae", "vae-conv"},     {"vae_conv", "vae-conv"}, {"conv_vae", "vae-conv"},
    {"betavae", "beta_vae"},      {"beta-vae", "beta_vae"}, {"capacity-vae", "capacity_vae"},
    {"linear-vae", "linear_vae"},
};

// What scene models on rooms with one object share. While sigma is large z is not worth its nats, and r has to tell
// everything.
Keys one_object(const char* size, Keys keys) {
  const Keys shared{{"data.size", size},     {"data.objects", "1"},       {"data.radius", "1.2"},
                    {"data.contexts", "4"},  {"model.net", "pyramid"},    {"model.latent", "4"},
                    {"model.sigma", "2"},    {"model.sigma_last", "0.5"}, {"model.anneal", "1"},
                    {"train.batch", "16"},   {"train.test_batch", "32"},  {"train.lr", "0.001"},
                    {"train.lr_last", "0.1"}};
  keys.insert(keys.begin(), shared.begin(), shared.end());
  return keys;
}

// What neural processes on images share.
Keys completion(Keys keys) {
  const Keys shared{{"data.size", "14"},    {"data.contexts", "98"},  {"data.targets", "98"},
                    {"model.width", "128"}, {"train.batch", "16"},    {"train.test_batch", "64"},
                    {"train.lr", "0.001"},  {"train.lr_last", "0.05"}};
  keys.insert(keys.begin(), shared.begin(), shared.end());
  return keys;
}

// What those on curves share.
Keys curves(Keys keys) {
  const Keys shared{{"data.contexts", "10"},    {"model.width", "64"}, {"train.batch", "32"},
                    {"train.test_batch", "64"}, {"train.lr", "0.003"}, {"train.lr_last", "0.02"}};
  keys.insert(keys.begin(), shared.begin(), shared.end());
  return keys;
}

}  // namespace

const std::vector<Preset>& presets() {
  static const std::vector<Preset> kPresets{
      {"vae",
       "vae",
       "shapes",
       4000,
       "one hidden layer of 400, z of 20 (Kingma & Welling 2014)",
       {}},
      {"vae-conv",
       "vae",
       "shapes",
       2000,
       "convolutions 16-32-64, z of 10",
       {{"model.net", "conv"}, {"model.hidden", "256"}, {"model.latent", "10"}}},
      {"beta_vae",
       "beta_vae",
       "shapes",
       5000,
       "KL weighted by beta = 4, at 64 x 64 (Higgins et al. 2017)",
       {{"model.beta", "4"}, {"data.size", "64"}, {"train.batch", "64"}, {"train.lr", "0.0005"}}},
      {"capacity_vae",
       "beta_vae",
       "shapes",
       5000,
       "KL steered to a capacity that rises to 10 nats (Burgess et al. 2018)",
       {{"model.capacity", "10"},
        {"data.size", "64"},
        {"train.batch", "64"},
        {"train.lr", "0.0005"}}},
      {"linear_vae",
       "linear_vae",
       "digits",
       3000,
       "the one whose optimum is known: probabilistic PCA (Lucas et al. 2019)",
       {}},
      {"gqn-tiny", "gqn", "rooms", 20000, "a small scene model on rooms of 16 x 16 with one object",
       one_object("16", {{"model.width", "128"},
                         {"model.r", "128"},
                         {"model.layers", "4"},
                         {"model.channels", "48"},
                         {"model.canvas", "32"},
                         {"model.kernel", "3"}})},
      {"gqn-small", "gqn", "rooms", 24000, "a larger one on rooms of 32 x 32 with one object",
       one_object("32", {{"model.width", "128"},
                         {"model.r", "192"},
                         {"model.layers", "4"},
                         {"model.channels", "64"},
                         {"model.canvas", "48"},
                         {"model.kernel", "3"}})},
      {"gqn",
       "gqn",
       "rooms",
       2000000,
       "the paper's sizes: 64 x 64, 12 layers, up to 5 views; weeks of several GPUs (Eslami, "
       "Rezende et al. 2018)",
       {{"data.contexts", "5"},
        {"train.batch", "36"},
        {"train.test_batch", "36"},
        {"train.lr", "0.0005"},
        {"train.lr_last", "0.1"},
        {"model.anneal", "0.1"},
        {"model.checkpoint", "true"}}},
      {"cnp", "neural_process", "curves", 4000,
       "a conditional neural process (Garnelo et al. 2018, Conditional Neural Processes)",
       curves({})},
      {"np", "neural_process", "curves", 4000,
       "the same with a latent function, z of 16 (Garnelo et al. 2018, Neural Processes)",
       curves({{"model.latent", "16"}})},
      {"attentive-cnp", "neural_process", "curves", 4000,
       "a conditional neural process whose targets attend to the points, in 4 heads",
       curves({{"model.heads", "4"}, {"train.lr", "0.002"}, {"train.lr_last", "0.05"}})},
      {"anp", "neural_process", "curves", 4000, "attention and a latent function (Kim et al. 2019)",
       curves({{"model.heads", "4"},
               {"train.lr", "0.002"},
               {"train.lr_last", "0.05"},
               {"model.latent", "16"}})},
      {"cnp-images", "neural_process", "fashion-mnist", 4000,
       "a conditional neural process that completes images of 14 x 14 from some pixels",
       completion({})},
      {"anp-images", "neural_process", "fashion-mnist", 4000,
       "the same with attention and a latent function",
       completion({{"model.heads", "4"}, {"model.latent", "16"}, {"train.lr", "0.001"}})},
      {"demo",
       "vae",
       "shapes",
       17000,
       "what latent demo trains: a convolutional VAE, z of 10, on upright 32 x 32 shapes",
       {{"model.net", "conv"},
        {"model.hidden", "128"},
        {"model.latent", "10"},
        {"model.warmup", "0.3"},
        {"data.upright", "true"},
        {"train.batch", "16"},
        {"train.lr", "0.002"},
        {"train.lr_last", "0.05"}}},
  };
  return kPresets;
}

const Preset& find_preset(const std::string& name) {
  std::string wanted = name;
  for (const Alias& a : kAliases) {
    if (name == a.name) wanted = a.preset;
  }
  std::vector<std::string> names;
  for (const Preset& p : presets()) {
    if (wanted == p.name) return p;
    names.push_back(p.name);
  }
  fail(Code::usage, "", "no preset is called '", name, "'.", suggestion(name, names),
       "  (latent config list)");
}

}  // namespace lat::tools
