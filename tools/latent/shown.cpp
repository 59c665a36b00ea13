#include "tools/latent/shown.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "models/metrics/scene_report.h"
#include "tools/latent/chart.h"
#include "tools/latent/run.h"
#include "tools/latent/scene_view.h"
#include "tools/latent/terminal.h"

namespace lat::tools {

namespace {

constexpr i64 kTile = 64;  // pixels a side, about, of an image on a sheet

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
  i64 usual() const override { return 64; }

 private:
  models::ImageTraining& t_;
  bool bernoulli_;
};

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

  Picture samples(i64 n, u64 seed) override { return scene_sheet(t_, {.scenes = n, .seed = seed}); }
  i64 usual() const override { return 4; }

 private:
  models::SceneTraining& t_;
};

// A row for each curve: the model's prediction, and what the process that drew it would predict.
class ShownCurves : public Shown {
 public:
  explicit ShownCurves(models::CurveTraining& t) : t_(t) {}

  std::string model() const override {
    const models::CurveExample& e = t_.example();
    return cat(e.least, " to ", e.contexts, " points given, ", e.targets, " asked for");
  }
  std::string data() const override { return "drawn anew at every step"; }
  const char* unit() const override { return "curves"; }
  void describe_data(const RunFolder& folder) const override { folder.describe_curves(t_.world()); }
  void draw(const RunFolder& folder, const models::Evaluation&) override {
    write_png(folder / "images/curves.png", samples(usual(), 0));
  }
  i64 usual() const override { return 6; }

  Picture samples(i64 n, u64 seed) override {
    const models::CurveExample& e = t_.example();
    constexpr Rgb8 kModel = {25, 118, 210}, kProcess = {46, 125, 50};
    std::vector<float> at;
    constexpr int kPlaces = 161;
    for (int i = 0; i < kPlaces; ++i)
      at.push_back(static_cast<float>(t_.world().from +
                                      i * (t_.world().to - t_.world().from) / (kPlaces - 1)));
    const i64 draws = t_.draws() ? kDraws : 1;
    std::vector<Panel> panels;
    for (i64 curve = 0; curve < n; ++curve) {
      const i64 few = std::min<i64>(5, e.contexts);
      const i64 given = std::array{e.least, few, e.contexts}[static_cast<size_t>(curve % 3)];
      const models::CurveTraining::Seen seen = t_.points(curve, given);
      const models::CurveTraining::Seen many = t_.points(curve, kEnough);
      const curves::Process& process = t_.world().process;
      const std::vector<double> truth = curves::posterior(process, many.x, many.y, at).mean;
      const std::vector<curves::Marginals> drawn = t_.predictions(seen, at, draws, seed);
      double most = 2.5;
      for (const double y : truth) most = std::max(most, std::fabs(y) + 0.3);
      Chart left = band(at, models::mixture(drawn), kModel, most);
      if (draws > 1)
        for (size_t k = 0; k < kShown; ++k) left.line(at, drawn[k].mean, kModel, 1, 0.7);
      Chart right = band(at, curves::posterior(process, seen.x, seen.y, at), kProcess, most);
      for (Chart* const chart : {&left, &right}) {
        chart->line(at, truth, {216, 27, 96}, 1.5);
        for (size_t i = 0; i < seen.x.size(); ++i)
          chart->dot(seen.x[i], seen.y[i], {20, 20, 20}, 3.5);
      }
      panels.push_back({curve == 0 ? cat("given ", given,
                                         " points (black) of a curve (red): mean "
                                         "+- 2 sigma. Left: the model",
                                         draws > 1 ? cat(", ", kShown, " draws of z") : "",
                                         ". Right: the Gaussian process that drew it")
                                   : cat("given ", given),
                        beside({left.picture(), right.picture()}, 8)});
    }
    return stack(panels);
  }

 private:
  static constexpr i64 kDraws = 64, kEnough = 60;  // points that leave no doubt about a curve
  static constexpr size_t kShown = 8;

  // y from -most to most
  Chart band(const std::vector<float>& at, const curves::Marginals& m, const Rgb8& colour,
             double most) const {
    Chart chart(400, 200, t_.world().from, t_.world().to, -most, most);
    std::vector<double> low, high;
    for (size_t i = 0; i < at.size(); ++i) {
      const double sigma = std::sqrt(std::max(0.0, m.variance[i]));
      low.push_back(m.mean[i] - 2 * sigma), high.push_back(m.mean[i] + 2 * sigma);
    }
    chart.band(at, low, high, colour, 0.22);
    chart.line(at, m.mean, colour, 2);
    return chart;
  }

  models::CurveTraining& t_;
};

