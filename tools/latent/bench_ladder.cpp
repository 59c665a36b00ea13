// latent bench ladder: the numbered versions of one kernel, each beside the one before.
#include <algorithm>

#include "tools/latent/args.h"
#include "tools/latent/bench_kernel.h"
#include "tools/latent/run_folder.h"

namespace lat::tools {

namespace {

const kernels::Ladder& find_ladder(kernels::Isa isa, const std::string& name) {
  LAT_CHECK(isa != kernels::Isa::v2, Code::machine, "x86-64-v2",
            "has no fused multiply-add, which every rung is made of. Expected a machine, or "
            "--isa, with v3 or v4");
  for (i64 i = 0; i < kernels::kLadders; ++i)
    if (kernels::ladder(isa, i).name == name) return kernels::ladder(isa, i);
  fail(Code::state, name, "has no rungs in kernels/study");
}

// The rungs that write the specification's bits, on little work and all of them the same on the work itself. Each is
// ready to run.
struct Climb {
  std::vector<const kernels::Rung*> rungs;
  std::vector<Candidate> candidates;
};
Climb checked_rungs(BenchRun& run, const kernels::Ladder& ladder, const std::string& kernel,
                    const WorkShape& shape, const Work& little, Problem& problem) {
  const kernels::Arg* const args = problem.args().data();
  Climb out;
  std::string want;
  for (i64 i = 0; i < ladder.count; ++i) {
    const kernels::Rung& rung = ladder.rungs[i];
    const kernels::Plan plan = rung.plan(args);
    require_memory(static_cast<double>(plan.workspace) * run.threads(), "workspaces");
    run.team().reserve_workspace(plan.workspace);
    const auto call = [&run, &rung, args, plan] { run.team().run(rung.run, args, plan.parts); };
    problem.reset();
    call();
    const std::string got = problem.written();
    if (want.empty()) want = got;
    if (got != want || !matches_specification(rung, ladder.specification, little)) {
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
  const WorkShape shape = options.shape.empty()
                              ? family.shapes[0]
                              : WorkShape{"", whole_numbers("--shape", options.shape, 0)};
  const Work work = family.describe(shape);
  require_memory(work);
  BenchRun run(options);
  const kernels::Ladder& ladder = find_ladder(run.isa(), options.names);
  const std::string kernel = "ladder " + options.names;

  size_t name = run.peer_width(), does = 4;
  for (i64 i = 0; i < ladder.count; ++i) {
    name = std::max(name, std::string(ladder.rungs[i].name).size());
    does = std::max(does, std::string(ladder.rungs[i].does).size());
  }
  run.columns({{"rung", name, true}, {"what", does, true}}, {{"gain", 6}, {"in all", 6}},
              cat("gain: the time of the rung before over this one's; in all: that of the first\n",
                  kernel, " ", shape.json(), ", each rung with its specification's bits\n"));
  for (const i64 threads : options.threads) {
    run.begin(static_cast<int>(std::min<i64>(threads, 1 << 20)));
    const FloatGuard guard;
    Problem problem(work);
    auto [rungs, candidates] =
        checked_rungs(run, ladder, kernel, shape, family.describe(family.small(shape)), problem);
    if (rungs.empty()) continue;
    candidates.back().run();  // the peers are held against what it writes
    for (Candidate& peer : checked_peers(run, family, shape, work, problem))
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
    const auto product = std::find(rungs.begin(), rungs.end(), &ladder.rungs[ladder.product]);
    for (size_t i = rungs.size(); product != rungs.end() && i < results.size(); ++i)
      run.ratio(results[i], results[static_cast<size_t>(product - rungs.begin())]);
    if (!options.json && !options.markdown && !options.csv)
      print("\n" + bar_chart(results, columns()));
  }
  return run.finish("latent bench " + kernel);
}

}  // namespace lat::tools
