// The bench of kernels: verdicts, tables, plots, the check that stands before a speed, other people's libraries.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "engine/core/error.h"
#include "engine/core/fast.h"
#include "engine/core/library.h"
#include "tools/latent/bench_kernel.h"

namespace {

using namespace lat::tools;
using lat::Code;
using lat::Error;
using lat::kernels::Arg;
using lat::kernels::i64;
using lat::kernels::Kernel;
using lat::kernels::Part;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

template <class F>
Error thrown(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e;
  }
  return {Code::state, "", "nothing was thrown"};
}

const Kernel& best(lat::kernels::K kernel) {
  return lat::kernels::table(lat::kernels::best_isa())[static_cast<int>(kernel)];
}

// Right but for the last bit of the last element.
void flipped_copy(const Arg* args, Part part) {
  best(lat::kernels::K::copy).run[0](args, part);
  if (part.index + 1 != part.count) return;
  auto* const last = static_cast<uint32_t*>(args[0].p) + args[2].i - 1;
  *last ^= 1u;
}

Timing spread(double us, double low, double high) { return {us, low, high, low, high}; }

// A plain product in double precision, c (m,n) = a b, a (m,k) or (k,m), b (k,n) or (n,k).
std::vector<double> product(const Family& f, const std::vector<lat::kernels::i64>& s,
                            const float* a, const float* b) {
  const auto m = size_t(s[0]), n = size_t(s[1]), k = size_t(s[2]);
  std::vector<double> c(m * n);
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j)
      for (size_t l = 0; l < k; ++l)
        c[i * n + j] += double(f.name == "gemm tn" ? a[l * m + i] : a[i * k + l]) *
                        double(f.name == "gemm nt" ? b[j * k + l] : b[l * n + j]);
  return c;
}

}  // namespace

TEST_CASE("a verdict follows the spreads") {
  const Timing calm = spread(100, 98, 102), wild = spread(100, 60, 140);
  CHECK(compare(calm, spread(150, 147, 153)) == Verdict::slower);
  CHECK(compare(calm, spread(70, 69, 71)) == Verdict::faster);
  CHECK(compare(calm, spread(101, 99, 103)) == Verdict::same);
  CHECK(compare(calm, calm) == Verdict::same);
  CHECK(compare(wild, spread(120, 80, 160)) == Verdict::unclear);
  CHECK(compare(wild, wild) == Verdict::unclear);  // equal medians of noise prove nothing
  CHECK(compare(calm, spread(110, 101, 119)) ==
        Verdict::unclear);  // slower, but the quartiles overlap
  CHECK(compare(spread(100, 99.9, 100.1), spread(102, 101.9, 102.1)) == Verdict::same);
}

TEST_CASE("results come back from a file as they went") {
  Result r{"conv forward", R"(["own", 1, 2])", "latent", 2, spread(12.34, 11, 15)};
  r.flops = true;
  r.rate = 99.5;
  r.roofline = 84.2;
  const std::string line = Json::object(r.members()).line();
  CHECK(
      line ==
      R"({"kernel": "conv forward", "shape": ["own", 1, 2], "impl": "latent", "threads": 2, "us": 12.34, )"
      R"("gflops": 99.5, "roofline": 84.2, "min": 11.0, "max": 15.0, "low": 11.0, "high": 15.0})");
  Result on_gpu = r;
  on_gpu.device = "cuda";
  CHECK(on_gpu.key() != r.key());
  const std::string gpu_line = Json::object(on_gpu.members()).line();
  CHECK(contains(gpu_line, R"("high": 15.0, "device": "cuda"})"));
  on_gpu.rate = on_gpu.roofline = NAN;
  CHECK(contains(Json::object(on_gpu.members()).line(), R"("gflops": null, "roofline": null)"));
  std::string path = (std::filesystem::temp_directory_path() / "latent_bench_XXXXXX").string();
  ::close(::mkstemp(path.data()));
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  write("{\"machine\": {\"cpu\": \"x\"}}\n" + line + "\n");
  const std::vector<Result> back = read_results(path);
  REQUIRE(back.size() == 1);
  CHECK(back[0].key() == r.key());
  CHECK(back[0].time.us == 12.34);
  CHECK(back[0].time.high == 15);
  write(gpu_line + "\n");
  CHECK(read_results(path).at(0).key() == on_gpu.key());
  // The lines of ../peers carry no spread: then the median is all there is.
  write(
      "{\"kernel\": \"copy\", \"shape\": [8], \"impl\": \"torch\", \"threads\": 1, \"us\": 3.5}\n");
  CHECK(read_results(path)[0].time.low == 3.5);
  write(line.substr(0, 40));
  CHECK(thrown([&] { read_results(path); }).code == Code::input);
  write("{\"kernel\": \"copy\", \"us\": \"fast\"}");
  CHECK(contains(thrown([&] { read_results(path); }).what(), "'us'"));
  write("{}\n");
  CHECK(thrown([&] { read_results(path); }).code == Code::input);
  std::filesystem::remove(path);
}