// A row for each image: for some numbers of given pixels these, the mean prediction, its spread, draws; then the truth.
class ShownCompletions : public Shown {
 public:
  explicit ShownCompletions(models::CompletionTraining& t) : t_(t) {}

  std::string model() const override {
    const models::CurveExample& e = t_.example();
    return cat(t_.height(), "x", t_.width(), "  ", e.least, " to ", e.contexts, " pixels given, ",
               e.targets, " asked for");
  }
  std::string data() const override {
    return cat(grouped(t_.data().train.n), " train / ", grouped(t_.data().test.n), " held out");
  }
  const char* unit() const override { return "img"; }
  void describe_data(const RunFolder& folder) const override { folder.describe_data(t_.data()); }
  void draw(const RunFolder& folder, const models::Evaluation&) override {
    write_png(folder / "images/completions.png", samples(usual(), 0));
  }
  i64 usual() const override { return 8; }

  Picture samples(i64 n, u64 seed) override {
    const i64 H = t_.height(), W = t_.width(), draws = t_.draws() ? kDraws : 1;
    const std::vector<float> places = t_.places();
    std::vector<Panel> panels;
    for (const i64 given : {i64{10}, i64{50}, t_.example().contexts}) {
      if (given > t_.example().contexts) continue;
      const i64 shown = draws > 1 ? kShown : 0;
      // One image below the other: rows of what is given, mean, spread, draws and truth.
      std::vector<std::vector<float>> rows(static_cast<size_t>(4 + shown));
      for (i64 k = 0; k < n; ++k) {
        const models::PointsTraining::Seen seen = t_.points(k, given);
        std::vector<float> known(static_cast<size_t>(3 * H * W));
        for (size_t i = 0; i < known.size(); i += 3) known[i + 2] = 0.5f;  // blue: not given
        for (size_t i = 0; i < seen.y.size(); ++i) {
          const auto at = [&](size_t axis, i64 size) {
            return static_cast<i64>((seen.x[2 * i + axis] + 1) / 2 * static_cast<float>(size));
          };
          std::fill_n(known.begin() + 3 * (at(0, H) * W + at(1, W)), 3, seen.y[i]);
        }
        const auto drawn = t_.predictions(seen, places, draws, seed);
        const curves::Marginals all = models::mixture(drawn);
        std::vector<double> sigma;
        for (const double v : all.variance) sigma.push_back(2 * std::sqrt(std::max(0.0, v)));
        append(rows[0], known);
        append(rows[1], grey(all.mean));
        append(rows[2], grey(sigma));
        for (i64 d = 0; d < shown; ++d)
          append(rows[static_cast<size_t>(3 + d)], grey(drawn[static_cast<size_t>(d)].mean));
        const std::vector<float> truth = t_.image(k);
        append(rows.back(), grey({truth.begin(), truth.end()}));
      }
      std::vector<float> sheet;
      for (const std::vector<float>& row : rows) append(sheet, row);
      const i64 zoom = std::max<i64>(1, kTile / std::max(H, W));
      panels.push_back({cat(given, " pixels given (blue: not given); mean; 2 sigma;",
                            shown > 0 ? cat(" means of ", shown, " draws of z;") : "", " truth"),
                        tile({sheet.data(), static_cast<i64>(rows.size()) * n, H, W, 3},
                             {.columns = n, .gap = 2, .zoom = zoom})});
    }
    return stack(panels);
  }

 private:
  static constexpr i64 kDraws = 16, kShown = 2;

  static void append(std::vector<float>& to, const std::vector<float>& more) {
    to.insert(to.end(), more.begin(), more.end());
  }
  // (n) -> (n,3), clamped to [0,1]
  static std::vector<float> grey(const std::vector<double>& values) {
    std::vector<float> out;
    for (const double v : values)
      out.insert(out.end(), 3, static_cast<float>(std::clamp(v, 0.0, 1.0)));
    return out;
  }

  models::CompletionTraining& t_;
};

}  // namespace

std::unique_ptr<Shown> shown(models::Training& t, const std::string& preset) {
  if (auto* const scenes = dynamic_cast<models::SceneTraining*>(&t))
    return std::make_unique<ShownScenes>(*scenes);
  if (auto* const curves = dynamic_cast<models::CurveTraining*>(&t))
    return std::make_unique<ShownCurves>(*curves);
  if (auto* const images = dynamic_cast<models::CompletionTraining*>(&t))
    return std::make_unique<ShownCompletions>(*images);
  return std::make_unique<ShownImages>(dynamic_cast<models::ImageTraining&>(t),
                                       preset != "linear_vae");
}

models::ImageTraining& images(models::Training& training, const std::string& command) {
  auto* const t = dynamic_cast<models::ImageTraining*>(&training);
  LAT_CHECK(t, Code::usage, command, "this run's model does not code images one by one");
  return *t;
}

