// The worlds: where objects and cameras stand, what views depend on, what is refused.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <limits>
#include <numbers>
#include <set>

#include "tests/engine/solids.h"

namespace lat::test {
namespace {

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
