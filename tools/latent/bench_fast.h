#pragma once
// Numerics `fast` in the bench: beside the two of which it takes the quicker, with its error and the bound of it.
#include <optional>

#include "engine/core/fast.h"
#include "tools/latent/bench_kernel.h"

namespace lat::tools {

class FastBench {
 public:
  static constexpr const char* kImpl = "latent.fast";

  FastBench(kernels::Isa isa, Team& team) : fast_(isa, team), team_(team) {}

  // What `fast` calls for this product, its output apart from the problem's. Nothing for other work. Exact's output
  // stands in operand 0; its distance from fast's is noted.
  std::optional<Candidate> candidate(const Family& family, const Work& work, Problem& problem);
  // Notes how it fared against the quicker of ours and OpenBLAS's, if all three were timed.
  void note(const std::vector<Result>& results);
  // For the end of the run.
  std::string summary() const;

 private:
  Fast fast_;
  Team& team_;
  std::vector<double> shares_;  // the quicker one's time over fast's
  Distance distance_;
};

}  // namespace lat::tools
