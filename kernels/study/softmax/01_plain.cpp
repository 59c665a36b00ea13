// The specification, one element at a time: the row's maximum, the sum of exp(x - max), then (x - max) - log sum.
//
// exp is our own polynomial, computed here for one float at a time: some twenty operations for each element.
#include "kernels/common/math.h"
#include "kernels/study/rungs.h"

namespace lat::kernels::LAT_ISA {
namespace {

// Joins term(c) in the order of row sums: 64 lanes, folded by halves, chunk after chunk.
template <class Join, class Term>
float row(i64 cols, float start, Join join, Term term) {
  float total = start;
  for (i64 chunk = 0; chunk < cols; chunk += kRowChunk) {
    float lane[kLanes];
    for (i64 l = 0; l < kLanes; ++l) lane[l] = start;
    for (i64 c = 0; c < min_of(kRowChunk, cols - chunk); ++c)
      lane[c % kLanes] = join(lane[c % kLanes], term(chunk + c));
    for (i64 half = kLanes / 2; half > 0; half /= 2)
      for (i64 l = 0; l < half; ++l) lane[l] = join(lane[l], lane[l + half]);
    total = chunk == 0 ? lane[0] : join(total, lane[0]);
  }
  return total;
}

}  // namespace

void softmax_plain(Part, float* y, const float* x, i64 rows, i64 cols) {
  const auto larger = [](float a, float b) { return b != b || a < b ? b : a; };
  const auto add = [](float a, float b) { return a + b; };
  for (i64 r = 0; r < rows; ++r, x += cols, y += cols) {
    const float most = row(cols, -__builtin_inff(), larger, [&](i64 c) { return x[c]; });
    const float norm = m::log(row(cols, 0, add, [&](i64 c) { return m::exp(x[c] - most); }));
    for (i64 c = 0; c < cols; ++c) y[c] = (x[c] - most) - norm;
  }
}

}  // namespace lat::kernels::LAT_ISA