namespace {

// The numbers of given views that a plan names.
std::vector<i64> views_of(const models::SceneTraining& t, const ScenePlan& plan) {
  const i64 most = t.example().contexts;
  std::vector<i64> views = plan.views;
  for (const i64 n : views)
    LAT_CHECK(n <= most, Code::usage, "--views", n, " views are too many: this model takes 0 to ",
              most);
  if (!views.empty()) return views;
  for (i64 n = 0; n < most; n = n == 0 ? 1 : 2 * n) views.push_back(n);
  views.push_back(most);
  return views;
}

// Images of a scene, (n,H,W,3), in rows.
Picture scene_images(const models::SceneTraining& t, const std::vector<float>& images,
                     i64 columns) {
  const i64 S = t.example().size, n = static_cast<i64>(images.size()) / (3 * S * S);
  return tile({images.data(), n, S, S, 3},
              {.columns = columns, .gap = 2, .zoom = std::max<i64>(1, kTile / S)});
}

void append(std::vector<float>& to, const std::vector<float>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

Picture scene_sheet(models::SceneTraining& t, const ScenePlan& plan) {
  constexpr i64 kDrawn = 3;
  const i64 N = t.example().contexts;
  const i64 columns = std::max(N + 1, kDrawn + 2);
  const std::vector<i64> views = views_of(t, plan);
  const rooms::Scenes test = test_scenes(t);
  std::vector<Panel> panels;
  for (i64 k = plan.first; k < plan.first + plan.scenes; ++k) {
    const rooms::Scene scene = test.scene(k);
    const rooms::Camera asked = test.camera(scene, k, N);
    const std::vector<float> truth = t.views(scene, {asked}).images;
    std::vector<float> row = truth;
    append(row, t.views(k, N).images);
    panels.push_back({cat("scene ", k, ": the view asked for; the views given, 1 to ", N),
                      scene_images(t, row, columns)});
    for (const i64 n : views) {
      const Guess g = guess(t, t.representation(t.views(k, n)), asked, kDraws, plan.seed);
      row = g.mean;
      append(row, heat(g.spread));
      row.insert(row.end(), g.draws.begin(),
                 g.draws.begin() + kDrawn * static_cast<i64>(g.mean.size()));
      const double error = rmse(g.mean.data(), truth.data(), static_cast<i64>(truth.size()));
      panels.push_back(
          {cat(n == 0 ? "given none" : cat("given ", n), ": mean, RMSE ", fixed(error, 3),
               "; spread ", fixed(g.unsure, 3), "; ", kDrawn, " draws"),
           scene_images(t, row, columns)});
    }
  }
  panels.push_back({cat("spread: black 0, red, yellow, white ", kMostSpread, " and above"), {}});
  return stack(panels);
}

Picture orbit_sheet(models::SceneTraining& t, const ScenePlan& plan, i64 cameras) {
  constexpr i64 kAcross = 12, kMap = 120;
  const std::vector<i64> views = views_of(t, plan);
  const i64 k = plan.first, most = *std::max_element(views.begin(), views.end());
  const rooms::Scenes test = test_scenes(t);
  const rooms::Scene scene = test.scene(k);
  const auto given = [&](i64 n) {
    std::vector<rooms::Camera> out;
    for (i64 v = 0; v < n; ++v) out.push_back(test.camera(scene, k, v));
    return out;
  };
  const std::vector<rooms::Camera> ring = orbit(test.world, cameras);
  const auto known = t.representation(t.views(scene, given(most)));
  std::vector<Panel> panels;
  for (i64 first = 0; first < cameras; first += kAcross) {
    std::vector<float> truth, mean, spread;
    for (i64 c = first; c < std::min(cameras, first + kAcross); ++c) {
      const rooms::Camera& camera = ring[static_cast<size_t>(c)];
      const Guess g = guess(t, known, camera, kDraws, plan.seed);
      append(truth, t.views(scene, {camera}).images);
      append(mean, g.mean);
      append(spread, heat(g.spread));
    }
    append(truth, mean);
    append(truth, spread);
    panels.push_back({first > 0 ? ""
                                : cat("scene ", k, " all around: true; predicted given ", most,
                                      " views; spread"),
                      scene_images(t, truth, std::min(cameras - first, kAcross))});
  }
  std::vector<Picture> maps;
  for (const i64 n : views) {
    const SpreadMap map(t, k, t.representation(t.views(scene, given(n))));
    maps.push_back(
        stack({{cat("given ", n, ": ", fixed(map.mean(), 3)), map.draw(kMap, given(n), {})}}));
  }
  panels.push_back({cat("spread by where the camera is, black 0 to white ", kMostSpread,
                        "; given cameras white"),
                    beside(maps, 0)});
  return stack(panels);
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
