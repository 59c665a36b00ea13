#pragma once
// kernels/gather/permutation.h, with its argument checked.
#include "engine/core/error.h"
#include "kernels/gather/permutation.h"

namespace lat {

struct Permutation : kernels::Permutation {
  // Throws Code::usage unless 1 <= n < 2^62.
  Permutation(int64_t n, uint64_t seed, uint64_t epoch)
      : kernels::Permutation(checked(n), seed, epoch) {}

 private:
  static int64_t checked(int64_t n) {
    LAT_CHECK(n >= 1 && n < int64_t{1} << 62, Code::usage, "Permutation", n,
              " elements cannot be permuted: give 1 to 2^62 - 1");
    return n;
  }
};

}  // namespace lat