TEST_CASE("tables: aligned, Markdown, CSV") {
  const std::vector<Table::Column> columns{{"kernel", 6, true}, {"us", 5}};
  const Table people(Table::people, columns), markdown(Table::markdown, columns),
      csv(Table::csv, columns);
  CHECK(people.row({"gemm", "1.5"}) == "gemm      1.5\n");
  CHECK(markdown.head() == "| kernel | us |\n|---|---:|\n");
  CHECK(csv.row({"[1, 2]", "1.5"}) == "\"[1, 2]\",1.5\n");
  CHECK(csv.row({"[\"a\", 2]", "1.5"}) == "\"[\"\"a\"\", 2]\",1.5\n");
}

TEST_CASE("a kernel that differs in one bit gets no speed") {
  const Family& copy = *find_families("copy").at(0);
  const Work work = copy.describe(copy.small(copy.shapes[0]));
  CHECK(matches_specification(best(work.kernel), work));
  Kernel wrong = best(work.kernel);
  wrong.run[0] = flipped_copy;
  CHECK_FALSE(matches_specification(wrong, work));
}

TEST_CASE("on a device too a kernel that differs in one bit gets no speed") {
  lat::Accelerator device("emulated");
  const Family& copy = *find_families("copy").at(0);
  const Work work = copy.describe({"", {1000}});
  const auto& row = device.rows()[static_cast<int>(work.kernel)];
  const auto truth = best(work.kernel).run[0];
  CHECK(matches_specification({"right", "", row.run[0], row.scratch[0]}, truth, work, device));
  CHECK_FALSE(
      matches_specification({"wrong", "", row.run[0], row.scratch[0]}, flipped_copy, work, device));
  DeviceClock clock(device);
  const Problem problem(work, &device);
  CHECK(problem.values(0) != problem.values(1));
  const auto run = queued({"", "", row.run[0], row.scratch[0]}, problem, device);
  const auto times = clock.interleave({run, run}, 1e-3);
  REQUIRE(times.size() == 2);
  for (const Timing& t : times) {
    CHECK(t.min <= t.us);
    CHECK(t.us <= t.max);
  }
  CHECK(problem.values(0) == problem.values(1));
  CHECK(problem.values(1) == Problem(work).values(1));
}

TEST_CASE("a device is timed on the shapes of the CPU and its own, and every one is a call") {
  for (const Family& f : families()) {
    const Family& g = *find_families(f.name, device_families()).front();
    CHECK(g.shapes.size() >= f.shapes.size());
  }
  i64 large = 0;
  for (const Family& f : device_families())
    for (const WorkShape& shape : f.shapes) {
      const Work work = f.describe(shape);
      CHECK(work.read() + work.written() > 0);
      CHECK((work.flops > 0) == (work.terms > 0));
      large += work.operands[0].count == i64{1} << 26;
    }
  CHECK(large > 5);
}

