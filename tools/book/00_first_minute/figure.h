#pragma once
// The figure of the prologue.
#include "tools/book/figure.h"

namespace lat::book {

// n images (n,h,w) as rows of a figure.
inline std::vector<std::vector<float>> images_of(const std::vector<double>& values, size_t n) {
  std::vector<std::vector<float>> out;
  const size_t size = values.size() / n;
  for (size_t i = 0; i < n; ++i)
    out.emplace_back(values.begin() + std::ptrdiff_t(i * size),
                     values.begin() + std::ptrdiff_t((i + 1) * size));
  return out;
}

inline Figure strip(const std::vector<Figure::Row>& rows, int side) {
  Figure f;
  f.pictures(rows, side, side);
  return f;
}

}  // namespace lat::book
