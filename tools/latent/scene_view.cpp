#include "tools/latent/scene_view.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lat::tools {

namespace {

constexpr float kTurn = 2 * std::numbers::pi_v<float>;
constexpr i64 kRingPlaces = 24;
constexpr i64 kFloorPlaces = 7;  // a side
constexpr i64 kSphereColumns = 12, kSphereRows = 5;
constexpr i64 kMapDraws = 8;

rooms::Rgb heat_of(double spread) {
  const auto channel = [&](double from) {
    return static_cast<float>(std::clamp(3 * spread / kMostSpread - from, 0.0, 1.0));
  };
  return {channel(0), channel(1), channel(2)};
}

float distance(float x, float y) { return std::sqrt(x * x + y * y); }

}  // namespace

models::SceneTraining& scenes(models::Training& training, const std::string& command) {
  auto* const t = dynamic_cast<models::SceneTraining*>(&training);
  LAT_CHECK(t, Code::usage, command,
            "this run's model is none of scenes seen from many sides; train one:  latent train "
            "gqn-tiny");
  return *t;
}

rooms::Scenes test_scenes(const models::SceneTraining& training) {
  rooms::Scenes test = training.world();
  test.test = true;
  return test;
}

Guess guess(models::SceneTraining& training, const models::SceneTraining::Known& known,
            const rooms::Camera& camera, i64 draws, u64 seed) {
  Guess out;
  out.draws = training.predictions(known, camera.pose(), draws, seed);
  const double n = static_cast<double>(draws);
  const size_t size = out.draws.size() / static_cast<size_t>(draws);
  double squares = 0;
  for (size_t i = 0; i < size; ++i) {
    double sum = 0, variance = 0;
    for (size_t k = i; k < out.draws.size(); k += size) sum += out.draws[k];
    for (size_t k = i; k < out.draws.size(); k += size)
      variance += (out.draws[k] - sum / n) * (out.draws[k] - sum / n) / n;
    out.mean.push_back(static_cast<float>(sum / n));
    out.spread.push_back(static_cast<float>(std::sqrt(variance)));
    squares += variance;
  }
  out.unsure = std::sqrt(squares / static_cast<double>(size));
  return out;
}