TEST_CASE("sums in another order are held against the bound of their terms") {
  const Family& gemm = families().front();
  const Work work = gemm.describe({"", {3, 4, 50}}), sizes = work.absolute();
  CHECK(work.terms == 50);
  CHECK(find_families("conv data")[0]->describe({"", {1, 4, 4, 2, 5, 3, 1, 1}}).terms == 45);
  CHECK(find_families("conv filter")[0]->describe({"", {3, 4, 4, 2, 5, 3, 1, 1}}).terms == 48);
  Problem exact(work), absolute(sizes);
  const Kernel& spec = lat::kernels::table(lat::kernels::Isa::spec)[int(work.kernel)];
  for (const Problem* p : {&exact, &absolute}) spec.run[0](p->args().data(), {});
  const std::vector<float> ours = exact.values(0), sums = absolute.values(0);
  for (size_t i = 0; i < ours.size(); ++i) CHECK(std::fabs(ours[i]) < sums[i]);
  std::vector<float> theirs = ours;
  Distance distance;
  CHECK(distance.note(theirs.data(), ours.data(), sums.data(), 12, work.terms));
  theirs[5] += float(0.9 * lat::fast_bound(50)) * sums[5];
  CHECK(distance.note(theirs.data(), ours.data(), sums.data(), 12, work.terms));
  theirs[5] = ours[5] + float(1.2 * lat::fast_bound(50)) * sums[5];
  CHECK_FALSE(distance.note(theirs.data(), ours.data(), sums.data(), 12, work.terms));
  theirs[5] = NAN;
  CHECK_FALSE(distance.note(theirs.data(), ours.data(), sums.data(), 12, work.terms));
  CHECK(contains(distance.text(), "sum |a b|, where the bound is"));
}

TEST_CASE("every kind of work matches its specification and counts what it moves") {
  for (const Family& f : families())
    for (const WorkShape& shape : f.shapes) {
      CAPTURE(f.name);
      CAPTURE(shape.json());
      const Work work = f.describe(shape);
      CHECK(work.read() + work.written() > 0);
      CHECK(matches_specification(best(work.kernel), f.describe(f.small(shape))));
    }
  const Family& gemm = families().front();
  const Work work = gemm.describe({"", {2, 3, 5}});
  CHECK(work.flops == 60);
  CHECK(work.read() == 4 * (10 + 15));
  CHECK(work.written() == 24);
  const Work conv = find_families("conv forward")[0]->describe({"", {1, 4, 4, 1, 2, 3, 1, 1}});
  CHECK(conv.flops == 2.0 * 16 * 2 * 9);
}

TEST_CASE("every ladder has shapes, and a rung that differs in one bit gets no speed") {
  using namespace lat::kernels;
  if (best_isa() == Isa::v2) {
    MESSAGE("this machine has no fused multiply-add, so no ladder");
    return;
  }
  REQUIRE(i64(ladder_names().size()) == kLadders);
  for (i64 i = 0; i < kLadders; ++i) {
    const Ladder& l = ladder(best_isa(), i);
    const Family& family = ladder_family(l.name);
    CAPTURE(l.name);
    REQUIRE(family.shapes.size() == 1);
    const Work work = family.describe(family.small(family.shapes[0]));
    for (i64 r = 0; r < l.count; ++r)
      CHECK(matches_specification(l.rungs[r], l.specification, work));
  }
  const Family& copy = *find_families("copy").at(0);
  const Work work = copy.describe({"", {100}});
  const Run truth = best(K::copy).run[0];
  const auto plan = best(K::copy).plan[0];
  CHECK(matches_specification({"right", "", truth, plan}, truth, work));
  CHECK_FALSE(matches_specification({"wrong", "", flipped_copy, plan}, truth, work));
  CHECK(contains(thrown([] { ladder_family("gem"); }).what(), "Did you mean 'gemm'?"));
  CHECK(contains(thrown([] { ladder_family(""); }).what(), "reparameterise_kl"));
}

TEST_CASE("bars: as long as their share, the longest in the width") {
  const auto result = [](const std::string& impl, double roofline) {
    Result r{"ladder", "[1]", impl, 1, spread(1, 1, 1)};
    r.roofline = roofline;
    return r;
  };
  const auto bar = [](i64 n) { return std::string(size_t(n), '#'); };
  CHECK(bar_chart({result("a", 0), result("bcd", 50), result("e", 100)}, 33) ==
        "% of the roof\na      0.0%\nbcd  " + bar(10) + "  50.0%\ne    " + bar(20) + "  100.0%\n");
  CHECK(contains(bar_chart({result("a", 200)}, 31), "a  " + bar(20) + "  200.0%"));
}

