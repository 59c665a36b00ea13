// The ray caster: what four rays side by side meet, and the image that a camera sees.
#include <algorithm>
#include <cmath>

#include "engine/data/rooms_parts.h"

namespace lat::rooms {

namespace {

// ---- shapes, in the ball of radius 1 around (0, 0, 0) -------------------------------------------

// low <= x p_x + y p_y + z p_z <= high
struct Slab {
  Vec normal;
  float low, high;
};

constexpr Slab kBox[] = {
    {{1, 0, 0}, -kCube, kCube}, {{0, 1, 0}, -kCube, kCube}, {{0, 0, 1}, -kCube, kCube}};

constexpr float kCylinder2 = 0.36f;  // the square of its radius
constexpr Slab kCylinder[] = {{{0, 0, 1}, -0.8f, 0.8f}};

// Two half balls around (0, 0, -1/2) and (0, 0, 1/2) and what lies between.
constexpr float kCapsule = 0.5f, kCapsule2 = 0.25f;
constexpr Slab kCapsuleMiddle[] = {{{0, 0, 1}, -kCapsule, kCapsule}};

// x^2 + y^2 <= (1 - z)^2 / 4
constexpr Slab kCone[] = {{{0, 0, 1}, -0.6f, 1}};

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

}  // namespace lat::rooms
