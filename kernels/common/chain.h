#pragma once
// The order in which a sum of products is added up: the truth for matrix products and convolutions.
#include "kernels/common/vec.h"

namespace lat::kernels::LAT_ISA {

// sum_i term(i), i = 0 ... n - 1. The terms are cut into chunks of kChunk; a chunk is a chain of fused multiply-adds
// from +0, and the chunks are added in order: onto *start where it is given, else onto nothing (no terms: +0).
// term(i, acc) returns fma(a_i, b_i, acc).
template <class T, class Term>
T sum_of_products(i64 n, const T* start, Term&& term) {
  T total = start ? *start : T(0);
  for (i64 chunk = 0; chunk < n; chunk += kChunk) {
    T acc = 0;
    for (i64 i = chunk; i < min_of(chunk + kChunk, n); ++i) acc = term(i, acc);
    total = chunk == 0 && !start ? acc : total + acc;
  }
  return total;
}

}  // namespace lat::kernels::LAT_ISA
