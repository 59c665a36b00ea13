// The worlds: names, scenes and figures, cameras. rooms_trace.cpp draws them.
#include "engine/data/rooms.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "engine/data/rooms_parts.h"
#include "kernels/common/philox.h"

namespace lat::rooms {

// ---- names --------------------------------------------------------------------------------------

namespace {

constexpr struct {
  const char* name;
  Rgb rgb;
} kColours[] = {{"red", {0.86f, 0.16f, 0.14f}},    {"green", {0.24f, 0.66f, 0.26f}},
                {"cerise", {0.87f, 0.19f, 0.48f}}, {"orange", {0.95f, 0.53f, 0.13f}},
                {"yellow", {0.96f, 0.84f, 0.24f}}, {"white", {0.94f, 0.94f, 0.92f}},
                {"blue", {0.20f, 0.36f, 0.84f}}};
constexpr const char* kWalls[] = {"red", "green", "cerise", "orange", "yellow"};
constexpr const char* kFloors[] = {"yellow", "white", "blue"};

// The row of a table that has this name.
template <class Table>
const auto& named(const Table& table, std::string_view name, const char* what) {
  std::vector<std::string> names;
  std::string list;
  for (const auto& row : table) {
    if (row.name == name) return row;
    names.emplace_back(row.name);
    list += (list.empty() ? "" : ", ") + names.back();
  }
  fail(Code::usage, "rooms", "unknown ", what, " '", name, "'.", suggestion(name, names),
       " There are ", list);
}

constexpr struct {
  const char* name;
  float foot;  // what lies below the centre, in radii
} kShapeTable[kShapes] = {{"box", kCube}, {"sphere", 1},        {"cylinder", 0.8f}, {"capsule", 1},
                          {"cone", 0.6f}, {"icosahedron", kIn}, {"triangle", 0.4f}};

const auto& row_of(Shape shape) {
  LAT_CHECK(static_cast<int64_t>(shape) < kShapes, Code::usage, "rooms",
            "there is no shape number ", static_cast<int>(shape), ": expected 0 to ", kShapes - 1);
  return kShapeTable[static_cast<size_t>(shape)];
}

constexpr struct World {
  const char* name;
  View view;
  bool turned;
  int64_t cubes;
} kWorlds[] = {{"rooms", View::ring, false, 0},
               {"rooms-free", View::free, false, 0},
               {"rooms-rotate", View::free, true, 0},
               {"shepard-metzler-5", View::sphere, false, 5},
               {"shepard-metzler-7", View::sphere, false, 7}};

}  // namespace

Shape shape(std::string_view name) {
  return static_cast<Shape>(&named(kShapeTable, name, "shape") - kShapeTable);
}

const char* name_of(Shape shape) { return row_of(shape).name; }

Rgb colour(std::string_view name) { return named(kColours, name, "colour").rgb; }

View view_of(std::string_view world) { return named(kWorlds, world, "world").view; }

float sphere_radius(std::string_view world) {
  return static_cast<float>(named(kWorlds, world, "world").cubes);
}

std::vector<std::string> world_names() {
  std::vector<std::string> names;
  for (const World& world : kWorlds) names.emplace_back(world.name);
  return names;
}

// ---- scenes and cameras -------------------------------------------------------------------------

uint32_t Random::word() {
  const uint32_t k = drawn_ % 4;
  if (k == 0) {
    const kernels::LAT_ISA::Philox bits = kernels::LAT_ISA::philox(
        {{drawn_ / 4, stream_, static_cast<uint32_t>(index_), static_cast<uint32_t>(index_ >> 32)}},
        seed_);
    std::copy_n(bits.word, 4, words_);
  }
  ++drawn_;
  return words_[k];
}

float Random::uniform(float low, float high) {
  return low + product(high - low, static_cast<float>(word() >> 8) * 0x1p-24f);
}

int64_t Random::below(int64_t n) {
  return static_cast<int64_t>(uint64_t{word()} * static_cast<uint64_t>(n) >> 32);
}

namespace {

// A hue of the colour wheel, slightly paled and darkened.
Rgb random_colour(Random& random) {
  const float hue = random.uniform(0, 6), pure = random.uniform(0.75f, 1);
  const float light = random.uniform(0.7f, 1);
  const auto channel = [&](float share) {
    return light * (1 - pure + product(pure, std::clamp(share, 0.0f, 1.0f)));
  };
  return {channel(std::abs(hue - 3) - 1), channel(2 - std::abs(hue - 2)),
          channel(2 - std::abs(hue - 4))};
}

float random_angle(Random& random) { return random.uniform(0, 6.28318531f); }

}  // namespace

Solid on_floor(Shape shape, const Rgb& colour, float radius, float x, float y, float yaw) {
  return {shape, colour, radius, {x, y, product(row_of(shape).foot, radius)}, yaw};
}

Scene make_room(Random& random, const RoomOptions& options) {
  constexpr float kPlace = 2.4f;  // no object reaches further from the middle
  constexpr int64_t kMost = 3;
  constexpr float kLargest = 1.5f, kLargestOfMany = 0.9f;
  const RoomOptions& o = options;
  LAT_CHECK(o.min_objects >= 0 && o.min_objects <= o.max_objects && o.max_objects <= kMost,
            Code::usage, "make_room", o.min_objects, " to ", o.max_objects,
            " objects: expected a range within 0 to ", kMost);
  const float largest = o.max_objects > 1 ? kLargestOfMany : kLargest;
  LAT_CHECK(o.min_radius >= 0.1f && o.min_radius <= o.max_radius && o.max_radius <= largest,
            Code::usage, "make_room", "radii of ", o.min_radius, " to ", o.max_radius,
            ": expected a range within 0.1 to ", largest);
  Scene scene;
  const auto wall = kWalls[random.below(std::size(kWalls))];
  const auto floor = kFloors[random.below(std::size(kFloors))];
  scene.wall = o.wall.value_or(colour(wall));
  scene.floor = o.floor.value_or(colour(floor));
  scene.light = {random.uniform(-2, 2), random.uniform(-2, 2), random.uniform(3.5f, 5)};
  const int64_t n = o.min_objects + random.below(o.max_objects - o.min_objects + 1);
  for (int64_t i = 0; i < n; ++i) {
    const auto shape = o.shape.value_or(static_cast<Shape>(random.below(kShapes)));
    const Rgb rgb = random_colour(random);
    const float radius = random.uniform(o.min_radius, o.max_radius);
    const float yaw = random_angle(random);
    scene.solids.push_back(
        on_floor(shape, o.colour.value_or(rgb), radius, 0, 0, o.turned ? yaw : 0));
  }
  for (size_t i = 0; i < scene.solids.size();) {
    Solid& solid = scene.solids[i];
    solid.centre.x = random.uniform(-kPlace, kPlace);
    solid.centre.y = random.uniform(-kPlace, kPlace);
    const auto apart = [&](const Vec& other, float distance) {
      const float x = solid.centre.x - other.x, y = solid.centre.y - other.y;
      return product(x, x) + product(y, y) >= distance * distance;
    };
    bool free = !apart({}, kPlace - solid.radius);
    for (size_t k = 0; k < i; ++k)
      free = free && apart(scene.solids[k].centre, solid.radius + scene.solids[k].radius);
    i = free ? i + 1 : 0;  // a bad start may leave no place: from the beginning
  }
  return scene;
}

Scene make_figure(Random& random, int64_t cubes) {
  LAT_CHECK(cubes >= 1 && cubes <= 7, Code::usage, "make_figure", cubes,
            " cubes: expected 1 to 7, as many as the cameras have in view");
  Scene scene;
  scene.room = false;
  scene.background = {0.72f, 0.72f, 0.72f};
  scene.light = {-6, -9, 14};
  const float radius = 1 / (2 * kCube);
  std::vector<Vec> path;
  Vec mean{};
  while (static_cast<int64_t>(path.size()) < cubes) {
    Vec next = path.empty() ? Vec{} : path.back();
    if (!path.empty()) {
      const int64_t way = random.below(6);
      (way < 2 ? next.x : way < 4 ? next.y : next.z) += way % 2 == 0 ? 1 : -1;
    }
    const bool taken = std::any_of(path.begin(), path.end(), [&](const Vec& v) {
      return v.x == next.x && v.y == next.y && v.z == next.z;
    });
    if (taken) {
      path.clear();  // so that all self-avoiding walks are equally likely
      continue;
    }
    path.push_back(next);
  }
  for (const Vec& v : path) mean = {mean.x + v.x, mean.y + v.y, mean.z + v.z};
  const float n = static_cast<float>(cubes);
  for (const Vec& v : path) {
    const Vec centre = v - Vec{mean.x / n, mean.y / n, mean.z / n};
    scene.solids.push_back({Shape::box, random_colour(random), radius, centre});
  }
  return scene;
}

std::array<float, 7> Camera::pose() const {
  const SinCos a = sin_cos(yaw), b = sin_cos(pitch);
  return {x, y, z, a.cos, a.sin, b.cos, b.sin};
}

namespace {

constexpr float kRange = 3,
                kApart = 0.2f;  // of free cameras: from the middle, from balls of solids

// At `distance` from (0, 0, 0), `up` radians above the floor, looking at (0, 0, 0).
Camera around(float distance, float turn, float up) {
  const SinCos a = sin_cos(turn), b = sin_cos(up);
  const float level = product(distance, b.cos);
  return {product(level, a.cos), product(level, a.sin), product(distance, b.sin),
          turn + 3.14159265f, -up};
}

}  // namespace

Camera ring_camera(float turn) {
  Camera camera = around(kRing, turn, 0);
  camera.z = 1.3f;
  camera.pitch = -0.29145679f;  // atan(0.9 / kRing): at a point 0.4 above the floor
  return camera;
}
Camera ring_camera(Random& random) { return ring_camera(random_angle(random)); }

Camera sphere_camera(float radius, float turn, float up) { return around(radius, turn, up); }
Camera sphere_camera(float radius, Random& random) {
  const float turn = random_angle(random), up = random.uniform(-kHighest, kHighest);
  return sphere_camera(radius, turn, up);
}

const char* in_the_way(const Scene& scene, const Camera& camera) {
  if (std::abs(camera.x) > kRange || std::abs(camera.y) > kRange) return "a wall";
  const Vec at{camera.x, camera.y, camera.z};
  for (const Solid& s : scene.solids) {
    const Vec from = at - s.centre;
    if (dot(from, from) <= (s.radius + kApart) * (s.radius + kApart)) return "an object";
  }
  return nullptr;
}

Camera free_camera(Random& random, const Scene& scene) {
  for (int tries = 0; tries < 10000; ++tries) {
    const Camera camera{random.uniform(-kRange, kRange), random.uniform(-kRange, kRange),
                        random.uniform(0.6f, 1.8f), random_angle(random),
                        random.uniform(-0.4f, 0.05f)};
    const Frame frame(camera);
    const Vec at = frame.origin;
    const float ahead = -(product(at.x, frame.forward.x) + product(at.y, frame.forward.y));
    const float away2 = product(at.x, at.x) + product(at.y, at.y);
    if (ahead < 0 || ahead * ahead < 0.25f * away2) continue;
    if (!in_the_way(scene, camera)) return camera;
  }
  fail(Code::usage, "free_camera", "the solids leave no place for a camera: make them smaller");
}

Scene Scenes::scene(int64_t index) const {
  const World& w = named(kWorlds, world, "world");
  LAT_CHECK(index >= 0, Code::usage, "rooms", "scene ", index, ": expected a number from 0");
  Random random(seed, test ? 0x80000000u : 0, static_cast<uint64_t>(index));
  if (w.cubes > 0) return make_figure(random, w.cubes);
  RoomOptions options = room;
  options.turned = options.turned || w.turned;
  return make_room(random, options);
}

Camera Scenes::camera(const Scene& scene, int64_t index, int64_t view) const {
  const World& w = named(kWorlds, world, "world");
  LAT_CHECK(index >= 0 && view >= 0 && view < 0x7fffffff, Code::usage, "rooms", "view ", view,
            " of scene ", index, ": expected numbers from 0");
  const uint32_t stream = (test ? 0x80000000u : 0) + static_cast<uint32_t>(view) + 1;
  Random random(seed, stream, static_cast<uint64_t>(index));
  if (w.view == View::ring) return ring_camera(random);
  if (w.view == View::free) return free_camera(random, scene);
  return sphere_camera(sphere_radius(world), random);
}

void Scenes::views(int64_t index, int64_t n, int64_t size, float* images, float* poses,
                   const RenderOptions& options) const {
  const Scene drawn = scene(index);
  for (int64_t v = 0; v < n; ++v) {
    const Camera camera = this->camera(drawn, index, v);
    render(drawn, camera, size, images + v * size * size * 3, nullptr, options);
    const std::array<float, 7> pose = camera.pose();
    std::copy(pose.begin(), pose.end(), poses + 7 * v);
  }
}

}  // namespace lat::rooms
