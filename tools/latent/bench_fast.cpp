#include "tools/latent/bench_fast.h"

#include <algorithm>
#include <cmath>

#include "tools/latent/settings.h"

namespace lat::tools {

using kernels::Arg;
using kernels::K;

std::optional<Candidate> FastBench::candidate(const Family& family, const Work& work,
                                              Problem& problem) {
  if (!family.name.starts_with("gemm")) return {};
  const i64 n = work.operands[0].count;
  const auto out = std::make_shared<Floats>(n);
  std::vector<Arg> args = problem.args();
  args[0].p = out->data();
  const kernels::Kernel& row =
      fast_.rows()[fast_.quicker(static_cast<int32_t>(work.kernel), args.data())];
  const i64 parts = row.plan[0](args.data()).parts;
  const auto run = [this, out, args, &row, parts] { team_.run(row.run[0], args.data(), parts); };
  run();

  const Problem sizes(work.absolute());
  const kernels::Kernel& exact = fast_.rows()[static_cast<size_t>(work.kernel)];
  team_.run(exact.run[0], sizes.args().data(), exact.plan[0](sizes.args().data()).parts);
  distance_.note(out->data(), problem.floats(0), sizes.floats(0), n, work.terms);
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
             fixed(*std::min_element(shares_.begin(), shares_.end()), 2), "\n|fast - exact| ",
             distance_.text());
}

}  // namespace lat::tools
