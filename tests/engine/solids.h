#pragma once
// What the tests of rooms share: the solids as convex functions and the directions of rays, in double
// precision.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/data/rooms.h"
#include "tests/engine/data_files.h"

namespace lat::test {

using namespace rooms;

struct V {
  double x = 0, y = 0, z = 0;
};
inline V operator+(V a, V b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline V operator-(V a, V b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline V operator*(double s, V a) { return {s * a.x, s * a.y, s * a.z}; }
inline double dot(V a, V b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline double norm(V a) { return std::sqrt(dot(a, a)); }
inline V vec(const Vec& v) { return {v.x, v.y, v.z}; }

// The outward unit normals of the icosahedron in the unit ball that lies on a face, from its vertices.
inline std::vector<V> icosahedron_normals() {
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
inline double shape_function(Shape shape, V p) {
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

inline double solid_function(const Solid& solid, V p) {
  const V from = 1 / double{solid.radius} * (p - vec(solid.centre));
  const double c = std::cos(solid.yaw), s = std::sin(solid.yaw);
  return shape_function(solid.shape, {c * from.x + s * from.y, c * from.y - s * from.x, from.z});
}

// The direction of a ray through the image plane at (a, b) of engine/data/rooms.h.
inline V direction(const Camera& c, double a, double b) {
  const double cy = std::cos(c.yaw), sy = std::sin(c.yaw);
  const double cp = std::cos(c.pitch), sp = std::sin(c.pitch);
  const V forward{cp * cy, cp * sy, sp}, right{sy, -cy, 0};
  const V up{right.y * forward.z - right.z * forward.y, right.z * forward.x - right.x * forward.z,
             right.x * forward.y - right.y * forward.x};
  return forward + a * right - b * up;
}

inline bool in_range(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return v >= 0 && v <= 1; });
}

inline Scene empty_room() {
  Scene scene;
  scene.wall = {1, 0, 0}, scene.floor = {0, 0, 1}, scene.background = {0, 1, 0};
  return scene;
}

}  // namespace lat::test
