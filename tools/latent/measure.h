#pragma once
// The clock, and what the machine can do at best: every roof is measured in the run that is held against it.
#include <functional>
#include <string>
#include <vector>

#include "engine/core/team.h"
#include "kernels/study/study.h"

namespace lat::tools {

using kernels::i64;

// Microseconds of one call: the median of many chunks of calls, their least and most, their quartiles.
struct Timing {
  double us = 0, min = 0, max = 0, low = 0, high = 0;
  bool steady = true;  // the machine was ours in every chunk
};

// The ranks of such chunks.
Timing timing_of(std::vector<double> us, bool steady);

class Clock {
 public:
  virtual ~Clock() = default;
  // Times candidates in turns, on warm operands; about `seconds` for each.
  virtual std::vector<Timing> interleave(const std::vector<std::function<void()>>& candidates,
                                         double seconds) = 0;
};

// Of threads, while the machine is ours: before a chunk of calls (and after it, on one thread) a few microseconds of
// arithmetic run on the same threads. Where they ran slower than at their best, or a thread lost its core meanwhile,
// another process was there, and the chunk is taken again. The rule looks at the machine, never at the candidate's own
// time. On one thread the clock is what the thread computed, else the wall's.
class TeamClock final : public Clock {
 public:
  TeamClock(Team& team, kernels::Isa isa);
  // On several threads candidates rest between turns, so long that the threads of the one before have gone to sleep.
  std::vector<Timing> interleave(const std::vector<std::function<void()>>& candidates,
                                 double seconds) override;
  // Operations of the arithmetic in a second at its best, in units of 10^9: the peak of the instruction set.
  double gflops() const { return gflops_of(best_); }

 private:
  double probe();  // runs it once; microseconds
  double gflops_of(double us) const;

  Team& team_;
  const kernels::Probes& probes_;
  std::vector<float> sink_;
  kernels::Arg args_[2];
  double best_ = 1e300;
};

// A team whose members are bound to one usable core each; the caller is unbound when it ends.
class BoundTeam {
 public:
  explicit BoundTeam(int threads);
  ~BoundTeam();
  BoundTeam(const BoundTeam&) = delete;
  BoundTeam& operator=(const BoundTeam&) = delete;
  Team& team() { return team_; }
  bool bound() const { return bound_; }

 private:
  std::vector<int> cores_;
  Team team_;
  bool bound_ = false;
};

// One level of the memory: what `threads` threads find in it, and how fast they stream through it.
struct Level {
  std::string name;                                 // L1, L2, L3, memory
  double bytes = 0;                                 // capacity; infinite for memory
  double read = 0, write = 0, copy = 0, triad = 0;  // GB/s, counting bytes read and bytes written
};

struct Peaks {
  double gflops = 0;  // fused multiply-adds of the instruction set's vectors, two operations each
  std::vector<Level> levels;  // nearest first

  // The level that holds `bytes`.
  const Level& level(double bytes) const;
  // GB/s of work that reads and writes so many bytes, all in one level.
  double bandwidth(double read, double written) const;
};
Peaks measure_peaks(Team& team, TeamClock& clock, kernels::Isa isa, double seconds);

// Memory for floats, 64-byte aligned, every page touched.
class Floats {
 public:
  explicit Floats(i64 n);
  ~Floats();
  Floats(Floats&& o) noexcept : data_(o.data_) { o.data_ = nullptr; }
  Floats& operator=(Floats&&) = delete;
  float* data() const { return data_; }

 private:
  float* data_;
};

// Bytes of memory that this machine can give; 0 where it does not say.
double free_memory();

}  // namespace lat::tools