TEST_CASE("names and shapes of kernels") {
  CHECK(find_families("conv").size() == 4);
  CHECK(find_families("conv_forward,gemm tn").size() == 2);
  CHECK(find_families("log").size() == 1);
  CHECK(find_families("").size() == families().size());
  CHECK(contains(thrown([] { find_families("sofplus"); }).what(), "Did you mean 'softplus'?"));
  const Family& gemm = families().front();
  const auto code = [&](std::vector<lat::kernels::i64> sizes) {
    return thrown([&] { gemm.describe({"", sizes}); }).code;
  };
  constexpr lat::kernels::i64 kMost = 2147483647;
  CHECK(code({1, 2}) == Code::usage);
  CHECK(code({1, 0, 3}) == Code::usage);
  CHECK(code({kMost + 1, 1, 1}) == Code::usage);
  CHECK(code({kMost, kMost, 1}) == Code::usage);
  CHECK(thrown([&] {
          require_memory(gemm.describe({"", {kMost, 1 << 20, 1}}));
        }).code == Code::machine);
  CHECK(thrown([] {
          find_families("conv data")[0]->describe({"", {1, 2, 2, 1, 1, 5, 1, 0}});
        }).code == Code::usage);
}

TEST_CASE("peers: the same numbers as plain loops, or the package that is missing") {
  const Error absent = thrown([] { lat::open_library("libno_such_library.so.7", "libno-such7"); });
  CHECK(absent.code == Code::machine);
  CHECK(contains(absent.what(), "apt-get install libno-such7"));
  const Error versions = thrown([] {
    lat::open_any_library({"libno_such.so.9", "libno_such.so.8"}, "libno-such9");
  });
  CHECK(versions.code == Code::machine);
  CHECK(contains(versions.what(), "libno_such.so.9: cannot be opened"));
  CHECK(std::string(versions.what()).find('\n') == std::string::npos);
  lat::Accelerator device("emulated");
  for (const std::string name : {"cublaslt", "cudnn"}) {
    CHECK(thrown([&] { open_peer(name); }).code == Code::usage);
    CHECK(thrown([&] { open_peer(name, &device); }).code == Code::machine);
  }
  CHECK(thrown([&] { open_peer("onednn", &device); }).code == Code::usage);
  CHECK(contains(thrown([] { open_peer("openblass"); }).what(), "Did you mean 'openblas'?"));
  struct Library {
    std::string name;
    const char *file, *package;
  };
  for (const Library& library : {Library{"openblas", "libopenblas.so.0", "libopenblas0-pthread"},
                                 Library{"onednn", "libdnnl.so.2", "libdnnl2"}}) {
    CAPTURE(library.name);
    if (!::dlopen(library.file, RTLD_NOW | RTLD_LOCAL)) {
      CHECK(contains(thrown([&] { open_peer(library.name); }).what(), library.package));
      continue;
    }
    const auto peer = open_peer(library.name);
    peer->set_threads(1);
    for (const Family* f : find_families("gemm")) {
      const std::vector<lat::kernels::i64> sizes{7, 5, 9};
      Problem problem(f->describe({"", sizes}));
      const PeerCall call = peer->prepare(*f, {"", sizes}, problem);
      REQUIRE(call.run);
      call.run();
      const std::vector<double> want = product(*f, sizes, problem.floats(1), problem.floats(2));
      for (size_t i = 0; i < want.size(); ++i)
        CHECK(double(call.output()[i]) == doctest::Approx(want[i]).epsilon(1e-5));
    }
    for (const Family* f : find_families("conv,exp,log,tanh,sigmoid,softplus,log_softmax")) {
      CAPTURE(f->name);
      const WorkShape shape = f->name.starts_with("conv") ? WorkShape{"", {2, 7, 6, 3, 5, 3, 2, 1}}
                                                          : f->small(f->shapes[0]);
      Problem problem(f->describe(shape));
      const Work work = f->describe(shape);
      lat::kernels::table(lat::kernels::Isa::spec)[static_cast<int>(work.kernel)].run[0](
          problem.args().data(), {});
      const PeerCall call = peer->prepare(*f, shape, problem);
      CHECK(bool(call.run) == (library.name == "onednn"));
      if (!call.run) continue;
      call.run();
      const float *const ours = problem.floats(0), *const theirs = call.output();
      double most = 0, apart = 0;
      for (lat::kernels::i64 i = 0; i < work.operands[0].count; ++i) {
        most = std::max(most, std::fabs(double(ours[i])));
        apart = std::max(apart, std::fabs(double(ours[i]) - double(theirs[i])));
      }
      CHECK(apart <= 1e-5 * most);
    }
  }
}

