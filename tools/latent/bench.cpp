// latent bench: whole training steps, single kernels and ladders of them, against the clock.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <new>

#include "engine/data/file.h"
#include "engine/train/fields.h"
#include "rl/core/environments.h"
#include "tools/latent/bench_kernel.h"
#include "tools/latent/commands.h"
#include "tools/latent/json.h"
#include "tools/latent/settings.h"
#include "tools/latent/terminal.h"
#include "tools/latent/workloads.h"

namespace lat::tools {

namespace {

struct Timing {
  double ms = 0, min = 0, max = 0;
  i64 steps = 0;
  double replay_us = 0;  // the host's share of a step
};

double now_ms() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Of this thread, at work.
double cpu_us() {
  timespec t;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

double rounded(double ms) { return std::round(ms * 1e4) / 1e4; }

// Three steps to warm up, one to size the chunks, seven chunks: median, least and most. A device's steps are queued, and
// waited for at the end of a chunk. What queueing takes shows in a chunk's first steps: a long queue makes its user wait.
Timing clock(Workload& w, double seconds) {
  constexpr i64 kChunks = 7, kQueued = 32;
  for (int i = 0; i < 3; ++i) w.step();
  w.wait();
  const double before = now_ms();
  w.step();
  w.wait();
  const double one = std::max(now_ms() - before, 1e-3);
  const i64 n = std::max<i64>(1, static_cast<i64>(seconds * 1e3 / kChunks / one));
  const i64 first = std::min(n, kQueued);
  double ms[kChunks], us[kChunks];
  for (i64 k = 0; k < kChunks; ++k) {
    const double start = now_ms(), begun = cpu_us();
    for (i64 i = 0; i < first; ++i) w.step();
    us[k] = (cpu_us() - begun) / static_cast<double>(first);
    for (i64 i = first; i < n; ++i) w.step();
    w.wait();
    ms[k] = (now_ms() - start) / static_cast<double>(n);
  }
  std::sort(ms, ms + kChunks);
  std::sort(us, us + kChunks);
  return {ms[kChunks / 2], ms[0], ms[kChunks - 1], kChunks * n, us[kChunks / 2]};
}

// Where and with what a step runs.
struct Place {
  std::string device;
  int threads;
  bool on_cpu() const { return device == "cpu"; }
  Context::Options options() const { return {.threads = threads, .device = device}; }
};

std::vector<Json::Member> members(const std::string& name, const Place& at, const Timing& t) {
  return {{"workload", name},    {"impl", "latent"},      {"threads", at.threads},
          {"ms", rounded(t.ms)}, {"min", rounded(t.min)}, {"max", rounded(t.max)},
          {"steps", t.steps},    {"device", at.device}};
}

void report(const std::string& name, const Place& at, const Timing& t, bool json) {
  if (json) {
    auto line = members(name, at, t);
    if (!at.on_cpu()) line.push_back({"replay_us", rounded(t.replay_us)});
    print(Json::object(line).line() + "\n");
  } else {
    const std::string where = !at.on_cpu()      ? at.device + "   "
                              : at.threads == 1 ? "1 thread   "
                                                : cat(at.threads, " threads  ");
    const std::string host =
        at.on_cpu() ? "" : cat("; queueing takes ", fixed(t.replay_us, 1), " us of the host");
    print(cat(name, "  ", where, fixed(t.ms, 3), " ms a step  (", fixed(t.min, 3), " .. ",
              fixed(t.max, 3), ", ", t.steps, " steps", host, ")\n"));
  }
  flush_print();
}

// Of steps of all copies, and of single ones.
void report_environment(const std::string& name, const Place& at, Timing t, i64 copies, bool json) {
  constexpr double kSteps = EnvironmentWorkload::kSteps;
  const double n = static_cast<double>(copies);
  for (double* ms : {&t.ms, &t.min, &t.max}) *ms /= kSteps;
  t.steps *= EnvironmentWorkload::kSteps;
  const double rate = n / t.ms * 1e3;
  if (json) {
    auto line = members(name, at, t);
    line.push_back({"copies", copies});
    line.push_back({"steps_per_second", std::round(rate)});
    print(Json::object(line).line() + "\n");
  } else {
    print(cat(name, "  ",
              at.on_cpu() ? cat(at.threads, at.threads == 1 ? " thread" : " threads") : at.device,
              "  ", fixed(rate * 1e-6, 1), " million steps a second  (", fixed(n / t.max * 1e-3, 1),
              " .. ", fixed(n / t.min * 1e-3, 1), ", ", copies, " copies, random actions)\n"));
  }
  flush_print();
}

// What the passes made of the recording.
void report_passes(const std::string& name, Workload& w) {
  w.step();
  const Program &before = w.recorded(), &after = w.program();
  const auto text = [](i64 bytes) { return size_text(static_cast<uint64_t>(bytes)); };
  const auto runs = std::count_if(after.calls.begin(), after.calls.end(),
                                  [](const Call& c) { return c.together > 1; });
  print(cat(name, "  work memory ", text(before.work_bytes), " as recorded, ",
            text(after.work_bytes), " replayed; ", before.calls.size(), " calls recorded, ",
            after.calls.size(), " replayed, ", runs, runs == 1 ? " run" : " runs", " in tiles\n"));
}

// What a recorded call costs beyond its arithmetic: the replay against the same kernels called in a bare loop.
void overhead(i64 batch, double seconds, bool json) {
  const Place at{"cpu", 1};
  const auto w = make_workload("overhead", at.options(), batch);
  const Timing step = clock(*w, seconds / 4);
  const Program program = w->program();
  constexpr std::align_val_t kAlign{64};
  void* const workspace =
      ::operator new(static_cast<size_t>(std::max<i64>(64, program.workspace)), kAlign);
  const auto bare = [&] {
    const FloatGuard guard;
    for (const Call& c : program.calls) c.run(program.args.data() + c.first, {0, 1, workspace});
  };
  // In short turns, so that a machine that slows down slows all; the least of many is the cost without disturbance.
  constexpr double kTurn = 0.1;  // milliseconds
  const i64 n = std::max<i64>(1, static_cast<i64>(kTurn / step.min));
  const auto shorten = [n](double& least, auto&& f) {
    const double start = now_ms();
    for (i64 i = 0; i < n; ++i) f();
    least = std::min(least, (now_ms() - start) / static_cast<double>(n));
  };
  double by_step_ms = 1e300, replay_ms = 1e300, bare_ms = 1e300;
  for (const double end = now_ms() + 750 * seconds; now_ms() < end;) {
    shorten(by_step_ms, [&] { w->step(); });
    shorten(replay_ms, [&] { w->ctx().replay(program); });
    shorten(bare_ms, bare);
  }
  ::operator delete(workspace, kAlign);
  const double calls = static_cast<double>(program.calls.size());
  const double by_replay = (replay_ms - bare_ms) * 1e3 / calls;
  const double by_step = (by_step_ms - bare_ms) * 1e3 / calls;
  const double share = bare_ms / by_step_ms;
  if (json) {
    auto line = members("overhead", at, step);
    line.push_back({"calls", program.calls.size()});
    line.push_back({"replay_ms", rounded(replay_ms)});
    line.push_back({"bare_ms", rounded(bare_ms)});
    line.push_back({"us_per_op", rounded(by_replay)});
    line.push_back({"us_per_op_of_step", rounded(by_step)});
    line.push_back({"arithmetic", rounded(share)});
    print(Json::object(line).line() + "\n");
    return;
  }
  print(cat("overhead  16-64-64-1 at batch ", std::max<i64>(batch, 1),
            ", forward, backward, Adam: ", program.calls.size(), " calls, 1 thread\n"));
  print(cat("  the kernels in a bare loop  ", fixed(bare_ms * 1e3, 2), " us\n"));
  print(cat("  Context::replay             ", fixed(replay_ms * 1e3, 2), " us   ",
            fixed(by_replay, 4), " us per op beyond the kernels\n"));
  print(cat("  a call of the Step          ", fixed(by_step_ms * 1e3, 2), " us   ",
            fixed(by_step, 4), " us per op beyond the kernels, ", fixed(100 * share, 1),
            "% inside them\n"));
}

}  // namespace

int bench(const Args& args) {
  std::string kind, name, threads, batch, time;
  KernelBench kernel;
  bool json = false;
  std::string ladders;
  for (const std::string& ladder : ladder_names())
    ladders += (ladders.empty() ? "" : ", ") + ladder;
  if (!parse_options(
          "bench", "Times training steps, single kernels, ladders of kernels, environments.",
          {{"KIND", &kind, "step, kernel, ladder or env"},
           {"NAME", &name,
            cat(workload_list(), "; gemm, conv, exp ... (all kernels); ", ladders, "; ",
                rl::environment_list())},
           {"--threads", &threads, "1,2 for both (all usable cores)"},
           {"--batch", &batch, "examples a step, copies of an environment (the workload's own)"},
           {"--device", &kernel.device,
            "cpu, auto, cuda, cuda:N, or emulated (on this CPU, for its bits)"},
           {"--seconds", &time, "for each line (3 for a step, else 0.3)"},
           {"--json", &json, "one JSON object a line"},
           {"--shape", &kernel.shape, "a kernel's own sizes, like 128,400,784"},
           {"--against", &kernel.against,
            "openblas,onednn; on a GPU cublaslt,cudnn: in turns, in this process"},
           {"--numerics", &kernel.numerics, "fast: what it would choose, beside exact"},
           {"--isa", &kernel.isa, "v2, v3 or v4 (the best here)"},
           {"--markdown", &kernel.markdown, "a table for a page"},
           {"--csv", &kernel.csv, "a table for a program"},
           {"--save", &kernel.save, "a file for a later --compare"},
           {"--compare", &kernel.compare,
            "a verdict for each line; exit code 5 when one is slower"},
           {"--svg", &kernel.svg, "a file for a plot of the roofline"}},
          args))
    return 0;
  constexpr const char* kForms =
      "latent bench step NAME, latent bench kernel [NAME], latent bench ladder NAME, latent bench "
      "env NAME";
  const std::vector<std::string> kinds{"step", "kernel", "ladder", "env"};
  LAT_CHECK(std::find(kinds.begin(), kinds.end(), kind) != kinds.end(), Code::usage, "",
            kind.empty() ? "nothing to time is named."
                         : cat("'", kind, "' cannot be timed.", suggestion(kind, kinds)),
            " Expected: ", kForms);
  if (kernel.device == "auto") kernel.device = Accelerator::best();
  std::vector<i64> counts = whole_numbers("--threads", threads, 1);
  if (counts.empty()) counts = {kernel.device == "cpu" ? usable_cores() : 1};
  if (kind != "step" && kind != "env") {
    LAT_CHECK(batch.empty(), Code::usage, "--batch", "belongs to a step; a ", kind,
              " has a --shape");
    kernel.names = name;
    kernel.threads = counts;
    kernel.seconds = seconds("--seconds", time).value_or(0.3);
    kernel.json = json;
    LAT_CHECK(kind == "kernel" || kernel.numerics == "exact", Code::usage, "--numerics",
              "belongs to  latent bench kernel; every rung of a ladder is exact");
    try {
      return kind == "kernel" ? bench_kernels(kernel) : bench_ladder(kernel);
    } catch (const gpu::Error& error) {
      fail(Code::machine, kernel.device, error.what());
    }
  }
  for (const auto& [flag, given] : std::initializer_list<std::pair<const char*, bool>>{
           {"--shape", !kernel.shape.empty()},
           {"--against", !kernel.against.empty()},
           {"--isa", !kernel.isa.empty()},
           {"--numerics", kernel.numerics != "exact"},
           {"--markdown", kernel.markdown},
           {"--csv", kernel.csv},
           {"--save", !kernel.save.empty()},
           {"--compare", !kernel.compare.empty()},
           {"--svg", !kernel.svg.empty()}})
    LAT_CHECK(!given, Code::usage, flag,
              "belongs to  latent bench kernel  and  latent bench ladder");
  LAT_CHECK(!name.empty(), Code::usage, "",
            kind == "env" ? cat("no environment is named. There are ", rl::environment_list())
                          : cat("no step is named. There are ", workload_list()));
  const i64 rows = whole_number("--batch", batch, 1).value_or(0);
  const double spend = seconds("--seconds", time).value_or(3);
  MachineFlags machine;
  machine.device = kernel.device;
  const std::string where = resolve(machine).device;
  if (where != "cpu") {
    LAT_CHECK(threads.empty(), Code::usage, "--threads", "belongs to --device cpu, and this is ",
              where);
    counts = {1};
  } else if (kind == "step" && name == "overhead") {
    overhead(rows, spend, json);
    return 0;
  }
  for (const i64 count : counts) {
    const Place at{where, static_cast<int>(std::min<i64>(count, 1 << 20))};
    if (kind == "env") {
      const EnvironmentWorkload w = make_environment_workload(name, at.options(), rows);
      report_environment("env " + name, at, clock(*w.workload, spend), w.copies, json);
      continue;
    }
    const auto w = make_workload(name, at.options(), rows);
    if (!json && count == counts.front()) report_passes(name, *w);
    report(name, at, clock(*w, spend), json);
  }
  return 0;
}

}  // namespace lat::tools
