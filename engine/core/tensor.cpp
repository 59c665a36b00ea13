#include "engine/core/tensor.h"

#include <algorithm>

namespace lat {

const char* name_of(DType t) {
  constexpr const char* kNames[] = {"f32", "f64", "i32", "u8"};
  return kNames[int(t)];
}

Shape::Shape(std::initializer_list<i64> dims) {
  LAT_CHECK(dims.size() <= size_t(kMaxRank), Code::shape, "shape", "has ", dims.size(),
            " axes; at most ", kMaxRank, " are possible");
  for (const i64 d : dims) {
    LAT_CHECK(d >= 0 && d <= INT32_MAX, Code::shape, "shape", "extent ", d,
              " is outside 0 .. 2^31 - 1");
    dim[rank++] = int32_t(d);
  }
}

Shape::Shape(std::span<const int32_t> dims) : rank(int32_t(dims.size())) {
  std::copy(dims.begin(), dims.end(), dim);
}

i64 Shape::size() const {
  i64 n = 1;
  for (int a = 0; a < rank; ++a) n *= dim[a];
  return n;
}

bool Shape::operator==(const Shape& o) const {
  return rank == o.rank && std::equal(dim, dim + rank, o.dim);
}

std::string Shape::text() const {
  std::string s = "(";
  for (int a = 0; a < rank; ++a) s += (a ? "," : "") + std::to_string(dim[a]);
  return s + ")";
}

}  // namespace lat