TEST_CASE("peers on a GPU: within the bound of exact, where there is one") {
  std::unique_ptr<lat::Accelerator> device;
  try {
    device = std::make_unique<lat::Accelerator>("cuda");
  } catch (const Error& error) {
    CHECK(error.code == Code::machine);
    MESSAGE(std::string(error.what()));
    return;
  }
  for (const std::string name : {"cublaslt", "cudnn"}) {
    std::unique_ptr<Peer> peer;
    try {
      peer = open_peer(name, device.get());
    } catch (const Error& error) {
      CHECK(contains(error.what(), "apt-get install"));
      MESSAGE(std::string(error.what()));
      continue;
    }
    for (const Family* f : find_families("gemm,linear relu,conv", device_families())) {
      CAPTURE(f->name);
      const bool conv = f->name.starts_with("conv");
      const WorkShape shape{
          "", conv ? std::vector<i64>{2, 16, 16, 32, 64, 3, 1, 1} : std::vector<i64>{64, 96, 160}};
      const Work work = f->describe(shape);
      const auto& row = device->rows()[static_cast<int>(work.kernel)];
      Problem problem(work, device.get());
      const Problem sizes(work.absolute(), device.get());
      for (const Problem* p : std::initializer_list<const Problem*>{&problem, &sizes})
        queued({"", "", row.run[0], row.scratch[0]}, *p, *device)();
      const PeerCall call = peer->prepare(*f, shape, problem);
      CHECK(bool(call.run) == (conv == (name == "cudnn")));
      if (!call.run) continue;
      call.run();
      Distance distance;
      CHECK(distance.note(call.output(), problem.values(0).data(), sizes.values(0).data(),
                          work.operands[0].count, work.terms));
    }
  }
}

TEST_CASE("the plot is whole XML and holds every result") {
  Peaks peaks;
  peaks.gflops = 100;
  peaks.levels = {{"L1", 32e3, 200, 100, 200, 200}, {"memory", 1e300, 20, 20, 20, 20}};
  Result r{"gemm <nt>", "[1]", "latent", 1, spread(1, 1, 1)};
  r.flops = true;
  r.rate = 50;
  r.roofline = 50;
  r.intensity = 700;
  Result s = r;
  s.impl = "OpenBLAS";
  s.rate = 0.01;
  const std::string svg = plot("a & b", peaks, {r, s});
  CHECK(svg.starts_with("<svg "));
  CHECK(svg.ends_with("</svg>\n"));
  CHECK(contains(svg, "a &amp; b"));
  CHECK(contains(svg, "gemm &lt;nt>"));
  CHECK(!contains(svg, "nan"));
  CHECK(!contains(svg, "inf"));
  for (const std::string impl : {"latent", "OpenBLAS"})
    CHECK(contains(svg, ">" + impl + "</text>"));
}

TEST_CASE("the clock sees a machine and bounds it") {
  BoundTeam bound(2);
  TeamClock clock(bound.team(), lat::kernels::best_isa());
  const Peaks peaks = measure_peaks(bound.team(), clock, lat::kernels::best_isa(), 1e-3);
  CHECK(peaks.gflops > 0);
  CHECK(peaks.levels.back().name == "memory");
  for (const Level& l : peaks.levels)
    for (const double rate : {l.read, l.write, l.copy, l.triad}) CHECK(rate > 0);
  CHECK(peaks.level(1).name == "L1");
  CHECK(peaks.level(1e15).name == "memory");
  CHECK(peaks.bandwidth(1e15, 0) == peaks.levels.back().read);
  CHECK(peaks.bandwidth(0, 1e15) == peaks.levels.back().write);
  int a = 0, b = 0;
  const auto times = clock.interleave({[&] { ++a; }, [&] { ++b; }}, 1e-3);
  REQUIRE(times.size() == 2);
  CHECK(std::min(a, b) > 7);
  for (const Timing& t : times) {
    CHECK(t.min <= t.low);
    CHECK(t.low <= t.us);
    CHECK(t.us <= t.high);
    CHECK(t.high <= t.max);
  }
}
