// The first twenty losses of every model, bit for bit: a change of any of them is a change of numerics, and is meant.
// LATENT_WRITE_GOLDEN=1 writes the files anew. What the numbers should be is checked by the other tests.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "models/curve_training.h"
#include "models/image_training.h"
#include "models/scene_training.h"

using namespace lat;

namespace {

std::unique_ptr<models::Training> training(const std::string& name,
                                           const Context::Options& options) {
  std::unique_ptr<models::Model> model = models::find_model(name).make();
  if (auto scenes = models::cast<models::SceneModel>(model)) {
    for (const char* const key : {"width", "r", "channels", "canvas"})
      scenes->set(std::string("model.") + key, "8");
    scenes->set("model.layers", "2");
    return std::make_unique<models::SceneTraining>(
        options, std::move(scenes), rooms::Scenes{},
        models::SceneExample{.size = 16, .contexts = 2},
        models::TrainConfig{.batch = 4, .test_batch = 4});
  }
  if (auto curves = models::cast<models::CurveModel>(model)) {
    for (const char* const key : {"latent", "heads"}) curves->set(std::string("model.") + key, "4");
    curves->set("model.width", "32");
    return std::make_unique<models::CurveTraining>(
        options, std::move(curves), curves::Curves{}, models::CurveExample{},
        models::TrainConfig{.batch = 4, .test_batch = 4});
  }
  const bool shapes = name == "beta_vae";
  DataOptions d;
  d.size = shapes ? 16 : 0;
  return std::make_unique<models::ImageTraining>(options, models::cast<models::ImageModel>(model),
                                                 load_data(shapes ? "shapes" : "digits", d),
                                                 models::TrainConfig{.batch = 32});
}

std::string first_losses(const models::Entry& entry, Context::Options options) {
  options.seed = 1;
  const std::unique_ptr<models::Training> t = training(entry.name, options);
  std::ostringstream out;
  for (int step = 0; step < 20; ++step) {
    t->step(20);
    out << step;
    for (const auto& [name, nats] : t->terms()) out << "," << name << "," << std::hexfloat << nats;
    out << "\n";
  }
  return out.str();
}

}  // namespace

TEST_CASE("the first twenty losses of every model are the recorded bits") {
  const char* source = std::getenv("LATENT_SOURCE");
  REQUIRE_MESSAGE(source, "LATENT_SOURCE names the repository; ctest sets it");
  for (const models::Entry& entry : models::catalogue()) {
    const std::string path = std::string(source) + "/tests/golden/" + entry.name + ".csv";
    const std::string now = first_losses(entry, {});
    if (std::getenv("LATENT_WRITE_GOLDEN")) std::ofstream(path) << now;
    std::ifstream file(path);
    std::stringstream then;
    then << file.rdbuf();
    CAPTURE(path);
    CHECK(now == then.str());
    CHECK(first_losses(entry, {.eager = true}) == now);
    CHECK(first_losses(entry, {.threads = 3}) == now);
  }
}
