#pragma once
// Numerics `fast` of the CPU (of a GPU: core/device_fast.h): of two ways to compute an f32 product, the kernel in exact
// order and OpenBLAS, the quicker one on this machine, found out by a race when a shape is first met.
//
// A library adds in an order of its own, so the result depends on machine, threads and version. Either sum of k
// products is within g sum_k |a_ik b_kj| of the true one, g = k u / (1 - k u), u = 2^-24 (Higham, Accuracy and Stability
// of Numerical Algorithms, 2nd ed., 3.5); the two are at most twice that apart. tanh and sigmoid shrink a difference.
#include <map>
#include <vector>

#include "engine/core/team.h"
#include "engine/core/tensor.h"

namespace lat {

// At most |fast - exact| / sum_k |a_ik b_kj| of an output that sums k products.
double fast_bound(i64 k);

class Fast {
 public:
  // Code::machine names the package where OpenBLAS is not installed.
  Fast(kernels::Isa isa, Team& team);

  // The kernel table, then OpenBLAS's products under the names of ours.
  const kernels::Kernel* rows() const { return rows_.data(); }
  // The row to call for `kernel` with these f32 arguments: itself, or OpenBLAS's.
  int32_t quicker(int32_t kernel, const kernels::Arg* args);

  // Shapes met so far, and those that OpenBLAS won.
  i64 shapes() const { return static_cast<i64>(won_.size()); }
  i64 won() const;

 private:
  bool race(const std::vector<i64>& shape);

  Team& team_;
  std::vector<kernels::Kernel> rows_;
  std::map<std::vector<i64>, bool> won_;  // by batch, m, n, k, flags
};

}  // namespace lat
