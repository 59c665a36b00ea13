#include "tools/latent/bench_kernel.h"

#include <algorithm>
#include <cmath>

#include "engine/data/file.h"
#include "tools/latent/args.h"
#include "tools/latent/processor.h"
#include "tools/latent/run_folder.h"
#include "tools/latent/settings.h"

namespace lat::tools {

namespace {

Table::Form form_of(const KernelBench& o) {
  return o.markdown ? Table::markdown : o.csv ? Table::csv : Table::people;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; !text.empty() && at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string capacity(const Level& l) {
  return std::isfinite(l.bytes) ? cat(static_cast<i64>(l.bytes / 1024), " KiB") : "";
}

}  // namespace

BenchRun::BenchRun(const KernelBench& options) : options_(options) {
  const Machine machine = resolve(
      {.threads = "1", .device = options.device, .numerics = options.numerics, .isa = options.isa});
  LAT_CHECK(options.json + options.markdown + options.csv <= 1, Code::usage, "",
            "expected one of --json, --markdown, --csv");
  const bool on_cpu = machine.device == "cpu";
  for (const auto& [flag, given] : std::initializer_list<std::pair<const char*, bool>>{
           {"--isa", !options.isa.empty()},
           {"--numerics", machine.fast},
           {"--threads", options.threads.size() != 1 || options.threads[0] != 1}})
    LAT_CHECK(on_cpu || !given, Code::usage, flag, "belongs to --device cpu");
  LAT_CHECK(machine.device != "emulated" || options.svg.empty(), Code::usage, "--svg",
            "an emulated device has no speed to plot");
  processor_ = on_cpu ? cpu_processor(machine.isa, machine.fast) : device_processor(machine.device);
  for (const std::string& name : words_of(options.against))
    peers_.push_back(open_peer(name, processor_->device()));
  LAT_CHECK(!machine.fast || is_peer("OpenBLAS"), Code::usage, "--numerics fast",
            "takes the quicker of two. Add  --against openblas");
  if (!options.compare.empty())
    for (const Result& r : read_results(options.compare)) before_[r.key()] = r.time;
}

BenchRun::~BenchRun() { live_.clear(); }

void BenchRun::columns(std::vector<Table::Column> left, std::vector<Table::Column> right,
                       std::string meaning) {
  left_ = std::move(left);
  right_ = std::move(right);
  meaning_ = std::move(meaning);
}

size_t BenchRun::peer_width() const {
  size_t width = options_.numerics == "fast" ? std::string(FastBench::kImpl).size() : 0;
  for (const auto& p : peers_) width = std::max(width, p->name().size());
  return width;
}

bool BenchRun::is_peer(const std::string& impl) const {
  return std::any_of(peers_.begin(), peers_.end(),
                     [&](const auto& p) { return p->name() == impl; });
}

void BenchRun::begin(int threads) {
  processor_->stop();
  threads_ = threads;
  // The peers start their threads here: started later they would inherit the core to which this thread is bound.
  for (const auto& peer : peers_) {
    if (processor_->device()) break;
    peer->set_threads(threads);
    const Family& gemm = families().front();
    const WorkShape shape{"", {256, 256, 256}};
    Problem problem(gemm.describe(shape));
    if (const PeerCall call = peer->prepare(gemm, shape, problem); call.run) call.run();
  }
  if (is_terminal()) live_.show("measuring what the machine can do");
  processor_->start(threads, std::clamp(options_.seconds / 10, 1e-3, 0.03));
  live_.clear();
  print_facts();
  std::vector<Table::Column> columns = left_;
  for (const Table::Column& c : std::initializer_list<Table::Column>{
           {"us", 8}, {"min", 8}, {"max", 8}, {"rate", 7}, {"unit", 7, true}, {"roof %", 6}})
    columns.push_back(c);
  columns.insert(columns.end(), right_.begin(), right_.end());
  if (!options_.compare.empty()) {
    columns.push_back({"was us", 8});
    columns.push_back({"verdict", 7, true});
  }
  table_ = std::make_unique<Table>(form_of(options_), columns);
  if (!options_.json && (results_.empty() || !options_.csv)) print(table_->head());
}

void BenchRun::print_facts() {
  std::string text = processor_->about();
  for (const auto& p : peers_) text += cat(p->name(), ": ", p->about(), "\n");
  if (!processor_->device()) {
    const bool markdown = options_.markdown;
    if (markdown) text += "\n";
    const Table levels(
        markdown ? Table::markdown : Table::people,
        {{"GB/s", 6, true}, {"holds", 10}, {"read", 7}, {"write", 7}, {"copy", 7}, {"triad", 7}});
    text += levels.head();
    for (const Level& l : processor_->peaks().levels)
      text += levels.row({l.name, capacity(l), fixed(l.read, 1), fixed(l.write, 1),
                          fixed(l.copy, 1), fixed(l.triad, 1)});
    if (markdown) text += "\n";
  }
  text += cat(processor_->how(), meaning_, "\n");
  if (options_.json || options_.csv)
    say_line(text);
  else
    print(text);
}

std::vector<Result> BenchRun::measure(const std::string& kernel, const WorkShape& shape,
                                      const Work& work, const std::vector<Candidate>& candidates) {
  std::vector<std::function<void()>> runs;
  for (const Candidate& c : candidates) runs.push_back(c.run);
  if (is_terminal()) live_.show(cat(kernel, " ", shape.json()));
  const std::vector<Timing> times = processor_->clock().interleave(runs, options_.seconds);
  live_.clear();

  const Peaks& peaks = processor_->peaks();
  const double bytes = work.read() + work.written();
  const double bandwidth = peaks.bandwidth(work.read(), work.written());
  std::vector<Result> out;
  for (size_t i = 0; i < candidates.size(); ++i) {
    Result r{kernel, shape.json(), candidates[i].impl, threads_, times[i]};
    r.flops = work.flops > 0;
    r.rate = (r.flops ? work.flops : bytes) / r.time.us / 1e3;
    r.intensity = work.flops / bytes;
    const double roof = r.flops ? std::min(peaks.gflops, r.intensity * bandwidth) : bandwidth;
    r.roofline = 100 * r.rate / roof;
    if (!processor_->has_speed()) r.rate = r.roofline = NAN;
    if (processor_->device()) r.device = options_.device;
    out.push_back(std::move(r));
  }
  return out;
}

std::string BenchRun::ratio(const Result& peer, const Result& ours) {
  if (peer.time.steady && ours.time.steady)
    ratios_[peer.impl].push_back({peer.time.us / ours.time.us, cat(peer.kernel, " ", peer.shape)});
  else
    ++unsteady_;
  return ratio_text(peer, ours);
}

void BenchRun::add(const Result& r, const std::vector<std::string>& left,
                   const std::vector<std::string>& right, const std::vector<Json::Member>& beyond) {
  std::vector<std::string> cells = left;
  for (const double us : {r.time.us, r.time.min, r.time.max}) cells.push_back(digits(us));
  if (processor_->has_speed())
    cells.insert(cells.end(), {digits(r.rate), r.flops ? "GFLOP/s" : "GB/s", fixed(r.roofline, 1)});
  else
    cells.insert(cells.end(), 3, "");
  cells.insert(cells.end(), right.begin(), right.end());
  std::vector<Json::Member> members = r.members();
  members.insert(members.end(), beyond.begin(), beyond.end());
  if (!options_.compare.empty()) {
    const auto found = before_.find(r.key());
    seen_.insert(r.key());
    cells.push_back(found == before_.end() ? "" : digits(found->second.us));
    cells.push_back("new");
    if (found != before_.end()) {
      const Verdict v = compare(found->second, r.time);
      // A peer that became slower is no fault of ours.
      if (!is_peer(r.impl)) ++verdicts_[v];
      cells.back() = verdict_name(v);
      members.push_back({"was", found->second.us});
    }
    members.push_back({"verdict", cells.back()});
  }
  print(options_.json ? Json::object(members).line() + "\n" : table_->row(cells));
  flush_print();
  results_.push_back(r);
}

void BenchRun::refuse(const std::string& kernel, const WorkShape& shape, const std::string& impl,
                      const std::string& why) {
  live_.clear();
  ++refused_;
  say("wrong: ", kernel, " ", shape.json(), " by ", impl, " ", why, "; no speed is given for it");
}

Json BenchRun::machine() const {
  std::vector<Json> levels;
  for (const Level& l : processor_->peaks().levels)
    levels.push_back(Json::object({{"name", l.name},
                                   {"read", l.read},
                                   {"write", l.write},
                                   {"copy", l.copy},
                                   {"triad", l.triad}}));
  std::vector<Json::Member> members = processor_->members();
  members.push_back({"gflops", processor_->peaks().gflops});
  members.push_back({"levels", Json::array(levels)});
  return Json::object({{"machine", Json::object(members)}});
}

int BenchRun::finish(const std::string& title) {
  const auto tell = [&](const std::string& text) {
    if (options_.json || options_.csv)
      say_line(text);
    else
      print(text + "\n");
  };
  if (!ratios_.empty() && !options_.json) tell("");
  for (const auto& [impl, list] : ratios_) {
    double logs = 0;
    for (const auto& [ratio, where] : list) logs += std::log(ratio);
    const auto worst = *std::min_element(list.begin(), list.end());
    tell(cat("against ", impl, ": geometric mean of the ratios ",
             fixed(std::exp(logs / static_cast<double>(list.size())), 2), ", worst ",
             fixed(worst.first, 2), " at ", worst.second));
  }
  for (const auto& [peer, distance] : distances_)
    tell(cat("|", peer, " - exact| ", distance.text()));
  const FastBench* const fast = processor_->fast();
  if (fast && !fast->summary().empty()) tell(fast->summary());
  if (unsteady_ > 0)
    tell(cat("~: ", unsteady_,
             " ratios stand in no mean: the machine was busy with something else"));
  if (!options_.compare.empty()) {
    size_t absent = 0;
    for (const auto& [key, time] : before_) absent += !seen_.contains(key);
    tell(cat("compared with ", options_.compare, ": ", verdicts_[Verdict::faster], " faster, ",
             verdicts_[Verdict::same], " same, ", verdicts_[Verdict::unclear], " unclear, ",
             verdicts_[Verdict::slower], " slower; ", absent, " of its lines were not timed now"));
  }
  if (!options_.save.empty()) {
    std::string lines = machine().line() + "\n";
    for (const Result& r : results_) lines += Json::object(r.members()).line() + "\n";
    write_file_atomic(options_.save, lines);
  }
  if (!options_.svg.empty())
    write_file_atomic(options_.svg, plot(title, processor_->peaks(), results_));
  if (refused_ > 0) return static_cast<int>(Code::failed);
  return verdicts_[Verdict::slower] > 0 ? static_cast<int>(Code::expectation) : 0;
}

bool Distance::note(const float* theirs, const float* exact, const float* sums_of_sizes, i64 n,
                    i64 terms) {
  const double bound = fast_bound(terms);
  double apart = 0;
  bool close = true;
  for (i64 i = 0; i < n; ++i) {
    const double d = std::fabs(double{theirs[i]} - exact[i]), size = sums_of_sizes[i];
    close = close && d <= bound * size;  // not of a NaN
    if (size > 0) apart = std::max(apart, d / size);
  }
  if (apart >= furthest_) furthest_ = apart, bound_ = bound;
  used_ = std::max(used_, apart / bound);
  return close;
}

std::string Distance::text() const {
  return cat("at most ", furthest_, " sum |a b|, where the bound is ", bound_,
             "; no shape used more than ", fixed(100 * used_, 1), " % of its bound");
}

std::string ratio_text(const Result& above, const Result& below) {
  const bool steady = above.time.steady && below.time.steady;
  return cat(steady ? "" : "~", fixed(above.time.us / below.time.us, 2));
}

bool nearly_equal(const float* a, const float* b, i64 n) {
  double most = 0, apart = 0;
  for (i64 i = 0; i < n; ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) return false;
    most = std::max(most, std::fabs(static_cast<double>(a[i])));
    apart = std::max(apart, std::fabs(static_cast<double>(a[i]) - b[i]));
  }
  return apart <= 1e-4 * most;
}

std::vector<Candidate> checked_peers(BenchRun& run, const Family& family, const WorkShape& shape,
                                     const Work& work, Problem& problem, const Version& ours) {
  Accelerator* const device = run.processor().device();
  const i64 n = work.operands[0].count;
  std::vector<Candidate> out;
  for (const auto& peer : run.peers()) {
    const PeerCall call = peer->prepare(family, shape, problem);
    if (!call.run) continue;
    call.run();
    bool same = false;
    if (device) {
      const Problem sizes(work.absolute(), device);
      ours.on(sizes)();
      same =
          run.distance(peer->name())
              .note(call.output(), problem.values(0).data(), sizes.values(0).data(), n, work.terms);
    } else {
      same = nearly_equal(problem.floats(0), call.output(), n);
    }
    if (same)
      out.push_back({peer->name(), call.run});
    else
      run.refuse(family.name, shape, peer->name(), "gives other numbers than latent");
  }
  return out;
}

int bench_kernels(const KernelBench& options) {
  LAT_CHECK(options.shape.empty() || !options.names.empty(), Code::usage, "--shape",
            "belongs to one kernel. Expected:  latent bench kernel gemm --shape 128,400,784");
  BenchRun run(options);
  Processor& processor = run.processor();
  const std::vector<const Family*> chosen = find_families(options.names, processor.families());
  const auto shapes_of = [&](const Family& f) {
    if (options.shape.empty()) return processor.shapes(f);
    return std::vector<WorkShape>{{"", whole_numbers("--shape", options.shape, 0)}};
  };
  size_t name = 6, text = 5;
  for (const Family* f : chosen)
    for (const WorkShape& shape : shapes_of(*f)) {
      const Work work = f->describe(shape);
      require_memory(work);
      name = std::max(name, f->name.size());
      text = std::max(text, shape.json().size());
    }
  run.columns({{"kernel", name, true},
               {"shape", text, true},
               {"impl", std::max<size_t>(6, run.peer_width()), true}},
              {{"ratio", 5}}, run.peers().empty() ? "" : "ratio: the peer's time over ours\n");
  for (const i64 threads : options.threads) {
    run.begin(static_cast<int>(std::min<i64>(threads, 1 << 20)));
    for (const Family* f : chosen)
      for (const WorkShape& shape : shapes_of(*f)) {
        const Work work = f->describe(shape);
        const Version ours = processor.kernel(work);
        if (!ours.matches(f->describe(f->small(shape)))) {
          run.refuse(f->name, shape, "latent", "differs from its specification");
          continue;
        }
        const FloatGuard guard;
        Problem problem(work, processor.device());
        std::vector<Candidate> candidates{{"latent", ours.on(problem)}};
        candidates[0].run();
        if (FastBench* const fast = processor.fast())
          if (const auto candidate = fast->candidate(*f, work, problem))
            candidates.push_back(*candidate);
        for (Candidate& peer : checked_peers(run, *f, shape, work, problem, ours))
          candidates.push_back(std::move(peer));
        const std::vector<Result> results = run.measure(f->name, shape, work, candidates);
        if (processor.fast()) processor.fast()->note(results);
        for (const Result& r : results)
          run.add(r, {r.kernel, r.shape, r.impl},
                  {r.impl == "latent" ? "" : run.ratio(r, results[0])});
      }
  }
  return run.finish("latent bench kernel");
}

}  // namespace lat::tools
