// The first twenty losses of every model, bit for bit: a change of any of them is a change of numerics, and is meant.
// LATENT_WRITE_GOLDEN=1 writes the files anew. What the numbers should be is checked by the other tests.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "models/training.h"

using namespace lat;

namespace {

std::string first_losses(const models::Entry& entry, Context::Options options) {
  DataOptions d;
  const bool shapes = std::string(entry.name) == "beta_vae";
  d.size = shapes ? 16 : 0;
  options.seed = 1;
  models::Training t(options, entry.make(), load_data(shapes ? "shapes" : "digits", d),
                     {.batch = 32});
  std::ostringstream out;
  for (int step = 0; step < 20; ++step) {
    t.step(20);
    out << step;
    for (const auto& [name, nats] : t.terms()) out << "," << name << "," << std::hexfloat << nats;
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
