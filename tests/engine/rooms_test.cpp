// The rooms and figures against a second ray caster, in double precision, that knows the solids only
// as convex functions, and against closed forms.
#include "engine/data/rooms.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <limits>
#include <numbers>
#include <set>

#include "tests/engine/data_files.h"

namespace lat::test {
namespace {

using namespace rooms;
using std::numbers::pi;

struct V {
  double x = 0, y = 0, z = 0;
};
V operator+(V a, V b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
V operator-(V a, V b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
V operator*(double s, V a) { return {s * a.x, s * a.y, s * a.z}; }
double dot(V a, V b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
double norm(V a) { return std::sqrt(dot(a, a)); }
V vec(const Vec& v) { return {v.x, v.y, v.z}; }

// ---- the second ray caster ----------------------------------------------------------------------

// The outward unit normals of the icosahedron in the unit ball that lies on a face, from its vertices.
std::vector<V> icosahedron_normals() {
  const double phi = std::numbers::phi, length = std::sqrt(1 + phi * phi);
  std::vector<V> vertices;
  for (const double a : {-1.0, 1.0}) {
    for (const double b : {-phi, phi}) {
      vertices.push_back({a / length, 0, b / length});
      vertices.push_back({b / length, a / length, 0});
      vertices.push_back({0, b / length, a / length});
    }
  }
  const double edge = 2 / length;
  const auto joined = [&](V a, V b) { return std::abs(norm(a - b) - edge) < 1e-9; };
  std::vector<V> normals;
  for (size_t i = 0; i < 12; ++i) {
    for (size_t j = 0; j < i; ++j) {
      for (size_t k = 0; k < j; ++k) {
        const V &a = vertices[i], &b = vertices[j], &c = vertices[k];
        if (!joined(a, b) || !joined(b, c) || !joined(a, c)) continue;
        const V sum = a + b + c;
        normals.push_back(1 / norm(sum) * sum);
      }
    }
  }
  // Turned about x so that the face through (+-1, 0, phi) and (0, phi, 1) lies flat.
  const double c = phi / std::sqrt(3.0), s = 1 / (phi * std::sqrt(3.0));
  for (V& n : normals) n = {n.x, c * n.y - s * n.z, s * n.y + c * n.z};
  return normals;
}

// A convex function of a point in the coordinates of the shape: negative inside.
double shape_function(Shape shape, V p) {
  static const std::vector<V> icosahedron = icosahedron_normals();
  const double level = std::hypot(p.x, p.y);
  switch (shape) {
    case Shape::box:
      return std::max({std::abs(p.x), std::abs(p.y), std::abs(p.z)}) - 1 / std::sqrt(3.0);
    case Shape::sphere:
      return norm(p) - 1;
    case Shape::cylinder:
      return std::max(level - 0.6, std::abs(p.z) - 0.8);
    case Shape::capsule:
      return norm({p.x, p.y, p.z - std::clamp(p.z, -0.5, 0.5)}) - 0.5;
    case Shape::cone:
      return std::max(level - (1 - p.z) / 2, -0.6 - p.z);
    case Shape::icosahedron: {
      const double inner = std::sqrt(5 + 2 * std::sqrt(5.0)) / std::sqrt(15.0);
      double most = -1;
      for (const V& n : icosahedron) most = std::max(most, dot(n, p));
      return most - inner;
    }
    case Shape::triangle:
      return std::max(
          {std::abs(p.y) - 0.6, -p.z - 0.4, std::sqrt(0.75) * std::abs(p.x) + 0.5 * p.z - 0.4});
  }
  return 1;
}

double solid_function(const Solid& solid, V p) {
  const V from = 1 / double{solid.radius} * (p - vec(solid.centre));
  const double c = std::cos(solid.yaw), s = std::sin(solid.yaw);
  return shape_function(solid.shape, {c * from.x + s * from.y, c * from.y - s * from.x, from.z});
}

struct Stretch {
  double enter = 0, exit = -1;
};

// The stretch of the ray o + t d in a solid: the least value by ternary search, which a convex
// function allows, then its zeros on either side by bisection.
Stretch stretch(const Solid& solid, V o, V d) {
  const V from = o - vec(solid.centre);
  const double middle = -dot(from, d) / dot(d, d), half = 1.01 * solid.radius / norm(d);
  if (norm(from + middle * d) > solid.radius) return {};
  const auto f = [&](double t) { return solid_function(solid, o + t * d); };
  double a = middle - half, b = middle + half;
  for (int k = 0; k < 80; ++k) {
    const double third = (b - a) / 3;
    (f(a + third) < f(b - third) ? b : a) = f(a + third) < f(b - third) ? b - third : a + third;
  }
  if (f(a) >= 0) return {};
  const auto zero = [&](double in, double out) {
    for (int k = 0; k < 50; ++k) (f((in + out) / 2) < 0 ? in : out) = (in + out) / 2;
    return in;
  };
  return {zero(a, middle - half), zero(a, middle + half)};
}

// The direction of a ray through the image plane at (a, b) of the header.
V direction(const Camera& c, double a, double b) {
  const double cy = std::cos(c.yaw), sy = std::sin(c.yaw);
  const double cp = std::cos(c.pitch), sp = std::sin(c.pitch);
  const V forward{cp * cy, cp * sy, sp}, right{sy, -cy, 0};
  const V up{right.y * forward.z - right.z * forward.y, right.z * forward.x - right.x * forward.z,
             right.x * forward.y - right.y * forward.x};
  return forward + a * right - b * up;
}

double plane(double pixel, int64_t size) {
  return double{kHalfView} * (2 * pixel / static_cast<double>(size) - 1);
}

struct Answer {
  double r, g, b;
  bool solid;
};

// What a ray sees: `solids` first met by bisection, the room by a walk to each plane.
Answer look(const Scene& scene, const Camera& camera, V d, bool shadows) {
  const V o{camera.x, camera.y, camera.z};
  double t = std::numeric_limits<double>::infinity();
  V normal{};
  Rgb colour = scene.background;
  const Solid* seen = nullptr;
  if (scene.room) {
    const struct {
      V inward;
      Rgb rgb;
    } planes[] = {{{1, 0, 0}, scene.wall},
                  {{-1, 0, 0}, scene.wall},
                  {{0, 1, 0}, scene.wall},
                  {{0, -1, 0}, scene.wall},
                  {{0, 0, 1}, scene.floor}};
    for (const auto& p : planes) {
      const double offset = p.inward.z > 0 ? 0 : double{kHalfRoom};
      const double towards = -dot(p.inward, d), at = (dot(p.inward, o) + offset) / towards;
      if (towards > 0 && at < t) t = at, normal = p.inward, colour = p.rgb;
    }
    if ((o + t * d).z > double{kWallHeight}) normal = {}, colour = scene.background;
  }
  for (const Solid& solid : scene.solids) {
    const Stretch in = stretch(solid, o, d);
    if (in.enter < in.exit && in.enter > 0 && in.enter < t) {
      t = in.enter, seen = &solid, colour = solid.colour;
    }
  }
  if (!seen && norm(normal) == 0) return {colour.r, colour.g, colour.b, false};
  const V p = o + t * d;
  if (seen) {
    const double h = 1e-6;
    const auto slope = [&](V e) {
      return solid_function(*seen, p + h * e) - solid_function(*seen, p - h * e);
    };
    normal = {slope({1, 0, 0}), slope({0, 1, 0}), slope({0, 0, 1})};
    normal = 1 / norm(normal) * normal;
  }
  const V to_light = vec(scene.light) - p;
  double cosine = std::max(0.0, dot(normal, to_light) / norm(to_light));
  for (const Solid& solid : scene.solids) {
    if (!shadows || &solid == seen) continue;
    const Stretch in = stretch(solid, p, to_light);
    if (in.enter < in.exit && in.enter < 1 && in.exit > 1e-4) cosine = 0;
  }
  const double share = 0.4 + 0.6 * cosine;
  return {share * colour.r, share * colour.g, share * colour.b, seen != nullptr};
}

// ---- helpers ------------------------------------------------------------------------------------

struct Image {
  int64_t size;
  std::vector<float> rgb;
  Bytes mask;
  const float* at(int64_t i, int64_t j) const { return rgb.data() + 3 * (i * size + j); }
  int covered(int64_t i, int64_t j) const { return mask[static_cast<size_t>(i * size + j)]; }
};

Image drawn(const Scene& scene, const Camera& camera, int64_t size,
            const RenderOptions& options = {}) {
  Image image{size, std::vector<float>(static_cast<size_t>(3 * size * size), -1),
              Bytes(static_cast<size_t>(size * size), 77)};
  render(scene, camera, size, image.rgb.data(), image.mask.data(), options);
  return image;
}

bool in_range(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return v >= 0 && v <= 1; });
}

Scene empty_room() {
  Scene scene;
  scene.wall = {1, 0, 0}, scene.floor = {0, 0, 1}, scene.background = {0, 1, 0};
  return scene;
}

// Pixels whose colour or mask differs from the second ray caster's.
int64_t differing(const Scene& scene, const Camera& camera, int64_t size, bool shadows) {
  const Image image = drawn(scene, camera, size, {.antialias = false, .shadows = shadows});
  int64_t count = 0;
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t j = 0; j < size; ++j) {
      const double a = plane(static_cast<double>(j) + 0.5, size);
      const double b = plane(static_cast<double>(i) + 0.5, size);
      const Answer truth = look(scene, camera, direction(camera, a, b), shadows);
      const float* c = image.at(i, j);
      const double off =
          std::max({std::abs(c[0] - truth.r), std::abs(c[1] - truth.g), std::abs(c[2] - truth.b)});
      count += off > 1e-4 || image.covered(i, j) != (truth.solid ? 255 : 0);
    }
  }
  return count;
}

// ---- geometry -----------------------------------------------------------------------------------

TEST_CASE("rooms: every shape, turned, lit and in shadow, is what a second ray caster sees") {
  int64_t wrong = 0, pixels = 0;
  for (int64_t k = 0; k < kShapes; ++k) {
    // Each in turn before, beside and below the others, which it shades and which shade it.
    Scene scene = empty_room();
    scene.wall = colour("orange"), scene.floor = colour("white");
    scene.light = {1.5f, -2, 3};
    const Shape shape = static_cast<Shape>(k), next = static_cast<Shape>((k + 3) % kShapes);
    const float turn = 0.4f + 0.9f * static_cast<float>(k);
    scene.solids = {on_floor(shape, colour("red"), 0.7f, 0.3f, -0.2f, turn),
                    on_floor(next, colour("blue"), 0.6f, -0.8f, 0.7f, -turn),
                    {shape, colour("green"), 0.4f, {0.6f, -0.6f, 1.7f}, 2 * turn}};
    Random random(5, 0, static_cast<uint64_t>(k));
    const Camera free = free_camera(random, scene);
    const Camera cameras[] = {ring_camera(random), free, {0.1f, 0.2f, 6, turn, -1.5f}};
    for (const Camera& camera : cameras) {
      wrong += differing(scene, camera, 41, true);
      wrong += differing(scene, camera, 32, false);
      pixels += 41 * 41 + 32 * 32;
    }
  }
  MESSAGE("pixels that differ: ", wrong, " of ", pixels);
  CHECK(wrong <= 2);  // edges that pass within rounding of a pixel's centre
}

TEST_CASE("rooms: figures are what a second ray caster sees, and lie wholly in view") {
  int64_t wrong = 0;
  for (uint64_t k = 0; k < 3; ++k) {
    Random random(8, 0, k);
    const int cubes = k == 1 ? 5 : 7;
    const Scene figure = make_figure(random, cubes);
    wrong += differing(figure, sphere_camera(static_cast<float>(cubes), random), 40, true);
  }
  CHECK(wrong <= 1);

  const auto covered_edge = [](const Scene& figure, const Camera& camera) {
    const Image image = drawn(figure, camera, 128, {.antialias = false});
    int edge = 0;
    for (int64_t i = 0; i < 128; ++i) {
      edge += image.covered(i, 0) + image.covered(i, 127);
      edge += image.covered(0, i) + image.covered(127, i);
    }
    CHECK(std::any_of(image.mask.begin(), image.mask.end(), [](uint8_t m) { return m == 255; }));
    return edge;
  };
  Scene rod;  // the longest figure
  rod.room = false;
  for (int k = -3; k <= 3; ++k)
    rod.solids.push_back(
        {Shape::box, colour("red"), std::sqrt(0.75f), {0, 0, static_cast<float>(k)}});
  for (uint64_t k = 0; k < 20; ++k) {
    Random random(9, 0, k);
    Scene turned = rod;
    for (Solid& s : turned.solids)
      if (k % 2 == 1) s.centre = {0, s.centre.z, 0};
    CHECK(covered_edge(turned, sphere_camera(sphere_radius("shepard-metzler-7"), random)) == 0);
  }
  CHECK(sphere_radius("shepard-metzler-5") == 5);
  int bent = 0;
  for (int64_t k = 0; k < 60; ++k) {
    const Scenes scenes{.world = "shepard-metzler-5", .seed = 3};
    const Scene figure = scenes.scene(k);
    const V end = vec(figure.solids.front().centre) - vec(figure.solids.back().centre);
    if (norm(end) > 3.9) continue;  // straight
    ++bent;
    CHECK(covered_edge(figure, scenes.camera(figure, k, 0)) == 0);
  }
  CHECK(bent > 50);
}

TEST_CASE("rooms: walls, corners and the floor's edge project where the formula says") {
  // 6.5 before the wall x = 3.5: its edges lie at a = +-3.5 / 6.5, b = 1 / 6.5 and b = -1.5 / 6.5.
  const Camera camera{-3, 0, 1, 0, 0};
  Scene scene = empty_room();
  const Image image = drawn(scene, camera, 128, {.antialias = false});
  int64_t red = 0;
  for (int64_t i = 0; i < 128; ++i) {
    for (int64_t j = 0; j < 128; ++j) {
      const double a = plane(static_cast<double>(j) + 0.5, 128);
      const double b = plane(static_cast<double>(i) + 0.5, 128);
      const bool side = std::abs(a) > 3.5 / 6.5;
      const double away = side ? 3.5 / std::abs(a) : 6.5;  // along x
      const float* c = image.at(i, j);
      CHECK((c[2] > 0) == (b * away > 1));
      CHECK((c[1] > 0) == (b * away < -1.5));
      CHECK((c[0] > 0) == (b * away <= 1 && b * away >= -1.5));
      red += c[0] > 0;
    }
  }
  CHECK(red > 3000);
  CHECK(differing(scene, camera, 17, false) == 0);  // with a column of rays along the x axis

  // The side walls and the far wall have other angles to the light: the corner is a step.
  scene.light = {2, 0, 1};
  const Image lit = drawn(scene, camera, 128, {.antialias = false});
  const int64_t corner = static_cast<int64_t>(64 * (1 + 3.5 / 6.5 / double{kHalfView}));
  CHECK(std::abs(lit.at(64, corner - 1)[0] - lit.at(64, corner + 1)[0]) > 0.02f);
}

TEST_CASE(
    "rooms: a ball's outline is its ellipse, its area its solid angle, its middle its centre") {
  for (uint64_t k = 0; k < 12; ++k) {
    Random random(21, 0, k);
    Scene scene = empty_room();
    const float radius = random.uniform(0.15f, 0.4f);
    scene.solids = {{Shape::sphere,
                     colour("white"),
                     radius,
                     {random.uniform(-0.5f, 0.5f), random.uniform(-0.5f, 0.5f), 0.6f}}};
    const Camera camera = ring_camera(random);
    const std::array<float, 7> pose = camera.pose();
    CHECK(std::abs(pose[3] - std::cos(double{camera.yaw})) < 2e-7);
    CHECK(std::abs(pose[4] - std::sin(double{camera.yaw})) < 2e-7);
    CHECK(std::abs(pose[5] - std::cos(double{camera.pitch})) < 2e-7);
    CHECK(std::abs(pose[6] - std::sin(double{camera.pitch})) < 2e-7);
    // The frame from the pose alone.
    const V forward{double{pose[5]} * pose[3], double{pose[5]} * pose[4], pose[6]};
    const V right{pose[4], -pose[3], 0},
        up{-double{pose[6]} * pose[3], -double{pose[6]} * pose[4], pose[5]};
    const V c = vec(scene.solids[0].centre) - V{pose[0], pose[1], pose[2]};
    const double x = dot(c, right), y = -dot(c, up), z = dot(c, forward);

    const int64_t size = 96;
    const Image image = drawn(scene, camera, size);
    double angle = 0, mean_x = 0, mean_y = 0;
    int64_t wrong = 0;
    for (int64_t i = 0; i < size; ++i) {
      for (int64_t j = 0; j < size; ++j) {
        int rays = 0;
        for (const double u : {0.25, 0.75}) {
          for (const double v : {0.25, 0.75}) {
            const double a = plane(static_cast<double>(j) + u, size);
            const double b = plane(static_cast<double>(i) + v, size);
            const double ahead = a * x + b * y + z;
            rays += ahead * ahead > (dot(c, c) - double{radius} * radius) * (a * a + b * b + 1);
          }
        }
        wrong += image.covered(i, j) != (255 * rays + 2) / 4;
        const double a = plane(static_cast<double>(j) + 0.5, size);
        const double b = plane(static_cast<double>(i) + 0.5, size);
        const double side = 2 * double{kHalfView} / static_cast<double>(size);
        const double share =
            image.covered(i, j) / 255.0 * side * side * std::pow(1 + a * a + b * b, -1.5);
        angle += share, mean_x += share * a, mean_y += share * b;
      }
    }
    CHECK(wrong <= 1);
    const double sine2 = double{radius} * radius / dot(c, c);
    const double exact = 2 * pi * (1 - std::sqrt(1 - sine2));
    CHECK(angle == doctest::Approx(exact).epsilon(0.02));
    // The ellipse's own middle lies a little further out than the centre's projection.
    CHECK(std::abs(mean_x / angle - x / z) < 0.01);
    CHECK(std::abs(mean_y / angle - y / z) < 0.01);
  }
}

TEST_CASE("rooms: a ball under the light throws a round shadow of the size that rays give") {
  Scene scene = empty_room();
  scene.floor = {1, 1, 1};
  scene.light = {0, 0, 4};
  scene.solids = {{Shape::sphere, {1, 0, 0}, 0.5f, {0, 0, 1}}};
  const Camera above{0, 0, 8, 0, -1.57079633f};
  const double shadow = 4 * 0.5 / std::sqrt(9 - 0.25);  // 0.676, of which the ball hides 0.501
  const Image image = drawn(scene, above, 128, {.antialias = false});
  int64_t dark = 0;
  for (int64_t i = 0; i < 128; ++i) {
    for (int64_t j = 0; j < 128; ++j) {
      if (image.covered(i, j)) continue;
      const double x = 8 * plane(static_cast<double>(j) + 0.5, 128);
      const double y = 8 * plane(static_cast<double>(i) + 0.5, 128);
      const double r = std::hypot(x, y);
      if (std::max(std::abs(x), std::abs(y)) > 3.4) continue;
      const double share = r < shadow ? 0.4 : 0.4 + 0.6 * 4 / std::hypot(4, r);
      if (std::abs(r - shadow) > 1e-4) CHECK(std::abs(image.at(i, j)[0] - share) < 1e-5);
      dark += r < shadow;
    }
  }
  CHECK(dark > 15);
  const Image flat = drawn(scene, above, 128, {.antialias = false, .shadows = false});
  CHECK(flat.mask == image.mask);
  for (size_t p = 0; p < flat.rgb.size(); ++p) CHECK(flat.rgb[p] >= image.rgb[p]);
}

TEST_CASE("rooms: a ball behind the light throws no shadow") {
  Scene scene = empty_room();
  scene.light = {0, 0, 1};
  scene.solids = {{Shape::sphere, {1, 1, 1}, 0.4f, {0, 0, 2}}};
  const Camera camera{-3, 0, 1, 0, 0};
  const Image shaded = drawn(scene, camera, 64),
              plain = drawn(scene, camera, 64, {.shadows = false});
  int64_t seen = 0;
  for (int64_t i = 0; i < 64; ++i) {
    for (int64_t j = 0; j < 64; ++j) {
      for (int k = 0; k < 3; ++k) CHECK(shaded.at(i, j)[k] == plain.at(i, j)[k]);
      seen += shaded.covered(i, j) > 0;
    }
  }
  CHECK(seen > 50);
}

TEST_CASE("rooms: an anti-aliased image is the mean of the rays of one twice its size") {
  for (const int64_t size : {16, 33, 64}) {
    const Scenes scenes{.world = "rooms-rotate", .seed = 4};
    const Scene scene = scenes.scene(size);
    const Camera camera = scenes.camera(scene, size, 0);
    const Image smooth = drawn(scene, camera, size);
    const Image rays = drawn(scene, camera, 2 * size, {.antialias = false});
    int64_t wrong = 0;
    for (int64_t i = 0; i < size; ++i) {
      for (int64_t j = 0; j < size; ++j) {
        const int64_t y = 2 * i, x = 2 * j;
        for (int k = 0; k < 3; ++k) {
          const float mean = ((rays.at(y, x)[k] + rays.at(y, x + 1)[k]) +
                              (rays.at(y + 1, x)[k] + rays.at(y + 1, x + 1)[k])) *
                             0.25f;
          wrong += smooth.at(i, j)[k] != mean;
        }
        const int count = (rays.covered(y, x) + rays.covered(y, x + 1) + rays.covered(y + 1, x) +
                           rays.covered(y + 1, x + 1)) /
                          255;
        wrong += smooth.covered(i, j) != (255 * count + 2) / 4;
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("rooms: a steep ray through the apex of a cone meets the cone") {
  Scene scene = empty_room();
  for (uint64_t n = 0; n < 100; ++n) {
    Random random(32, 0, n);
    const float radius = random.uniform(0.3f, 0.8f);
    scene.solids = {on_floor(Shape::cone, {1, 1, 1}, radius, 0.1f, 0.2f)};
    const V apex = vec(scene.solids[0].centre) + V{0, 0, radius};
    Camera camera{0, 0, 0, random.uniform(0, 6), random.uniform(-1.5f, -1.2f)};
    const V at = apex - 2 * direction(camera, 0, 0);
    camera.x = static_cast<float>(at.x), camera.y = static_cast<float>(at.y);
    camera.z = static_cast<float>(at.z);
    CHECK(drawn(scene, camera, 17, {.antialias = false}).covered(8, 8) == 255);
  }
}

TEST_CASE("rooms: rays along axes, edges and faces give numbers") {
  for (int64_t k = 0; k < kShapes; ++k) {
    Scene scene = empty_room();
    const Shape shape = static_cast<Shape>(k);
    scene.solids = {on_floor(shape, {1, 1, 1}, 0.5f, 0, 0), on_floor(shape, {1, 1, 1}, 0.5f, 1, 0)};
    for (const float pitch : {-1.57079633f, 0.0f, 1.57079633f}) {
      for (const float z : {scene.solids[0].centre.z, 0.25f, 2.5f}) {
        for (const int64_t size : {17, 32}) {
          scene.light = {0, 0, 4};
          const Camera over{0, 0, 3 + z, 0, pitch}, beside{-2, 0, z, 0, pitch};
          CHECK(in_range(drawn(scene, over, size, {.antialias = false}).rgb));
          CHECK(in_range(drawn(scene, beside, size, {.antialias = false}).rgb));
          scene.light = {3, 0, z};
          CHECK(in_range(drawn(scene, beside, size).rgb));
        }
      }
    }
    // From straight above, the pixel in the middle shows the solid.
    for (uint64_t n = 0; n < 60; ++n) {
      Random random(31, 0, n);
      const float x = random.uniform(-2, 2), y = random.uniform(-2, 2);
      scene.solids = {on_floor(shape, {1, 1, 1}, random.uniform(0.3f, 0.8f), x, y)};
      const Camera over{x, y, random.uniform(2, 4), 0, -1.57079633f};
      CHECK(drawn(scene, over, 17, {.antialias = false}).covered(8, 8) == 255);
    }
    // The pixel (16, 8) shows the floor at x = 0, y = 0; the light stands upright above it, and
    // above the solid.
    const float slope = (16.5f / 8.5f - 1) * kHalfView;
    const Camera camera{-1 / slope, 0, 1, 0, 0};
    scene.light = {0, 0, 4};
    scene.solids = {{shape, {1, 1, 1}, 0.3f, {0, 0, 3}}};
    const Image shaded = drawn(scene, camera, 17, {.antialias = false});
    CHECK(shaded.covered(16, 8) == 0);
    CHECK(shaded.at(16, 8)[2] == doctest::Approx(0.4));
  }
}

// ---- scenes -------------------------------------------------------------------------------------

TEST_CASE(
    "rooms: objects stand apart on the floor, inside the ring, and options fix what they say") {
  std::set<int> shapes, counts;
  std::set<float> walls, floors;
  for (uint64_t k = 0; k < 400; ++k) {
    Random random(1, 0, k);
    const Scene scene = make_room(random);
    counts.insert(static_cast<int>(scene.solids.size()));
    walls.insert(scene.wall.g), floors.insert(scene.floor.b);
    for (size_t i = 0; i < scene.solids.size(); ++i) {
      const Solid& s = scene.solids[i];
      shapes.insert(static_cast<int>(s.shape));
      CHECK(s.yaw == 0);
      CHECK(std::hypot(s.centre.x, s.centre.y) + s.radius < kRing - 0.5f);
      // It touches the floor: a little below its lowest point there is nothing of it.
      double lowest = 1, below = 1;
      for (int x = -40; x <= 40; ++x) {
        for (int y = -40; y <= 40; ++y) {
          const double u = double{s.radius} * x / 40, v = double{s.radius} * y / 40;
          lowest = std::min(lowest, solid_function(s, {s.centre.x + u, s.centre.y + v, 1e-6}));
          below = std::min(below, solid_function(s, {s.centre.x + u, s.centre.y + v, -2e-6}));
        }
      }
      CHECK(lowest < 1e-3);
      CHECK(below > 0);
      for (size_t j = 0; j < i; ++j) {
        const Solid& t = scene.solids[j];
        CHECK(std::hypot(s.centre.x - t.centre.x, s.centre.y - t.centre.y) >=
              doctest::Approx(s.radius + t.radius));
      }
    }
  }
  CHECK(shapes.size() == 7);
  CHECK(counts == std::set<int>{1, 2, 3});
  CHECK(walls.size() == 5);
  CHECK(floors.size() == 3);

  for (uint64_t k = 0; k < 50; ++k) {
    Random random(2, 0, k);
    const Scene one = make_room(random, {.max_objects = 1,
                                         .min_radius = 1.2f,
                                         .max_radius = 1.5f,
                                         .turned = true,
                                         .shape = Shape::box,
                                         .colour = colour("blue"),
                                         .wall = colour("green"),
                                         .floor = colour("white")});
    REQUIRE(one.solids.size() == 1);
    const Solid& s = one.solids[0];
    CHECK(s.shape == Shape::box);
    CHECK(s.radius >= 1.2f);
    CHECK(s.yaw != 0);
    CHECK(s.colour.b == colour("blue").b);
    CHECK(one.wall.g == colour("green").g);
    CHECK(one.floor.r == colour("white").r);
    const Scene full =
        make_room(random, {.min_objects = 3, .min_radius = 0.9f, .max_radius = 0.9f});
    CHECK(full.solids.size() == 3);
  }
}

TEST_CASE("rooms: a figure is a self-avoiding walk of unit cubes around (0, 0, 0)") {
  std::set<std::vector<int>> walks;
  for (uint64_t k = 0; k < 4000; ++k) {
    Random random(3, 0, k);
    const Scene figure = make_figure(random, 3);
    V mean{};
    std::vector<int> walk;
    for (size_t i = 0; i < 3; ++i) {
      const V c = vec(figure.solids[i].centre);
      mean = mean + c;
      if (i > 0) {
        const V step = c - vec(figure.solids[i - 1].centre);
        CHECK(norm(step) == doctest::Approx(1));
        for (const double s : {step.x, step.y, step.z})
          walk.push_back(static_cast<int>(std::lround(s)));
      }
      CHECK(figure.solids[i].shape == Shape::box);
      CHECK(figure.solids[i].radius == doctest::Approx(std::sqrt(0.75)));
    }
    CHECK(norm(mean) < 1e-5);
    walks.insert(walk);
  }
  CHECK(walks.size() == 30);  // the self-avoiding walks of two steps
  for (uint64_t k = 0; k < 300; ++k) {
    Random random(4, 0, k);
    const Scene figure = make_figure(random, 7);
    for (size_t i = 0; i < 7; ++i)
      for (size_t j = 0; j < i; ++j)
        CHECK(norm(vec(figure.solids[i].centre) - vec(figure.solids[j].centre)) > 0.99);
  }
}

TEST_CASE("rooms: cameras stand and look as they should") {
  for (uint64_t k = 0; k < 200; ++k) {
    Random random(6, 0, k);
    const Scene scene = make_room(random);
    const Camera ring = ring_camera(random), sphere = sphere_camera(7, random);
    const Camera free = free_camera(random, scene);
    const V at{ring.x, ring.y, ring.z};
    CHECK(std::hypot(ring.x, ring.y) == doctest::Approx(3));
    const V middle = at + norm(at - V{0, 0, 0.4}) * direction(ring, 0, 0);
    CHECK(norm(middle - V{0, 0, 0.4}) < 1e-5);
    const V far{sphere.x, sphere.y, sphere.z};
    CHECK(norm(far) == doctest::Approx(7));
    CHECK(norm(far + 7 * direction(sphere, 0, 0)) < 1e-5);
    CHECK(std::max(std::abs(free.x), std::abs(free.y)) <= 3);
    for (const Solid& s : scene.solids)
      CHECK(norm(V{free.x, free.y, free.z} - vec(s.centre)) > s.radius);
  }
}

TEST_CASE("rooms: cameras are put on the ring and the sphere, and kept off walls and objects") {
  CHECK(view_of("rooms") == View::ring);
  CHECK(view_of("rooms-free") == View::free);
  CHECK(view_of("rooms-rotate") == View::free);
  CHECK(view_of("shepard-metzler-7") == View::sphere);
  check_refused([] { view_of("room"); }, Code::usage, {"Did you mean 'rooms'?"});
  const double half_turn = std::numbers::pi;
  for (int k = -7; k < 7; ++k) {
    const double turn = k * half_turn / 7, up = k * double{kHighest} / 8;
    const Camera ring = ring_camera(static_cast<float>(turn));
    CHECK(norm(V{ring.x, ring.y, 0} - V{3 * std::cos(turn), 3 * std::sin(turn), 0}) < 1e-5);
    CHECK(norm(V{ring.x, ring.y, ring.z} + norm(V{3, 0, 0.9}) * direction(ring, 0, 0) -
               V{0, 0, 0.4}) < 1e-5);
    const Camera sphere = sphere_camera(5, static_cast<float>(turn), static_cast<float>(up));
    const V at{5 * std::cos(up) * std::cos(turn), 5 * std::cos(up) * std::sin(turn),
               5 * std::sin(up)};
    CHECK(norm(V{sphere.x, sphere.y, sphere.z} - at) < 1e-5);
    CHECK(norm(at + 5 * direction(sphere, 0, 0)) < 1e-5);
  }
  Scene scene;
  scene.solids = {{Shape::sphere, {}, 0.5f, {1, 0, 0.5f}}};
  const auto what = [&](float x, float y) -> std::string {
    const char* const found = in_the_way(scene, {x, y, 0.5f});
    return found ? found : "nothing";
  };
  CHECK(what(0, 0) == "nothing");
  CHECK(what(0.31f, 0) == "an object");
  CHECK(what(0.29f, 0) == "nothing");
  CHECK(what(1, 0.69f) == "an object");
  CHECK(what(1, -0.71f) == "nothing");
  CHECK(what(3, -3) == "nothing");
  for (const auto& [x, y] : {std::pair{3.01f, 0.0f}, {-3.01f, 0.0f}, {0.0f, 3.01f}, {0.0f, -4.0f}})
    CHECK(what(x, y) == "a wall");
}

TEST_CASE(
    "rooms: views depend on world, seed, split, scene and view alone, and are the same "
    "everywhere") {
  const uint64_t golden[] = {1328239350514978488u, 15411454837935785806u, 10989405373017908349u,
                             14688416434987312175u, 13923017889613953013u};
  const std::vector<std::string> worlds = world_names();
  REQUIRE(worlds.size() == 5);
  const auto hash = [](uint64_t h, const std::vector<float>& values) {  // FNV-1a by words
    for (const float v : values) {
      uint32_t bits;
      std::memcpy(&bits, &v, 4);
      h = (h ^ bits) * 1099511628211u;
    }
    return h;
  };
  for (size_t w = 0; w < worlds.size(); ++w) {
    uint64_t h = 14695981039346656037u;
    std::set<uint64_t> first_views;
    std::vector<float> images(3 * 64 * 64 * 3), poses(3 * 7);
    for (const bool test : {false, true}) {
      const Scenes scenes{.world = worlds[w], .seed = 11, .test = test};
      for (int64_t i = 0; i < 6; ++i) {
        scenes.views(i, 3, 64, images.data(), poses.data());
        CHECK(in_range(images));
        h = hash(hash(h, images), poses);
        std::vector<float> image(64 * 64 * 3), pose(7);
        scenes.views(i, 1, 64, image.data(), pose.data());
        CHECK(std::equal(image.begin(), image.end(), images.begin()));
        CHECK(std::equal(pose.begin(), pose.end(), poses.begin()));
        first_views.insert(hash(0, image));
        const Camera last = scenes.camera(scenes.scene(i), i, 2);
        CHECK(std::equal(poses.begin() + 14, poses.end(), last.pose().begin()));
      }
    }
    CHECK(first_views.size() == 12);  // every scene, of either split, is another one
    CHECK_MESSAGE(h == golden[w], worlds[w], ": ", h);
  }
  std::vector<float> a(16 * 16 * 3), b(a), pose(7);
  Scenes{.seed = 1}.views(0, 1, 16, a.data(), pose.data());
  Scenes{.seed = 2}.views(0, 1, 16, b.data(), pose.data());
  CHECK(a != b);
}

TEST_CASE("rooms: bad requests are refused in words") {
  Scene scene = empty_room();
  const Camera good{-3, 0, 1, 0, 0};
  std::vector<float> rgb(129 * 129 * 3);
  const auto refused = [&](const Scene& s, const Camera& c, int64_t size,
                           std::initializer_list<std::string> parts) {
    check_refused([&] { render(s, c, size, rgb.data()); }, Code::usage, parts);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  refused(scene, good, 15, {"15 pixels", "16 to 128"});
  refused(scene, good, 129, {"129 pixels"});
  refused(scene, {3.5f, 0, 1, 0, 0}, 16, {"(3.5, 0, 1)", "outside the room"});
  refused(scene, {0, -9, 1, 0, 0}, 16, {"outside the room", "below 3.5"});
  refused(scene, {0, 0, 0, 0, 0}, 16, {"outside the room", "z above 0"});
  refused(scene, {nan, 0, 1, 0, 0}, 16, {"finite"});
  refused(scene, {0, 0, 1, nan, 0}, 16, {"angle", "radians"});
  refused(scene, {0, 0, 1, 0, 2e6f}, 16, {"angle", "radians"});
  Scene bad = scene;
  bad.light = {0, 4, 3};
  refused(bad, good, 16, {"the light is at (0, 4, 3)"});
  bad = scene;
  bad.solids = {on_floor(Shape::box, {1, 0, 0}, 0.5f, -3, 0.1f)};
  bad.solids[0].centre.z = 1;
  refused(bad, good, 16, {"inside the ball", "solid 0"});
  bad.solids[0].radius = 0;
  refused(bad, good, 16, {"radius 0"});
  bad.solids[0] = on_floor(Shape::box, {1, 0, 1.5f}, 0.5f, 0, 0);
  refused(bad, good, 16, {"colour", "0 to 1"});
  bad.solids[0] = on_floor(Shape::box, {1, 0, 0}, 0.5f, 0, 0);
  bad.solids[0].shape = static_cast<Shape>(7);
  refused(bad, good, 16, {"shape number 7"});
  check_refused([] { on_floor(static_cast<Shape>(9), {}, 1, 0, 0); }, Code::usage,
                {"shape number 9"});

  for (int64_t k = 0; k < kShapes; ++k)
    CHECK(shape(name_of(static_cast<Shape>(k))) == static_cast<Shape>(k));
  check_refused([] { shape("spere"); }, Code::usage, {"shape 'spere'", "Did you mean 'sphere'?"});
  check_refused([] { colour("mauve"); }, Code::usage, {"colour 'mauve'", "cerise"});
  check_refused([] { Scenes{.world = "room"}.scene(0); }, Code::usage, {"Did you mean 'rooms'?"});
  check_refused([] { Scenes{}.scene(-1); }, Code::usage, {"scene -1"});
  check_refused([&] { Scenes{}.camera(scene, 0, -1); }, Code::usage, {"view -1"});
  Random random(0, 0, 0);
  check_refused([&] { make_figure(random, 8); }, Code::usage, {"8 cubes", "1 to 7"});
  check_refused([&] { make_room(random, {.max_objects = 4}); }, Code::usage, {"1 to 4 objects"});
  check_refused([&] { make_room(random, {.max_radius = 1}); }, Code::usage, {"0.1 to 0.9"});
  scene.solids = {{Shape::sphere, {}, 9, {0, 0, 0}}};
  check_refused([&] { free_camera(random, scene); }, Code::usage, {"no place"});
}

TEST_CASE("rooms: speed" * doctest::skip()) {
  for (const std::string& world : world_names()) {
    std::vector<double> rates;
    std::vector<float> images(8 * 64 * 64 * 3), poses(8 * 7);
    const Scenes scenes{.world = world, .room = {.min_objects = 3}};
    for (int64_t run = 0; run < 9; ++run) {
      const std::clock_t start = std::clock();
      for (int64_t i = 0; i < 25; ++i)
        scenes.views(25 * run + i, 8, 64, images.data(), poses.data());
      rates.push_back(200.0 * CLOCKS_PER_SEC / static_cast<double>(std::clock() - start));
    }
    std::sort(rates.begin(), rates.end());
    MESSAGE(world, ": ", rates[4], " views of 64x64 a second (", rates[0], " to ", rates[8], ")");
  }
}

}  // namespace
}  // namespace lat::test
