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

// What the neural processes share.
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
      {"gqn-tiny",
       "gqn",
       "rooms",
       12000,
       "a small scene model on rooms of 16 x 16 with one object",
       {{"data.size", "16"},
        {"data.objects", "1"},
        {"data.radius", "1.2"},
        {"data.contexts", "4"},
        {"model.width", "64"},
        {"model.r", "64"},
        {"model.layers", "4"},
        {"model.channels", "48"},
        {"model.canvas", "32"},
        {"model.kernel", "3"},
        {"model.latent", "4"},
        {"model.sigma", "0.5"},
        {"model.sigma_last", "0.1"},
        {"train.batch", "16"},
        {"train.test_batch", "32"},
        {"train.lr", "0.001"},
        {"train.lr_last", "0.1"}}},
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