double rmse(const float* a, const float* b, i64 n) {
  double squares = 0;
  for (i64 i = 0; i < n; ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(squares / static_cast<double>(n));
}

std::vector<float> heat(const std::vector<float>& spread) {
  std::vector<float> image;
  for (size_t i = 0; i < spread.size(); i += 3) {
    double squares = 0;
    for (size_t c = i; c < i + 3; ++c) squares += spread[c] * spread[c];
    const rooms::Rgb colour = heat_of(std::sqrt(squares / 3));
    image.insert(image.end(), {colour.r, colour.g, colour.b});
  }
  return image;
}

std::vector<rooms::Camera> orbit(const std::string& world, i64 n) {
  constexpr float kUp = 0.35f;
  const bool figure = rooms::view_of(world) == rooms::View::sphere;
  std::vector<rooms::Camera> cameras;
  for (i64 k = 0; k < n; ++k) {
    const float turn = kTurn * static_cast<float>(k) / static_cast<float>(n);
    cameras.push_back(figure ? rooms::sphere_camera(rooms::sphere_radius(world), turn, kUp)
                             : rooms::ring_camera(turn));
  }
  return cameras;
}

SpreadMap::SpreadMap(models::SceneTraining& training, i64 scene,
                     const models::SceneTraining::Known& known) {
  const rooms::Scenes test = test_scenes(training);
  view_ = rooms::view_of(test.world);
  scene_ = test.scene(scene);
  const auto add = [&](const rooms::Camera& camera) {
    values_.push_back(guess(training, known, camera, kMapDraws).unsure);
  };
  if (view_ == rooms::View::ring) {
    columns_ = kRingPlaces;
    for (const rooms::Camera& camera : orbit(test.world, kRingPlaces)) add(camera);
    return;
  }
  if (view_ == rooms::View::sphere) {
    columns_ = kSphereColumns;
    for (i64 row = 0; row < kSphereRows; ++row)
      for (i64 column = 0; column < kSphereColumns; ++column)
        add(rooms::sphere_camera(
            rooms::sphere_radius(test.world),
            kTurn * (static_cast<float>(column) + 0.5f) / kSphereColumns,
            rooms::kHighest * ((2 * static_cast<float>(row) + 1) / kSphereRows - 1)));
    return;
  }
  columns_ = kFloorPlaces;
  for (i64 row = 0; row < kFloorPlaces; ++row) {
    for (i64 column = 0; column < kFloorPlaces; ++column) {
      const auto at = [](i64 k) {
        return rooms::kHalfRoom * ((2 * static_cast<float>(k) + 1) / kFloorPlaces - 1);
      };
      rooms::Camera camera{at(column), at(row), 1.2f, 0, -0.2f};
      camera.yaw = std::atan2(-camera.y, -camera.x);
      if (rooms::in_the_way(scene_, camera))
        values_.emplace_back();
      else
        add(camera);
    }
  }
}

SpreadMap::Place SpreadMap::place(const rooms::Camera& c) const {
  if (view_ != rooms::View::sphere) return {c.x / rooms::kHalfRoom, c.y / rooms::kHalfRoom};
  const float turn = std::atan2(c.y, c.x), up = std::atan2(c.z, distance(c.x, c.y));
  return {2 * (turn < 0 ? turn + kTurn : turn) / kTurn - 1, up / rooms::kHighest};
}

std::optional<double> SpreadMap::value(const Place& at) const {
  constexpr float kRingWidth = 0.9f;
  const i64 rows = static_cast<i64>(values_.size()) / columns_;
  i64 row = 0, column = 0;
  if (view_ == rooms::View::ring) {
    const float x = at.x * rooms::kHalfRoom, y = at.y * rooms::kHalfRoom;
    if (std::abs(distance(x, y) - rooms::kRing) > kRingWidth / 2) return {};
    column = std::lround(std::atan2(y, x) / kTurn * static_cast<float>(columns_));
    column = (column + columns_) % columns_;
  } else {
    const auto cell = [](float x, i64 n) {
      return std::clamp<i64>(static_cast<i64>((x + 1) / 2 * static_cast<float>(n)), 0, n - 1);
    };
    row = cell(at.y, rows), column = cell(at.x, columns_);
  }
  return values_[static_cast<size_t>(row * columns_ + column)];
}

double SpreadMap::mean() const {
  double sum = 0, n = 0;
  for (const std::optional<double>& v : values_) sum += v.value_or(0), n += v.has_value();
  return n > 0 ? sum / n : 0;
}

Picture SpreadMap::draw(i64 size, const std::vector<rooms::Camera>& given,
                        const std::optional<rooms::Camera>& now) const {
  constexpr rooms::Rgb kFloor{0.3f, 0.32f, 0.36f}, kMagenta{1, 0, 1};
  const float pixel = 2 / static_cast<float>(size);
  const float dot = std::max(0.07f, 0.8f * pixel), rim = std::max(0.03f, pixel);
  const auto far = [&](const Place& a, const rooms::Camera& camera) {
    const Place b = place(camera);
    return distance(a.x - b.x, a.y - b.y);
  };
  std::vector<float> image;
  for (i64 i = 0; i < size; ++i) {
    for (i64 j = 0; j < size; ++j) {
      const Place at{pixel * (static_cast<float>(j) + 0.5f) - 1,
                     1 - pixel * (static_cast<float>(i) + 0.5f)};
      rooms::Rgb colour = kFloor;
      if (const std::optional<double> v = value(at)) colour = heat_of(*v);
      if (view_ != rooms::View::sphere) {
        for (const rooms::Solid& s : scene_.solids)
          if (distance(at.x * rooms::kHalfRoom - s.centre.x, at.y * rooms::kHalfRoom - s.centre.y) <
              s.radius)
            colour = s.colour;
      }
      for (const rooms::Camera& camera : given) {
        const float d = far(at, camera);
        if (d < dot + rim) colour = d < dot ? rooms::Rgb{1, 1, 1} : rooms::Rgb{};
      }
      if (now && far(at, *now) < dot) colour = kMagenta;
      image.insert(image.end(), {colour.r, colour.g, colour.b});
    }
  }
  return tile({image.data(), 1, size, size, 3}, {});
}

}  // namespace lat::tools
