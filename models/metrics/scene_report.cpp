#include "models/metrics/scene_report.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/core/error.h"

namespace lat::models {

namespace {

constexpr u64 kPairs = 1, kQuadruples = 2;  // streams of rooms, beside the test set's own

double cosine(const std::vector<double>& a, const std::vector<double>& b) {
  const double ab = std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  const double aa = std::inner_product(a.begin(), a.end(), a.begin(), 0.0);
  const double bb = std::inner_product(b.begin(), b.end(), b.begin(), 0.0);
  return ab / std::sqrt(std::max(aa * bb, 1e-300));
}

double distance(const std::vector<double>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

std::vector<rooms::Camera> ring(rooms::Random& random, i64 n) {
  std::vector<rooms::Camera> cameras;
  for (i64 k = 0; k < n; ++k) cameras.push_back(rooms::ring_camera(random));
  return cameras;
}

double mean_of(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

// The fall from a to b, pairwise, in its standard errors.
double fall(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += a[i] - b[i], squares += (a[i] - b[i]) * (a[i] - b[i]);
  const double n = static_cast<double>(a.size()), mean = sum / n;
  return mean / std::sqrt(std::max((squares / n - mean * mean) / (n - 1), 1e-300));
}

}  // namespace

double same_scene_share(SceneTraining& t, i64 pairs) {
  const i64 N = t.example().contexts;
  double right = 0;
  for (i64 i = 0; i < pairs; ++i) {
    rooms::Random random(t.world().seed, kPairs, static_cast<u64>(i));
    rooms::RoomOptions options = t.world().room;
    const rooms::Scene a = rooms::make_room(random, options);
    options.wall = a.wall;
    options.floor = a.floor;
    const rooms::Scene b = rooms::make_room(random, options);
    const std::vector<double> r = t.representation(t.views(a, ring(random, N))).values;
    const std::vector<double> same = t.representation(t.views(a, ring(random, N))).values;
    const std::vector<double> other = t.representation(t.views(b, ring(random, N))).values;
    right += cosine(r, same) > cosine(r, other) ? 1 : 0;
  }
  return right / static_cast<double>(pairs);
}

double algebra_share(SceneTraining& t, i64 quadruples) {
  const i64 N = t.example().contexts;
  constexpr float kRadius = 1.2f;
  constexpr i64 kDraws = 8;
  const char* const colours[] = {"red", "green", "blue", "yellow", "cerise"};
  double right = 0;
  for (i64 i = 0; i < quadruples; ++i) {
    rooms::Random random(t.world().seed, kQuadruples, static_cast<u64>(i));
    rooms::Scene room = rooms::make_room(random, t.world().room);
    const i64 c1 = random.below(5), c2 = (c1 + 1 + random.below(4)) % 5;
    const i64 s1 = random.below(rooms::kShapes),
              s2 = (s1 + 1 + random.below(rooms::kShapes - 1)) % rooms::kShapes;
    const std::vector<rooms::Camera> cameras = ring(random, N);
    const rooms::Camera asked = rooms::ring_camera(random);
    const auto scene = [&](i64 c, i64 s) {
      rooms::Scene out = room;
      out.solids = {
          rooms::on_floor(static_cast<rooms::Shape>(s), rooms::colour(colours[c]), kRadius, 0, 0)};
      return out;
    };
    // The first is the right one.
    const rooms::Scene all[] = {scene(c2, s1), scene(c1, s1), scene(c1, s2), scene(c2, s2)};
    SceneTraining::Known sum = t.representation(t.views(all[1], cameras));
    const std::vector<double> less = t.representation(t.views(all[2], cameras)).values;
    const std::vector<double> more = t.representation(t.views(all[3], cameras)).values;
    for (size_t k = 0; k < sum.values.size(); ++k) sum.values[k] += more[k] - less[k];
    const std::vector<float> x = t.predictions(sum, asked.pose(), kDraws, static_cast<u64>(i));
    std::vector<double> mean(x.size() / kDraws);
    for (size_t k = 0; k < x.size(); ++k) mean[k % mean.size()] += x[k] / kDraws;
    size_t nearest = 0;
    double least = 1e300;
    for (size_t k = 0; k < 4; ++k) {
      const double d = distance(mean, t.views(all[k], {asked}).images);
      if (d < least) least = d, nearest = k;
    }
    right += nearest == 0 ? 1 : 0;
  }
  return right / static_cast<double>(quadruples);
}

std::vector<std::pair<std::string, double>> SceneReport::named() const {
  std::vector<std::pair<std::string, double>> out;
  for (size_t i = 0; i < given.size(); ++i) {
    const auto& [n, f] = given[i];
    out.emplace_back(cat("nll_", n), mean_of(f.nll));
    out.emplace_back(cat("variance_", n), mean_of(f.variance));
    out.emplace_back(cat("rmse_", n), f.rmse);
    out.emplace_back(cat("rmse_objects_", n), f.rmse_objects);
    if (i == 0) continue;
    const SceneFigures& before = given[i - 1].second;
    out.emplace_back(cat("nll_fall_", n, "_in_errors"), fall(before.nll, f.nll));
    out.emplace_back(cat("variance_fall_", n, "_in_errors"), fall(before.variance, f.variance));
  }
  const SceneFigures& most = given.back().second;
  out.emplace_back("rmse_of_camera_alone", baselines.camera);
  out.emplace_back("rmse_of_nearest_view", baselines.nearest);
  out.emplace_back("rmse_objects_of_camera_alone", baselines.camera_objects);
  out.emplace_back("rmse_over_camera_alone", most.rmse / baselines.camera);
  out.emplace_back("rmse_over_nearest_view", most.rmse / baselines.nearest);
  out.emplace_back("rmse_objects_over_camera_alone", most.rmse_objects / baselines.camera_objects);
  out.emplace_back("same_scene_nearer", same_scene);
  out.emplace_back("algebra_right", algebra);
  return out;
}

SceneReport report(SceneTraining& t, const SceneReportOptions& o,
                   const std::function<void(double)>& progress) {
  SceneReport out;
  std::vector<i64> numbers;
  for (i64 n = 0; n <= t.example().contexts; n = n == 0 ? 1 : 2 * n) numbers.push_back(n);
  const double parts = static_cast<double>(numbers.size() + 3);
  double done = 0;
  const auto tell = [&] {
    if (progress) progress(++done / parts);
  };
  for (const i64 n : numbers) {
    out.given.emplace_back(n, t.judge(n, o.scenes, o.samples));
    tell();
  }
  out.baselines = t.baselines(o.scenes, o.others);
  tell();
  if (t.world().world != "rooms") return out;
  out.same_scene = same_scene_share(t, o.pairs);
  tell();
  out.algebra = algebra_share(t, o.quadruples);
  tell();
  return out;
}

}  // namespace lat::models
