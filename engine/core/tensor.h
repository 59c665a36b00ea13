#pragma once
// A tensor is a value that is passed by copy: 64 bytes, owning nothing. Always contiguous, row-major, last axis fastest.
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <type_traits>

#include "engine/core/error.h"
#include "kernels/common/types.h"

namespace lat {

using kernels::i64;
using kernels::u32;
using kernels::u64;

class Context;

enum class DType : uint8_t { f32, f64, i32, u8 };
enum class Device : uint8_t { cpu, cuda, emulated };

// Whose memory it is (DESIGN 2): parameters live as long as their Params, persistent as long as their Buffer, step until
// the Step or Scratch that made it rewinds, work inside one recording.
enum class Place : uint8_t { none, parameters, persistent, step, work };

constexpr i64 size_of(DType t) { return t == DType::f64 ? 8 : t == DType::u8 ? 1 : 4; }
constexpr bool is_real(DType t) { return t == DType::f32 || t == DType::f64; }
const char* name_of(DType t);

constexpr int kMaxRank = 6;

// Up to six extents, each at most 2^31 - 1.
struct Shape {
  int32_t dim[kMaxRank] = {};
  int32_t rank = 0;

  Shape() = default;
  Shape(std::initializer_list<i64> dims);
  explicit Shape(std::span<const int32_t> dims);
  i64 size() const;
  int32_t operator[](i64 axis) const { return dim[axis < 0 ? axis + rank : axis]; }
  bool operator==(const Shape& o) const;
  std::string text() const;  // "(128,784)"
};

struct Tensor {
  void* data = nullptr;
  Context* ctx = nullptr;
  int32_t dim[kMaxRank] = {};
  uint8_t rank = 0;
  DType dtype = DType::f32;
  Device device = Device::cpu;
  Place place = Place::none;
  u32 var = 0;         // place on the tape; 0: not tracked
  u32 generation = 0;  // epoch: the generation of the scope that made it ...
  uint16_t depth = 0;  // ... and how deep that scope was
  uint16_t unused[5] = {};

  explicit operator bool() const { return ctx != nullptr; }
  i64 size() const {
    i64 n = 1;
    for (int a = 0; a < rank; ++a) n *= dim[a];
    return n;
  }
  // Its elements, when they are of type T; only the host's own memory may be read or written this way.
  template <class T>
  T* as() const {
    constexpr DType kType = std::is_same_v<T, float>     ? DType::f32
                            : std::is_same_v<T, double>  ? DType::f64
                            : std::is_same_v<T, int32_t> ? DType::i32
                                                         : DType::u8;
    LAT_CHECK(device == Device::cpu, Code::state, "as",
              "the tensor lies on a device; use to_host, set_values or Context::write");
    LAT_CHECK(dtype == kType, Code::shape, "as", "the tensor holds ", name_of(dtype), ", not ",
              name_of(kType));
    return static_cast<T*>(data);
  }
  i64 bytes() const { return size() * size_of(dtype); }
  // Extent of an axis; negative counts from the end.
  i64 operator[](int axis) const { return dim[axis < 0 ? axis + rank : axis]; }
  Shape shape() const { return Shape(std::span<const int32_t>(dim, rank)); }
  // Rows of the matrix whose columns are the last axis.
  i64 cols() const { return rank == 0 ? 1 : dim[rank - 1]; }
  i64 rows() const {
    i64 n = 1;
    for (int a = 0; a + 1 < rank; ++a) n *= dim[a];
    return n;
  }
  // The sizes as a structured binding: const auto [B, D] = x.dims<2>(); fails when the rank is another.
  template <int R>
  std::array<i64, R> dims() const {
    LAT_CHECK(rank == R, Code::shape, "dims", "tensor ", shape().text(), " has ", int(rank),
              " axes where ", R, " are named");
    std::array<i64, R> d{};
    for (size_t a = 0; a < R; ++a) d[a] = dim[a];
    return d;
  }
};

static_assert(sizeof(Tensor) == 64 && std::is_trivially_copyable_v<Tensor>);

}  // namespace lat
