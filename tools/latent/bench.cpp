// latent bench: whole training steps against the clock.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <new>

#include "engine/train/fields.h"
#include "tools/latent/commands.h"
#include "tools/latent/json.h"
#include "tools/latent/terminal.h"
#include "tools/latent/workloads.h"

namespace lat::tools {

namespace {

struct Timing {
  double ms = 0, min = 0, max = 0;
  i64 steps = 0;
};

double now_ms() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double rounded(double ms) { return std::round(ms * 1e4) / 1e4; }

// Three steps to warm up, one to size the chunks, seven chunks: median, least and most.
template <class F>
Timing clock(F step, double seconds) {
  constexpr i64 kChunks = 7;
  for (int i = 0; i < 3; ++i) step();
  const double before = now_ms();
  step();
  const double one = std::max(now_ms() - before, 1e-3);
  const i64 n = std::max<i64>(1, static_cast<i64>(seconds * 1e3 / kChunks / one));
  double chunk[kChunks];
  for (double& c : chunk) {
    const double start = now_ms();
    for (i64 i = 0; i < n; ++i) step();
    c = (now_ms() - start) / static_cast<double>(n);
  }
  std::sort(chunk, chunk + kChunks);
  return {chunk[kChunks / 2], chunk[0], chunk[kChunks - 1], kChunks * n};
}

std::vector<Json::Member> members(const std::string& name, int threads, const Timing& t) {
  return {{"workload", name},    {"impl", "latent"},      {"threads", threads},
          {"ms", rounded(t.ms)}, {"min", rounded(t.min)}, {"max", rounded(t.max)},
          {"steps", t.steps}};
}

void report(const std::string& name, int threads, const Timing& t, bool json) {
  if (json)
    print(Json::object(members(name, threads, t)).line() + "\n");
  else
    print(cat(name, "  ", threads, threads == 1 ? " thread   " : " threads  ", fixed(t.ms, 3),
              " ms a step  (", fixed(t.min, 3), " .. ", fixed(t.max, 3), ", ", t.steps,
              " steps)\n"));
  flush_print();
}

// What a recorded call costs beyond its arithmetic: the replay against the same kernels called in a bare loop.
void overhead(i64 batch, double seconds, bool json) {
  const auto w = make_workload("overhead", 1, batch);
  const Timing step = clock([&] { w->step(); }, seconds / 3);
  const Program program = w->program();
  constexpr std::align_val_t kAlign{64};
  void* const workspace =
      ::operator new(static_cast<size_t>(std::max<i64>(64, program.workspace)), kAlign);
  // In turns, so that a machine that slows down slows both; the least of many is the cost without disturbance.
  Timing replay, bare;
  replay.ms = bare.ms = 1e300;
  constexpr int kTurns = 20;
  for (int turn = 0; turn < kTurns; ++turn) {
    const double share = seconds / 3 / kTurns;
    replay.ms = std::min(replay.ms, clock([&] { w->ctx().replay(program); }, share).min);
    bare.ms = std::min(bare.ms, clock(
                                    [&] {
                                      const FloatGuard guard;
                                      for (const Call& c : program.calls)
                                        c.run(program.args.data() + c.first, {0, 1, workspace});
                                    },
                                    share)
                                    .min);
  }
  ::operator delete(workspace, kAlign);
  const double calls = static_cast<double>(program.calls.size());
  const double by_replay = (replay.ms - bare.ms) * 1e3 / calls;
  const double by_step = (step.min - bare.ms) * 1e3 / calls;
  if (json) {
    auto line = members("overhead", 1, step);
    line.push_back({"calls", program.calls.size()});
    line.push_back({"replay_ms", rounded(replay.ms)});
    line.push_back({"bare_ms", rounded(bare.ms)});
    line.push_back({"us_per_op", rounded(by_replay)});
    line.push_back({"us_per_op_of_step", rounded(by_step)});
    print(Json::object(line).line() + "\n");
    return;
  }
  print(cat("overhead  16-64-64-1 at batch 1, forward, backward, Adam: ", program.calls.size(),
            " recorded calls, 1 thread\n"));
  print(cat("  the kernels in a bare loop  ", fixed(bare.ms * 1e3, 2), " us\n"));
  print(cat("  Context::replay             ", fixed(replay.ms * 1e3, 2), " us   ",
            fixed(by_replay, 4), " us per op beyond the kernels\n"));
  print(cat("  a call of the Step          ", fixed(step.min * 1e3, 2), " us   ", fixed(by_step, 4),
            " us per op beyond the kernels\n"));
}

}  // namespace

int bench(const Args& args) {
  std::string kind, name, threads, batch, time = "3";
  bool json = false;
  if (!parse_options("bench", "Times the work that ../peers times.",
                     {{"KIND", &kind, "step"},
                      {"NAME", &name, workload_list()},
                      {"--threads", &threads, "1,2 for both (all usable cores)"},
                      {"--batch", &batch, "examples a step (the workload's own)"},
                      {"--seconds", &time, "for each line (3)"},
                      {"--json", &json, "one JSON object a line"}},
                     args))
    return 0;
  LAT_CHECK(kind != "kernel" && kind != "ladder" && kind != "env", Code::usage, "",
            "'latent bench ", kind,
            "' is not part of this version; there is  latent bench step NAME");
  LAT_CHECK(kind == "step", Code::usage, "",
            kind.empty() ? "nothing to time is named." : cat("'", kind, "' cannot be timed."),
            " Expected:  latent bench step NAME");
  LAT_CHECK(!name.empty(), Code::usage, "", "no step is named. There are ", workload_list());
  std::vector<i64> counts = whole_numbers("--threads", threads, 1);
  if (counts.empty()) counts = {usable_cores()};
  const i64 rows = whole_number("--batch", batch, 1).value_or(0);
  const double spend = seconds("--seconds", time).value_or(3);
  if (name == "overhead") {
    overhead(rows, spend, json);
    return 0;
  }
  for (const i64 count : counts) {
    const auto w = make_workload(name, static_cast<int>(std::min<i64>(count, 1 << 20)), rows);
    report(name, static_cast<int>(count), clock([&] { w->step(); }, spend), json);
  }
  return 0;
}

}  // namespace lat::tools
