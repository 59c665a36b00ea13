// The images of rooms and figures against a second ray caster, in double precision, that knows the
// solids only as convex functions, and against closed forms.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "tests/engine/solids.h"

namespace lat::test {
namespace {

using std::numbers::pi;

// ---- the second ray caster ----------------------------------------------------------------------

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

}  // namespace
}  // namespace lat::test
