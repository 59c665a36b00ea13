#include "tools/latent/bench_fast.h"

#include <algorithm>
#include <cmath>

#include "tools/latent/settings.h"

namespace lat::tools {

using kernels::Arg;
using kernels::K;

std::optional<Candidate> FastBench::candidate(const Family& family, const WorkShape& shape,
                                              const Work& work, Problem& problem) {
  if (!family.name.starts_with("gemm")) return {};
  const i64 n = work.operands[0].count, k = shape.sizes[2];
  const auto out = std::make_shared<Floats>(n);
  std::vector<Arg> args = problem.args();
  args[0].p = out->data();
  const kernels::Kernel& row =
      fast_.rows()[fast_.quicker(static_cast<int32_t>(work.kernel), args.data())];
  const i64 parts = row.plan[0](args.data()).parts;
  const auto run = [this, out, args, &row, parts] { team_.run(row.run[0], args.data(), parts); };
  run();

  // sum |a b|, by the exact kernel.
  std::vector<std::vector<float>> sizes;
  std::vector<Arg> absolute = problem.args();
  for (const size_t i : {1u, 2u}) {
    const float* const from = problem.floats(i);
    sizes.emplace_back(from, from + work.operands[i].count);
    for (float& x : sizes.back()) x = std::fabs(x);
    absolute[i].p = sizes.back().data();
  }
  std::vector<float> sums(static_cast<size_t>(n));
  absolute[0].p = sums.data();
  const kernels::Kernel& exact = fast_.rows()[static_cast<size_t>(work.kernel)];
  team_.run(exact.run[0], absolute.data(), exact.plan[0](absolute.data()).parts);
  double apart = 0;
  for (i64 i = 0; i < n; ++i) {
    const double size = sums[static_cast<size_t>(i)];
    if (size > 0)
      apart = std::max(apart, std::fabs(double{out->data()[i]} - problem.floats(0)[i]) / size);
  }
  if (apart >= furthest_) furthest_ = apart, bound_ = fast_bound(k);
  used_ = std::max(used_, apart / fast_bound(k));
  return Candidate{kImpl, run};
}

void FastBench::note(const std::vector<Result>& results) {
  double fast = 0, quicker = INFINITY;
  for (const Result& r : results)
    if (r.impl == kImpl)
      fast = r.time.us;
    else if (r.impl == "latent" || r.impl == "OpenBLAS")
      quicker = std::min(quicker, r.time.us);
  if (fast > 0) shares_.push_back(quicker / fast);
}

std::string FastBench::summary() const {
  if (shares_.empty()) return "";
  double logs = 0;
  for (const double s : shares_) logs += std::log(s);
  return cat("numerics fast: OpenBLAS's for ", fast_.won(), " of ", fast_.shapes(),
             " shapes; speed against the quicker of exact and OpenBLAS: geometric mean ",
             fixed(std::exp(logs / static_cast<double>(shares_.size())), 2), ", worst ",
             fixed(*std::min_element(shares_.begin(), shares_.end()), 2),
             "\n|fast - exact| at most ", furthest_, " sum |a b|, where the bound is ", bound_,
             "; no shape used more than ", fixed(100 * used_, 1), " % of its bound");
}

}  // namespace lat::tools
