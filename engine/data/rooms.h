#pragma once
// The worlds of the generative query network: square rooms with objects, and Shepard-Metzler
// figures, drawn from any side by a ray caster (S. M. A. Eslami et al., "Neural scene representation
// and rendering", Science 360, 2018; github.com/google-deepmind/gqn-datasets). A reproduction with
// plain colours for textures, not the original images.
//
// The x and y axes lie in the floor, z points upwards, the room is 7 x 7 units around (0, 0).
// Angles are radians. A camera looks along f = (cos pitch cos yaw, cos pitch sin yaw, sin pitch),
// with r = (sin yaw, -cos yaw, 0) to its right and u = r x f upwards; the centre of pixel (row i,
// column j) of a size x size image lies along
//   f + a r - b u,   a = kHalfView (2 (j + 1/2) / size - 1),   b = kHalfView (2 (i + 1/2) / size - 1)
//
// Every function is pure, and its result has the same bits on every machine.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lat::rooms {

inline constexpr float kHalfRoom = 3.5f, kWallHeight = 2.5f;
inline constexpr float kRing = 3.0f;      // the radius of the ring of cameras
inline constexpr float kHalfView = 0.6f;  // tan of half the angle of view, which is 61.9 degrees

struct Vec {
  float x = 0, y = 0, z = 0;
};

struct Rgb {
  float r = 0, g = 0, b = 0;  // 0 to 1
};

enum class Shape : uint8_t { box, sphere, cylinder, capsule, cone, icosahedron, triangle };
inline constexpr int64_t kShapes = 7;

// The named shapes, and the colours red, green, blue, yellow, orange, cerise, white. An unknown name
// throws Code::usage.
Shape shape(std::string_view name);
const char* name_of(Shape shape);
Rgb colour(std::string_view name);

// A convex solid that fits in the ball of this radius around its centre and touches it, turned by
// yaw about the vertical: a cube, a standing cylinder, capsule or cone, a triangular prism lying on
// a side.
struct Solid {
  Shape shape = Shape::sphere;
  Rgb colour = {};
  float radius = 0.5f;
  Vec centre = {};
  float yaw = 0;
};
Solid on_floor(Shape shape, const Rgb& colour, float radius, float x, float y, float yaw = 0);

struct Scene {
  bool room = true;  // with walls and floor; without, solids hang before the background
  Rgb wall = {}, floor = {};
  Rgb background = {0.62f, 0.78f, 0.92f};  // also seen above the walls
  Vec light = {1, -1, 4};                  // where the light is; nothing but solids casts shadows
  std::vector<Solid> solids = {};
};

struct Camera {
  float x = 0, y = 0, z = 0, yaw = 0, pitch = 0;

  // (x, y, z, cos yaw, sin yaw, cos pitch, sin pitch). Throws Code::usage for angles beyond 10^6.
  std::array<float, 7> pose() const;
};

// Uniform numbers by counter (kernels/common/philox.h): a function of the three arguments and of how
// many were drawn before.
class Random {
 public:
  Random(uint64_t seed, uint32_t stream, uint64_t index)
      : seed_(seed), index_(index), stream_(stream) {}
  uint32_t word();
  float uniform(float low, float high);  // low <= u <= high
  int64_t below(int64_t n);              // 0 <= k < n < 2^32

 private:
  uint64_t seed_, index_;
  uint32_t stream_, drawn_ = 0, words_[4] = {};
};

// Ranges, and what is not to be drawn but fixed.
struct RoomOptions {
  int64_t min_objects = 1, max_objects = 3;      // 0 to 3
  float min_radius = 0.45f, max_radius = 0.75f;  // 0.1 to 1.5, of several to 0.9
  bool turned = false;                           // objects are turned about the vertical
  std::optional<Shape> shape = {};
  std::optional<Rgb> colour = {}, wall = {}, floor = {};
};

// A room whose objects stand on the floor inside the ring of cameras without touching each other.
// Throws Code::usage for options out of range.
Scene make_room(Random& random, const RoomOptions& options = {});

// 5 or 7 unit cubes (or any number from 1 to 7) along a self-avoiding walk on the lattice, each of a
// colour of its own, with their mean at (0, 0, 0).
Scene make_figure(Random& random, int64_t cubes);

// On the ring, looking at the middle of the room; on a sphere, at most 60 degrees up or down,
// looking at (0, 0, 0). `turn` is the angle about the z axis of where the camera is, `up` the angle
// above the plane of x and y.
inline constexpr float kHighest = 1.04719755f;
Camera ring_camera(float turn);
Camera ring_camera(Random& random);
Camera sphere_camera(float radius, float turn, float up);
Camera sphere_camera(float radius, Random& random);

// Anywhere in the room but in a solid, looking at most about 60 degrees past its middle. Throws
// Code::usage where the solids leave no place.
Camera free_camera(Random& random, const Scene& scene);
// What keeps a free camera from being where it is: "a wall", "an object", or null for nothing.
const char* in_the_way(const Scene& scene, const Camera& camera);

struct RenderOptions {
  bool antialias = true;  // a pixel is the mean of 2 x 2 rays, half a pixel apart; false: one ray
  bool shadows = true;
};

// Draws the scene: rgb (size, size, 3) in [0, 1], and in `mask`, unless null, (size, size) the share
// of rays that meet a solid, 0 to 255. One light, Lambert's law, hard shadows. Throws Code::usage
// for a size outside 16 to 128, a camera that is not inside the room (above the walls is inside) or
// is inside the ball of a solid, a light below the floor or beyond the walls, numbers not finite.
void render(const Scene& scene, const Camera& camera, int64_t size, float* rgb,
            uint8_t* mask = nullptr, const RenderOptions& options = {});

// rooms: ring camera. rooms-free: free camera. rooms-rotate: free camera and turned objects.
// shepard-metzler-5, shepard-metzler-7: figures.
std::vector<std::string> world_names();
enum class View : uint8_t { ring, free, sphere };
View view_of(std::string_view world);  // Throws Code::usage for an unknown world.
// Of the sphere of cameras: as far from a figure as it has cubes. All lie wholly in view but a
// straight row of five, which may reach the picture's edge.
float sphere_radius(std::string_view world);

// An endless set of scenes of one world, each with endless views.
struct Scenes {
  std::string world = "rooms";
  uint64_t seed = 0;
  bool test = false;  // scenes for testing, none of which is drawn for training
  RoomOptions room = {};

  // Scene number `index` >= 0, and the camera of its view number `view` >= 0. Throw Code::usage for
  // an unknown world.
  Scene scene(int64_t index) const;
  Camera camera(const Scene& scene, int64_t index, int64_t view) const;

  // The first n views of a scene: images (n, size, size, 3) and poses (n, 7).
  void views(int64_t index, int64_t n, int64_t size, float* images, float* poses,
             const RenderOptions& options = {}) const;
};

}  // namespace lat::rooms
