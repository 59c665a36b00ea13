#include "tools/latent/shown.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "models/metrics/scene_report.h"
#include "tools/latent/run.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

// Pictures of about this many pixels a side on a sheet.
constexpr i64 kTile = 64;

TileOptions tiles(const models::Example& e, i64 columns) {
  return {.columns = columns, .gap = 2, .zoom = std::max<i64>(1, kTile / std::max(e.h, e.w))};
}

Picture sheet(const models::ImageTraining& t, const std::vector<float>& images, i64 columns) {
  const models::Example& e = t.example();
  const i64 n = static_cast<i64>(images.size()) / e.size();
  return tile({images.data(), n, e.h, e.w, e.c}, tiles(e, columns));
}

Picture sample_sheet(models::ImageTraining& t, i64 n, u64 seed) {
  const i64 columns =
      std::clamp<i64>(static_cast<i64>(std::ceil(std::sqrt(static_cast<double>(n)))), 1, 16);
  return stack({{"samples: z from the prior", sheet(t, t.samples(n, seed), columns)}});
}

class ShownImages : public Shown {
 public:
  ShownImages(models::ImageTraining& t, bool bernoulli) : t_(t), bernoulli_(bernoulli) {}

  std::string model() const override {
    const models::Example& e = t_.example();
    return cat(e.h, "x", e.w, "x", e.c, "  z ", t_.model().latents());
  }
  std::string data() const override {
    return cat(grouped(t_.data().train.n), " train / ", grouped(t_.data().test.n), " held out");
  }
  const char* unit() const override { return "img"; }
  void describe_data(const RunFolder& folder) const override { folder.describe_data(t_.data()); }
  // An untrained decoder knows nothing: each of D pixels costs ln 2.
  std::optional<double> untrained_recon() const override {
    if (!bernoulli_) return {};
    return static_cast<double>(t_.example().size()) * std::numbers::ln2;
  }
  void draw(const RunFolder& folder, const models::Evaluation& e) override {
    if (t_.model().latents() == 0) return;
    write_png(folder / "images/recon.png", reconstruction_sheet(t_, 8));
    write_png(folder / "images/samples.png", samples(64, 0));
    write_png(folder / "images/traverse.png", traverse_sheet(t_, {.dims = top_latents(e, 8)}));
  }
  Picture samples(i64 n, u64 seed) override { return sample_sheet(t_, n, seed); }

 private:
  models::ImageTraining& t_;
  bool bernoulli_;
};

// A grid: a row of images for each number of context views.
class ShownScenes : public Shown {
 public:
  explicit ShownScenes(models::SceneTraining& t) : t_(t) {}

  std::string model() const override {
    const models::SceneExample& e = t_.example();
    return cat(e.size, "x", e.size, "x3  up to ", e.contexts, " views");
  }
  std::string data() const override { return "drawn anew at every step"; }
  const char* unit() const override { return "scenes"; }
  void describe_data(const RunFolder& folder) const override { folder.describe_scenes(t_.world()); }
  void draw(const RunFolder& folder, const models::Evaluation&) override {
    write_png(folder / "images/views.png", samples(4, 0));
  }
  std::vector<std::pair<std::string, double>> report(
      const std::function<void(double)>& progress) override {
    return models::report(t_, {}, progress).named();
  }

  // For each scene: the view asked for and the given ones; then, given 0, 1, 2, 4 ... of them, mean prediction, samples,
  // and the spread of the predictions.
  Picture samples(i64 n, u64 seed) override {
    const models::SceneExample& e = t_.example();
    const i64 S = e.size, N = e.contexts;
    const size_t size = static_cast<size_t>(3 * S * S);
    constexpr i64 kDraws = 16, kDrawn = 3;
    const i64 columns = std::max(N + 1, kDrawn + 2);
    std::vector<Panel> panels;
    for (i64 scene = 0; scene < n; ++scene) {
      const models::SceneTraining::Seen all = t_.views(scene, N + 1);
      std::array<float, 7> pose;
      std::copy(all.poses.begin() + 7 * N, all.poses.end(), pose.begin());
      const auto view = [&](i64 k) { return all.images.begin() + k * static_cast<i64>(size); };
      std::vector<float> top(view(N), view(N + 1));
      top.insert(top.end(), view(0), view(N));
      panels.push_back(
          {scene == 0 ? "the view asked for; the views given" : "", grid(top, columns)});
      for (i64 known = 0; known <= N; known = known == 0 ? 1 : 2 * known) {
        const std::vector<float> x =
            t_.predictions(t_.representation(t_.views(scene, known)), pose, kDraws, seed);
        std::vector<float> row(2 * size);
        for (size_t i = 0; i < size; ++i) {
          double sum = 0, squares = 0;
          for (i64 k = 0; k < kDraws; ++k) {
            const double v = x[static_cast<size_t>(k) * size + i];
            sum += v, squares += v * v;
          }
          const double mean = sum / kDraws;
          row[i] = static_cast<float>(mean);
          row[size + i] =
              static_cast<float>(4 * std::sqrt(std::max(0.0, squares / kDraws - mean * mean)));
        }
        row.insert(row.end(), x.begin(), x.begin() + static_cast<i64>(kDrawn * size));
        panels.push_back(
            {scene == 0 ? cat("given ", known, ": mean, spread x 4, ", kDrawn, " draws") : "",
             grid(row, columns)});
      }
    }
    return stack(panels);
  }

 private:
  Picture grid(std::vector<float> images, i64 columns) const {
    const i64 S = t_.example().size, n = static_cast<i64>(images.size()) / (3 * S * S);
    for (float& x : images) x = std::clamp(x, 0.0f, 1.0f);
    return tile({images.data(), n, S, S, 3},
                {.columns = columns, .gap = 2, .zoom = std::max<i64>(1, kTile / S)});
  }

  models::SceneTraining& t_;
};

}  // namespace

std::unique_ptr<Shown> shown(models::Training& t, const std::string& preset) {
  if (auto* const scenes = dynamic_cast<models::SceneTraining*>(&t))
    return std::make_unique<ShownScenes>(*scenes);
  return std::make_unique<ShownImages>(dynamic_cast<models::ImageTraining&>(t),
                                       preset != "linear_vae");
}

models::ImageTraining& images(models::Training& training, const std::string& command) {
  auto* const t = dynamic_cast<models::ImageTraining*>(&training);
  LAT_CHECK(t, Code::usage, command, "this run's model does not code images one by one");
  return *t;
}

Picture reconstruction_sheet(models::ImageTraining& t, i64 n) {
  const i64 columns = std::min<i64>(n, 8);
  std::vector<Panel> panels;
  for (i64 first = 0; first < n; first += columns) {
    const i64 count = std::min(columns, n - first);
    panels.push_back({first == 0 ? "held-out images, and below each its reconstruction" : "",
                      sheet(t, t.originals(count, first), columns)});
    panels.push_back({"", sheet(t, t.reconstructions(count, first), columns)});
  }
  return stack(panels);
}

Picture traverse_sheet(models::ImageTraining& t, const Sweep& sweep) {
  std::vector<Panel> panels;
  for (const i64 z : sweep.dims)
    panels.push_back(
        {cat("z", z, " from ", sweep.from, " to ", sweep.to),
         sheet(t, t.traversal(sweep.example, z, sweep.from, sweep.to, sweep.steps), sweep.steps)});
  return stack(panels);
}

}  // namespace lat::tools
