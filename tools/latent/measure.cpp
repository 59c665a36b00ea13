#include "tools/latent/measure.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <ctime>
#include <fstream>
#include <limits>
#include <new>
#include <thread>

#include "engine/core/error.h"

namespace lat::tools {

namespace {

using kernels::Arg;
using kernels::Part;

constexpr std::align_val_t kAlign{64};

double now_us() {
  return std::chrono::duration<double, std::micro>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// What this thread has computed, without the time it was put off its core.
double computed_us() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

// Times that a thread of this process was put off its core.
long put_off() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nivcsw;
}

double rank(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(at), above = std::min(below + 1, sorted.size() - 1);
  const double part = at - static_cast<double>(below);
  return sorted[below] + part * (sorted[above] - sorted[below]);
}

std::vector<int> my_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (int c = 0; c < CPU_SETSIZE; ++c)
    if (CPU_ISSET(c, &set)) cores.push_back(c);
  return cores;
}

void bind_to(const int* cores, size_t n) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (size_t i = 0; i < n; ++i) CPU_SET(cores[i], &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

// Arguments: cores, how many members have come. Nobody leaves before all are here, so each member takes one part.
void bind_member(const Arg* args, Part part) {
  auto& here = *static_cast<std::atomic<i64>*>(args[1].p);
  here.fetch_add(1);
  while (here.load() < part.count) std::this_thread::yield();
  bind_to(static_cast<const int*>(args[0].p) + part.index, 1);
}

// Bytes of the data cache of a level, as seen from core 0; 0 where there is none.
double cache_bytes(int level) {
  for (int index = 0; index < 8; ++index) {
    const std::string folder = cat("/sys/devices/system/cpu/cpu0/cache/index", index, "/");
    std::ifstream level_file(folder + "level"), type_file(folder + "type"),
        size_file(folder + "size");
    int here = 0;
    double size = 0;
    char unit = ' ';
    std::string type;
    if (!(level_file >> here) || !(type_file >> type) || !(size_file >> size)) break;
    size_file >> unit;
    if (here == level && type != "Instruction")
      return size * (unit == 'K' ? 1024 : unit == 'M' ? 1048576 : 1);
  }
  return 0;
}

}  // namespace

Timing timing_of(std::vector<double> us, bool steady) {
  std::sort(us.begin(), us.end());
  return {rank(us, 0.5), us.front(), us.back(), rank(us, 0.25), rank(us, 0.75), steady};
}

TeamClock::TeamClock(Team& team, kernels::Isa isa)
    : team_(team), probes_(kernels::probes(isa)), sink_(static_cast<size_t>(16 * team.size())) {
  args_[0].p = sink_.data();
  args_[1].i = 1;
  while (probe() < 20) args_[1].i *= 2;
  best_ = 1e300;
  for (int i = 0; i < 200; ++i) probe();
}

double TeamClock::probe() {
  const double start = now_us();
  team_.run(probes_.multiply_add, args_, team_.size());
  const double us = now_us() - start;
  best_ = std::min(best_, us);
  return us;
}

double TeamClock::gflops_of(double us) const {
  return static_cast<double>(probes_.flops * args_[1].i * team_.size()) / us / 1e3;
}

std::vector<Timing> TeamClock::interleave(const std::vector<std::function<void()>>& candidates,
                                          double seconds) {
  constexpr double kOurs = 1.08;  // slower than its best by more: the probe was not alone
  constexpr size_t kLeast = 7;
  constexpr double kMost = 60, kMostRested = 15, kPatience = 5;
  struct Chunk {
    double us, slowdown;
  };
  const size_t n = candidates.size();
  const bool several = team_.size() > 1, rest = several && n > 1;
  const double begun = now_us();
  std::vector<i64> calls(n);
  std::vector<std::vector<Chunk>> chunks(n);
  std::vector<size_t> good(n);
  size_t wanted = kLeast;
  for (size_t c = 0; c < n; ++c) {
    for (int warm = 0; warm < 2; ++warm) candidates[c]();
    const double before = now_us();
    candidates[c]();
    const double one = std::max(now_us() - before, 0.05);
    const double chunk = std::clamp(seconds * 1e6 / kMost, 200.0, 2000.0);
    calls[c] = std::max<i64>(1, static_cast<i64>(chunk / one));
    const double turns = seconds * 1e6 / (one * static_cast<double>(calls[c]));
    const double most = rest ? kMostRested : kMost;
    wanted = std::max(wanted, static_cast<size_t>(std::min(turns, most)));
  }
  for (size_t turn = 0; turn < 3 * wanted; ++turn) {
    bool done = true;
    for (size_t c = 0; c < n; ++c) {
      if (good[c] == wanted) continue;
      done = false;
      if (rest) std::this_thread::sleep_for(std::chrono::milliseconds(30));
      const long lost = put_off();
      double slowdown = probe();
      candidates[c]();  // whoever ran before left its own data in the caches
      const auto time = several ? now_us : computed_us;
      const double start = time();
      for (i64 i = 0; i < calls[c]; ++i) candidates[c]();
      const double us = (time() - start) / static_cast<double>(calls[c]);
      if (!several)
        slowdown = std::max(slowdown, probe());  // the threads of a peer would be in its way
      slowdown /= best_;
      if (put_off() != lost) slowdown += kOurs;
      good[c] += slowdown <= kOurs;
      chunks[c].push_back({us, slowdown});
    }
    const double spent = (now_us() - begun) * 1e-6;
    if (done || (turn >= kLeast && spent > kPatience * seconds * static_cast<double>(n))) break;
  }
  std::vector<Timing> out;
  for (std::vector<Chunk>& all : chunks) {
    std::sort(all.begin(), all.end(),
              [](const Chunk& a, const Chunk& b) { return a.slowdown < b.slowdown; });
    std::vector<double> us;
    for (const Chunk& c : all) {
      if (c.slowdown > kOurs && us.size() >= kLeast) break;
      us.push_back(c.us);
    }
    const bool steady = all[us.size() - 1].slowdown <= kOurs;
    out.push_back(timing_of(std::move(us), steady));
  }
  return out;
}

BoundTeam::BoundTeam(int threads) : cores_(my_cores()), team_(threads) {
  if (static_cast<size_t>(threads) > cores_.size()) return;
  std::atomic<i64> here{0};
  Arg args[2];
  args[0].p = cores_.data();
  args[1].p = &here;
  team_.run(bind_member, args, threads);
  bound_ = true;
}

BoundTeam::~BoundTeam() {
  if (bound_) bind_to(cores_.data(), cores_.size());
}

const Level& Peaks::level(double bytes) const {
  constexpr double kFull = 0.75;  // the rest of a cache belongs to stacks, tables, other processes
  for (const Level& l : levels)
    if (bytes <= kFull * l.bytes) return l;
  return levels.back();
}

double Peaks::bandwidth(double read, double written) const {
  const Level& l = level(read + written);
  const double share = written / (read + written);
  return share < 0.1 ? l.read : share > 0.9 ? l.write : std::max(l.copy, l.triad);
}

Peaks measure_peaks(Team& team, TeamClock& clock, kernels::Isa isa, double seconds) {
  constexpr i64 kMost = i64{1} << 26;  // floats of an array
  const int threads = team.size();
  const kernels::Probes& probes = kernels::probes(isa);
  std::vector<float> sink(static_cast<size_t>(16 * threads));
  Arg args[5];
  Peaks peaks;
  const double l1 = std::max(cache_bytes(1), 16e3), l2 = cache_bytes(2), l3 = cache_bytes(3);
  peaks.levels.push_back({"L1", l1 * threads});
  if (l2 > l1) peaks.levels.push_back({"L2", l2 * threads});
  if (l3 > l2) peaks.levels.push_back({"L3", l3});
  const double last = peaks.levels.back().bytes;
  peaks.levels.push_back({"memory", std::numeric_limits<double>::infinity()});

  const double room = free_memory() > 0 ? free_memory() / 4 : 4e8;
  const i64 grain = 64 * threads;
  // Three arrays fill half of a level, four times the last cache in memory.
  const auto floats = [&](const Level& l) {
    const double bytes = std::isfinite(l.bytes) ? l.bytes / 2 : std::min(4 * last, room);
    return std::clamp(static_cast<i64>(bytes / 12), grain, kMost) / grain * grain;
  };
  const i64 n = floats(peaks.levels.back());
  const Floats a(n), b(n), c(n);
  args[1].p = b.data();
  args[2].p = c.data();
  for (Level& l : peaks.levels) {
    args[3].i = std::min(n, floats(l));
    args[4].i = std::max<i64>(1, (i64{1} << 18) / args[3].i);
    for (i64 s = 0; s < probes.stream_count; ++s) {
      const kernels::Stream& stream = probes.streams[s];
      args[0].p = stream.arrays == 1 && stream.name[0] == 'r' ? sink.data() : a.data();
      const double bytes = 4.0 * static_cast<double>(stream.arrays * args[3].i * args[4].i);
      // The best of many: a roof is what the machine can do.
      const double us =
          clock.interleave({[&] { team.run(stream.run, args, threads); }}, seconds)[0].min;
      const std::string name = stream.name;
      double& at = name == "read"    ? l.read
                   : name == "write" ? l.write
                   : name == "copy"  ? l.copy
                                     : l.triad;
      at = std::max(at, bytes / us / 1e3);
    }
  }
  peaks.gflops = clock.gflops();
  return peaks;
}

Floats::Floats(i64 n) {
  const size_t bytes = static_cast<size_t>(std::max<i64>(n, 1)) * sizeof(float);
  data_ = static_cast<float*>(::operator new(bytes, kAlign));
  std::memset(data_, 0, bytes);
}

Floats::~Floats() { ::operator delete(data_, kAlign); }

double free_memory() {
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("MemAvailable:")) return std::stod(line.substr(13)) * 1024;
  return 0;
}

}  // namespace lat::tools
