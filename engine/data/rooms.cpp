#include "engine/data/rooms.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>

#include "engine/core/error.h"

#define LAT_ISA rooms  // the name space of the arithmetic below
#include "kernels/common/math.h"
#include "kernels/common/philox.h"

namespace lat::rooms {

namespace {

// ---- arithmetic: a number, or four side by side -------------------------------------------------

typedef float F4 __attribute__((vector_size(16)));
typedef int32_t I4 __attribute__((vector_size(16)));
typedef int64_t L2 __attribute__((vector_size(16)));

// a b, rounded: the empty statement hides from the compiler that a product feeds a sum, so that it
// never makes one fused operation of the two, whatever it is told about contraction.
template <class T>
inline T product(T a, T b) {
  T p = a * b;
#if defined(__x86_64__)
  asm("" : "+x"(p));
#elif defined(__aarch64__)
  asm("" : "+w"(p));
#else
  asm("" : "+m"(p));
#endif
  return p;
}
inline F4 product(float a, F4 b) { return product(a - F4{}, b); }

inline F4 root(F4 x) {
#if defined(__x86_64__)
  return F4(_mm_sqrt_ps(__m128(x)));
#else
  for (int l = 0; l < 4; ++l) x[l] = kernels::LAT_ISA::m::sqrt(x[l]);
  return x;
#endif
}

inline bool any(I4 mask) {
  const L2 halves = L2(mask);
  return (halves[0] | halves[1]) != 0;
}

// By compare and select: a NaN in `a` is dropped for `b`.
template <class T>
inline T lesser(T a, T b) {
  return a < b ? a : b;
}
template <class T>
inline T greater(T a, T b) {
  return a > b ? a : b;
}

inline F4 magnitude(F4 x) { return F4(I4(x) & 0x7fffffff); }  // of -0 too

struct Points {
  F4 x, y, z;
};
inline Points operator+(const Points& a, const Points& b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
inline Points operator-(const Points& a, const Points& b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
inline Points operator*(F4 s, const Points& a) {
  return {product(s, a.x), product(s, a.y), product(s, a.z)};
}
inline Vec operator-(const Vec& a, const Vec& b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
template <class A, class B>  // Vec or Points
inline auto dot(const A& a, const B& b) {
  return (product(a.x, b.x) + product(a.y, b.y)) + product(a.z, b.z);
}
inline Points splat(const Vec& p) { return {p.x - F4{}, p.y - F4{}, p.z - F4{}}; }
inline Points splat(const Rgb& c) { return {c.r - F4{}, c.g - F4{}, c.b - F4{}}; }
inline Points select(I4 mask, const Points& a, const Points& b) {
  return {mask ? a.x : b.x, mask ? a.y : b.y, mask ? a.z : b.z};
}

using SinCos = kernels::LAT_ISA::m::SinCos<float>;
SinCos sin_cos(float angle) {
  LAT_CHECK(std::abs(angle) <= 1e6f, Code::usage, "rooms", "an angle is ", angle,
            ": expected radians of at most 10^6");
  const double turns = static_cast<double>(angle) * (0x1p31 * std::numbers::inv_pi);
  return kernels::LAT_ISA::m::sin_cos_turn<float>(
      static_cast<uint32_t>(static_cast<int64_t>(turns)));
}

// ---- shapes, in the ball of radius 1 around (0, 0, 0) -------------------------------------------

// low <= x p_x + y p_y + z p_z <= high
struct Slab {
  Vec normal;
  float low, high;
};

constexpr float kCube = 0.577350269f;  // 1 / sqrt(3)
constexpr Slab kBox[] = {
    {{1, 0, 0}, -kCube, kCube}, {{0, 1, 0}, -kCube, kCube}, {{0, 0, 1}, -kCube, kCube}};

constexpr float kCylinder2 = 0.36f;  // the square of its radius
constexpr Slab kCylinder[] = {{{0, 0, 1}, -0.8f, 0.8f}};

// Two half balls around (0, 0, -1/2) and (0, 0, 1/2) and what lies between.
constexpr float kCapsule = 0.5f, kCapsule2 = 0.25f;
constexpr Slab kCapsuleMiddle[] = {{{0, 0, 1}, -kCapsule, kCapsule}};

// x^2 + y^2 <= (1 - z)^2 / 4
constexpr Slab kCone[] = {{{0, 0, 1}, -0.6f, 1}};

constexpr float kIn = 0.794654472f;  // the radius of the ball in an icosahedron
constexpr float kThird = 0.333333333f, kFifth = 0.745355992f;  // sqrt(5) / 3
constexpr Slab kIcosahedron[] = {{{0, 0, 1}, -kIn, kIn},
                                 {{kCube, kThird, kFifth}, -kIn, kIn},
                                 {{-kCube, kThird, kFifth}, -kIn, kIn},
                                 {{0, -0.666666667f, kFifth}, -kIn, kIn},
                                 {{kCube, -kFifth, kThird}, -kIn, kIn},
                                 {{-kCube, -kFifth, kThird}, -kIn, kIn},
                                 {{0.934172359f, -0.127322004f, kThird}, -kIn, kIn},
                                 {{-0.934172359f, -0.127322004f, kThird}, -kIn, kIn},
                                 {{0.35682209f, 0.872677996f, kThird}, -kIn, kIn},
                                 {{-0.35682209f, 0.872677996f, kThird}, -kIn, kIn}};

constexpr float kSlope = 0.866025404f;  // sqrt(3) / 2
constexpr Slab kTriangle[] = {{{0, 0, -1}, -0.8f, 0.4f},
                              {{kSlope, 0, 0.5f}, -0.8f, 0.4f},
                              {{-kSlope, 0, 0.5f}, -0.8f, 0.4f},
                              {{0, 1, 0}, -0.6f, 0.6f}};

constexpr struct {
  const char* name;
  float foot;  // what lies below the centre, in radii
} kShapeTable[kShapes] = {{"box", kCube}, {"sphere", 1},        {"cylinder", 0.8f}, {"capsule", 1},
                          {"cone", 0.6f}, {"icosahedron", kIn}, {"triangle", 0.4f}};

constexpr float kFar = 1e30f;

// The part enter < t < exit of the ray p + t d that lies inside, and the outward normal, of any
// length, where it enters. Empty, or NaN: outside. d is never 0.
struct Inside {
  F4 enter = F4{} - kFar, exit = F4{} + kFar;
  Points normal = {};

  template <size_t n>
  void cut(const Slab (&slabs)[n], const Points& p, const Points& d) {
    for (const Slab& slab : slabs) {
      const F4 along = dot(slab.normal, d), start = dot(slab.normal, p);
      const F4 a = (slab.low - start) / along, b = (slab.high - start) / along;
      const I4 later = lesser(a, b) > enter;
      enter = later ? lesser(a, b) : enter;
      exit = lesser(greater(a, b), exit);
      const Points n1 = splat(slab.normal);
      normal = select(later, select(along > 0, Points{-n1.x, -n1.y, -n1.z}, n1), normal);
    }
  }

  // Keeps the part from a to b, where the normal is to be told afterwards; returns where that is.
  I4 keep(F4 a, F4 b) {
    const I4 later = a > enter;
    enter = later ? a : enter;
    exit = lesser(b, exit);
    return later;
  }
};

// The roots of a t^2 + 2 b t + c, the smaller first, by the sum that does not cancel. Without roots
// the first is far ahead, the second far behind.
struct Roots {
  F4 first, second;
  Roots(F4 a, F4 b, F4 c) {
    const F4 s2 = product(b, b) - product(a, c);
    const F4 s = root(s2), k = b > 0 ? -b - s : s - b;
    const F4 t = k / a, u = c / k;
    first = s2 >= 0 ? lesser(t, u) : F4{} + kFar;
    second = s2 >= 0 ? greater(t, u) : F4{} - kFar;
  }
};

// p is the point of the ray nearest to (0, 0, 0), so that nothing cancels.
LAT_INLINE Inside inside(Shape shape, const Points& p, const Points& d) {
  const F4 level2 = product(d.x, d.x) + product(d.y, d.y);
  const F4 across = product(p.x, d.x) + product(p.y, d.y);
  const F4 distance2 = product(p.x, p.x) + product(p.y, p.y);
  Inside in;
  switch (shape) {
    case Shape::box:
      in.cut(kBox, p, d);
      break;
    case Shape::icosahedron:
      in.cut(kIcosahedron, p, d);
      break;
    case Shape::triangle:
      in.cut(kTriangle, p, d);
      break;
    case Shape::sphere: {
      const F4 half = root(greater(1 - dot(p, p), F4{}) / dot(d, d));
      in.keep(-half, half);
      in.normal = p + in.enter * d;
      break;
    }
    case Shape::cylinder: {
      in.cut(kCylinder, p, d);
      // An upright ray has roots too, far away.
      const Roots side(level2 + 1e-12f, across, distance2 - kCylinder2);
      const I4 on_side = in.keep(side.first, side.second);
      in.normal = select(
          on_side, {p.x + product(in.enter, d.x), p.y + product(in.enter, d.y), F4{}}, in.normal);
      break;
    }
    case Shape::capsule: {
      in.cut(kCapsuleMiddle, p, d);
      const Roots side(level2 + 1e-12f, across, distance2 - kCapsule2);
      in.keep(side.first, side.second);
      const I4 empty = ~(in.enter < in.exit);
      in.enter = empty ? F4{} + kFar : in.enter;
      in.exit = empty ? F4{} - kFar : in.exit;
      for (const float z : {-kCapsule, kCapsule}) {
        const F4 up = p.z - z;
        const Roots cap(dot(d, d), across + product(up, d.z),
                        (distance2 - kCapsule2) + product(up, up));
        in.enter = lesser(cap.first, in.enter);
        in.exit = greater(cap.second, in.exit);
      }
      in.normal = p + in.enter * d;
      in.normal.z -= lesser(greater(in.normal.z, F4{} - kCapsule), F4{} + kCapsule);
      break;
    }
    case Shape::cone: {
      in.cut(kCone, p, d);
      const F4 h = 1 - p.z;  // below the apex
      const F4 a = level2 - product(0.25f, product(d.z, d.z));
      const F4 b = across + product(0.25f, product(h, d.z));
      const F4 c = distance2 - product(0.25f, product(h, h));
      const Roots side(a, b, c);
      // A ray steeper than the side meets this half of the double cone once; where rounding takes
      // the roots at the apex, the slab decides.
      const I4 steep = a < 0, down = d.z < 0;
      const I4 on_side = in.keep(steep ? (down ? side.second : F4{} - kFar) : side.first,
                                 steep ? (down ? F4{} + kFar : side.first) : side.second);
      const Points hit = p + in.enter * d;
      in.normal = select(on_side, {hit.x, hit.y, 0.25f * (1 - hit.z)}, in.normal);
      break;
    }
  }
  return in;
}

// ---- what a ray meets ---------------------------------------------------------------------------

// A solid, ready to be drawn.
struct Body {
  Shape shape;
  int32_t number;
  Vec centre;
  float radius2;
  float cosine, sine, inverse;  // of its yaw, and 1, over its radius
  Points colour;
  int64_t top = 0, bottom = 0, left = 0, right = 0;  // pixels that may show it: [top, bottom) ...

  // The part of the ray o + t d inside the solid, empty where it misses; d2 = d d.
  LAT_INLINE Inside inside(const Points& o, const Points& d, F4 d2) const {
    const Points from = o - splat(centre);
    const F4 nearest = -dot(from, d) / d2;
    const Points p = from + nearest * d;
    const I4 near = dot(p, p) < radius2;
    Inside in;
    if (any(near)) in = rooms::inside(shape, turned(p), turned(d));
    in.enter = near ? in.enter + nearest : F4{} + kFar;
    in.exit = near ? in.exit + nearest : F4{} - kFar;
    return in;
  }

  // Into the coordinates of the shape, and a direction back from them, radius^2 times too short.
  Points turned(const Points& p) const {
    return {product(cosine, p.x) + product(sine, p.y), product(cosine, p.y) - product(sine, p.x),
            product(inverse, p.z)};
  }
  Points turned_back(const Points& n) const {
    return {product(cosine, n.x) - product(sine, n.y), product(sine, n.x) + product(cosine, n.y),
            product(inverse, n.z)};
  }
};

// The surfaces that four rays meet first.
struct Seen {
  F4 t;
  Points normal, colour;
  I4 number;  // of the solid, -1 for none
  I4 lit;     // all but the background
};

// From within the room each ray leaves through a wall, the floor or between the walls.
LAT_INLINE Seen see_room(const Scene& scene, const Points& o, const Points& d) {
  const F4 tx = (d.x > 0 ? kHalfRoom - o.x : kHalfRoom + o.x) / magnitude(d.x);
  const F4 ty = (d.y > 0 ? kHalfRoom - o.y : kHalfRoom + o.y) / magnitude(d.y);
  const F4 tz = d.z < 0 ? -o.z / d.z : F4{} + kFar;
  const F4 wall = lesser(tx, ty), t = lesser(tz, wall);
  const I4 on_floor = tz < wall, on_x = tx < ty;
  const F4 zero = {}, one = zero + 1;
  Seen seen;
  seen.normal.x = on_floor ? zero : (on_x ? (d.x > 0 ? -one : one) : zero);
  seen.normal.y = on_floor ? zero : (on_x ? zero : (d.y > 0 ? -one : one));
  seen.normal.z = on_floor ? one : zero;
  seen.t = t;
  seen.number = I4{} - 1;
  seen.lit = on_floor | (o.z + product(t, d.z) <= kWallHeight);
  seen.colour = select(on_floor, splat(scene.floor), splat(scene.wall));
  seen.colour = select(seen.lit, seen.colour, splat(scene.background));
  return seen;
}

constexpr float kAmbient = 0.4f, kDiffuse = 0.6f;
constexpr float kClear = 1e-4f;  // of the way to the light, in which touching solids cast no shadow

struct Picture {
  const Scene& scene;
  const std::vector<Body>& bodies;
  Points origin;
  bool shadows;

  // Colours, and -1 in `solid` where a solid is seen. Only `near` bodies can be seen.
  LAT_INLINE Points trace(const Points& d, const std::vector<const Body*>& near, I4& solid) const {
    const F4 zero = {};
    const F4 d2 = dot(d, d);
    Seen seen{zero + kFar, {zero, zero, zero + 1}, splat(scene.background), I4{} - 1, I4{}};
    if (scene.room) seen = see_room(scene, origin, d);
    for (const Body* body : near) {
      const Inside in = body->inside(origin, d, d2);
      const I4 closer = (in.enter < in.exit) & (in.enter > 0) & (in.enter < seen.t);
      if (!any(closer)) continue;
      seen.t = closer ? in.enter : seen.t;
      seen.normal = select(closer, body->turned_back(in.normal), seen.normal);
      seen.colour = select(closer, body->colour, seen.colour);
      seen.number = closer ? I4{} + body->number : seen.number;
      seen.lit |= closer;
    }
    solid = seen.number >= 0;
    if (!any(seen.lit)) return seen.colour;

    const Points p = origin + seen.t * d;
    const Points to_light = splat(scene.light) - p;
    const F4 l2 = dot(to_light, to_light);
    F4 cosine = dot(seen.normal, to_light) / root(dot(seen.normal, seen.normal) * l2);
    I4 bright = seen.lit & (cosine > 0);
    if (shadows && any(bright)) {
      for (const Body& body : bodies) {
        const Inside in = body.inside(p, to_light, l2);
        const I4 blocked = (in.enter < in.exit) & (in.enter < 1) & (in.exit > kClear);
        bright &= ~(blocked & (seen.number != body.number));
      }
    }
    cosine = bright ? cosine : zero;
    const F4 share = seen.lit ? kAmbient + product(kDiffuse, cosine) : zero + 1;
    return share * seen.colour;
  }
};

// ---- from a camera ------------------------------------------------------------------------------

struct Frame {
  Vec origin, right, up, forward;

  explicit Frame(const Camera& c) : origin{c.x, c.y, c.z} {
    const SinCos yaw = sin_cos(c.yaw), pitch = sin_cos(c.pitch);
    right = {yaw.sin, -yaw.cos, 0};
    up = {-pitch.sin * yaw.cos, -pitch.sin * yaw.sin, pitch.cos};
    forward = {pitch.cos * yaw.cos, pitch.cos * yaw.sin, pitch.sin};
  }
};

// The pixels [first, end) of a row or column in which a ball may be seen that lies at (side, depth)
// in the plane of that row's direction and `forward`. The slopes s of the lines through (0, 0) that
// touch a circle: (side - s depth)^2 = radius^2 (1 + s^2). At least a pixel too many on either side.
void extent(float side, float depth, float radius, int64_t size, int64_t& first, int64_t& end) {
  const float wide = radius * 1.01f;
  first = 0, end = depth > -wide ? size : 0;
  if (depth <= wide) return;
  const float below = depth * depth - wide * wide;
  const float spread = wide * std::sqrt(side * side + below);
  const float half = 0.5f * static_cast<float>(size);
  const auto pixel = [&](float slope) {
    const float at = half + half / kHalfView * slope;
    return static_cast<int64_t>(std::clamp(at, -2.0f, static_cast<float>(size + 2)));
  };
  first = std::clamp<int64_t>(pixel((side * depth - spread) / below) - 2, 0, size);
  end = std::clamp<int64_t>(pixel((side * depth + spread) / below) + 3, 0, size);
}

Body prepare(const Solid& solid, int32_t number, const Frame& frame, int64_t size) {
  const SinCos yaw = sin_cos(solid.yaw);
  const float inverse = 1 / solid.radius;
  Body body{.shape = solid.shape,
            .number = number,
            .centre = solid.centre,
            .radius2 = solid.radius * solid.radius,
            .cosine = yaw.cos * inverse,
            .sine = yaw.sin * inverse,
            .inverse = inverse,
            .colour = splat(solid.colour)};
  const Vec from = solid.centre - frame.origin;
  const float depth = dot(from, frame.forward);
  extent(dot(from, frame.right), depth, solid.radius, size, body.left, body.right);
  extent(-dot(from, frame.up), depth, solid.radius, size, body.top, body.bottom);
  return body;
}

bool finite(const Vec& v) { return std::isfinite(v.x) && std::isfinite(v.y) && std::isfinite(v.z); }
bool is_colour(const Rgb& c) {
  const auto good = [](float v) { return v >= 0 && v <= 1; };
  return good(c.r) && good(c.g) && good(c.b);
}
bool in_room(const Vec& v) {
  return std::abs(v.x) < kHalfRoom && std::abs(v.y) < kHalfRoom && v.z > 0;
}
std::string text(const Vec& v) { return cat("(", v.x, ", ", v.y, ", ", v.z, ")"); }

void check(const Scene& scene, const Vec& camera) {
  constexpr const char* kWhere = "rooms";
  LAT_CHECK(finite(camera), Code::usage, kWhere, "the camera is at ", text(camera),
            ": expected finite numbers");
  LAT_CHECK(!scene.room || in_room(camera), Code::usage, kWhere, "the camera is at ", text(camera),
            ", outside the room: expected |x| and |y| below ", kHalfRoom, " and z above 0");
  LAT_CHECK(finite(scene.light), Code::usage, kWhere, "the light is at ", text(scene.light),
            ": expected finite numbers");
  LAT_CHECK(!scene.room || in_room(scene.light), Code::usage, kWhere, "the light is at ",
            text(scene.light), ", outside the room: expected |x| and |y| below ", kHalfRoom,
            " and z above 0");
  bool colours = is_colour(scene.wall) && is_colour(scene.floor) && is_colour(scene.background);
  for (size_t i = 0; i < scene.solids.size(); ++i) {
    const Solid& solid = scene.solids[i];
    LAT_CHECK(solid.radius > 0 && std::isfinite(solid.radius) && finite(solid.centre), Code::usage,
              kWhere, "solid ", i, " has radius ", solid.radius, " around ", text(solid.centre),
              ": expected finite numbers and a radius above 0");
    LAT_CHECK(static_cast<int64_t>(solid.shape) < kShapes, Code::usage, kWhere, "solid ", i,
              " has shape number ", static_cast<int>(solid.shape), " of ", kShapes);
    const Vec from = camera - solid.centre;
    LAT_CHECK(dot(from, from) > solid.radius * solid.radius, Code::usage, kWhere,
              "the camera is at ", text(camera), ", inside the ball of radius ", solid.radius,
              " around solid ", i, " at ", text(solid.centre), ": move one of them");
    colours = colours && is_colour(solid.colour);
  }
  LAT_CHECK(colours, Code::usage, kWhere, "a colour is out of range: expected 0 to 1");
}

}  // namespace

void render(const Scene& scene, const Camera& camera, int64_t size, float* rgb, uint8_t* mask,
            const RenderOptions& options) {
  LAT_CHECK(size >= 16 && size <= 128, Code::usage, "rooms", "an image of ", size,
            " pixels a side cannot be drawn: give 16 to 128");
  const Frame frame(camera);
  check(scene, frame.origin);
  std::vector<Body> bodies;
  for (const Solid& solid : scene.solids)
    bodies.push_back(prepare(solid, static_cast<int32_t>(bodies.size()), frame, size));
  std::vector<const Body*> in_row, near;
  const Picture picture{scene, bodies, splat(frame.origin), options.shadows};

  // Four rays at once: those of a pixel, or of four pixels in a row.
  const bool four = options.antialias;
  const int64_t pixels = four ? 1 : 4;
  const F4 dx = four ? F4{0.25f, 0.75f, 0.25f, 0.75f} : F4{0.5f, 1.5f, 2.5f, 3.5f};
  const F4 dy = four ? F4{0.25f, 0.25f, 0.75f, 0.75f} : F4{0.5f, 0.5f, 0.5f, 0.5f};
  const F4 half = F4{} + 0.5f * static_cast<float>(size);
  const auto slope = [&](int64_t pixel, F4 offset) {
    return ((static_cast<float>(pixel) + offset) / half - 1) * kHalfView;
  };
  const Points right = splat(frame.right), up = splat(frame.up), forward = splat(frame.forward);
  for (int64_t i = 0; i < size; ++i) {
    in_row.clear();
    for (const Body& body : bodies)
      if (body.top <= i && i < body.bottom) in_row.push_back(&body);
    const Points ahead = forward - slope(i, dy) * up;
    for (int64_t j = 0; j < size; j += pixels) {
      near.clear();
      for (const Body* body : in_row)
        if (body->left < j + pixels && j < body->right) near.push_back(body);
      I4 solid;
      const Points c = picture.trace(ahead + slope(j, dx) * right, near, solid);
      float* const out = rgb + 3 * (i * size + j);
      uint8_t* const out_mask = mask ? mask + i * size + j : nullptr;
      if (four) {
        const F4* const channels[] = {&c.x, &c.y, &c.z};
        for (int k = 0; k < 3; ++k) {
          const F4 v = *channels[k];
          out[k] = ((v[0] + v[1]) + (v[2] + v[3])) * 0.25f;
        }
        const int rays = -(solid[0] + solid[1] + solid[2] + solid[3]);
        if (mask) out_mask[0] = static_cast<uint8_t>((255 * rays + 2) / 4);
      } else {
        for (int l = 0; l < 4 && j + l < size; ++l) {
          out[3 * l] = c.x[l], out[3 * l + 1] = c.y[l], out[3 * l + 2] = c.z[l];
          if (mask) out_mask[l] = solid[l] ? 255 : 0;
        }
      }
    }
  }
}

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
