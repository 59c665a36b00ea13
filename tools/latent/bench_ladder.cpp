// latent bench ladder: the numbered versions of one kernel, each beside the one before.
#include <algorithm>

#include "tools/latent/args.h"
#include "tools/latent/processor.h"

namespace lat::tools {

namespace {

// Those rungs that write the specification's bits, on little work and all of them the same on the work itself, each
// ready to run.
struct Checked {
  std::vector<const Version*> rungs;
  std::vector<Candidate> candidates;
};
Checked checked_rungs(BenchRun& run, const Climb& climb, const std::string& kernel,
                      const WorkShape& shape, const Work& little, Problem& problem) {
  Checked out;
  std::string want;
  for (const Version& rung : climb.rungs) {
    const auto call = rung.on(problem);
    problem.reset();
    call();
    const std::string got = problem.written();
    if (want.empty()) want = got;
    if (got != want || !rung.matches(little)) {
      run.refuse(kernel, shape, rung.name, "differs from its specification");
      continue;
    }
    out.rungs.push_back(&rung);
    out.candidates.push_back({rung.name, call});
  }
  return out;
}

}  // namespace

int bench_ladder(const KernelBench& options) {
  const Family& family = ladder_family(options.names);
  BenchRun run(options);
  const Climb climb = run.processor().ladder(options.names);
  const WorkShape shape = options.shape.empty()
                              ? run.processor().ladder_shape(family)
                              : WorkShape{"", whole_numbers("--shape", options.shape, 0)};
  const Work work = family.describe(shape);
  require_memory(work);
  const std::string kernel = "ladder " + options.names;

  size_t name = run.peer_width(), does = 4;
  for (const Version& rung : climb.rungs) {
    name = std::max(name, rung.name.size());
    does = std::max(does, rung.does.size());
  }
  run.columns({{"rung", name, true}, {"what", does, true}}, {{"gain", 6}, {"in all", 6}},
              cat("gain: the time of the rung before over this one's; in all: that of the first\n",
                  kernel, " ", shape.json(), ", each rung with its specification's bits\n"));
  for (const i64 threads : options.threads) {
    run.begin(static_cast<int>(std::min<i64>(threads, 1 << 20)));
    const FloatGuard guard;
    Problem problem(work, run.processor().device());
    auto [rungs, candidates] =
        checked_rungs(run, climb, kernel, shape, family.describe(family.small(shape)), problem);
    if (rungs.empty()) continue;
    candidates.back().run();  // the peers are held against what it writes
    const Version& product = climb.rungs[climb.product];
    for (Candidate& peer : checked_peers(run, family, shape, work, problem, product))
      candidates.push_back(std::move(peer));
    const std::vector<Result> results = run.measure(kernel, shape, work, candidates);
    for (size_t i = 0; i < results.size(); ++i) {
      const Result& r = results[i];
      const bool ours = i < rungs.size();
      std::string gain;
      std::vector<Json::Member> beyond;
      if (ours && i > 0) {
        gain = ratio_text(results[i - 1], r);
        beyond.push_back({"gain", results[i - 1].time.us / r.time.us});
      }
      run.add(r, {r.impl, ours ? rungs[i]->does : "another library"},
              {gain, i > 0 ? ratio_text(results[0], r) : ""}, beyond);
    }
    const auto at = std::find(rungs.begin(), rungs.end(), &product);
    for (size_t i = rungs.size(); at != rungs.end() && i < results.size(); ++i)
      run.ratio(results[i], results[static_cast<size_t>(at - rungs.begin())]);
    if (run.processor().has_speed() && !options.json && !options.markdown && !options.csv)
      print("\n" + bar_chart(results, columns()));
  }
  return run.finish("latent bench " + kernel);
}

}  // namespace lat::tools
