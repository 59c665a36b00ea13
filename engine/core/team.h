#pragma once
// A team of threads that share the parts of one call. Parts are claimed from an atomic counter; who computes a part
// changes no bit. A member spins briefly, then sleeps on a futex; with more members than usable cores nobody spins.
#include <atomic>
#include <thread>
#include <vector>

#include "kernels/table.h"

namespace lat {

// Default rounding and subnormals for the life of the object: the bits depend on both.
class FloatGuard {
 public:
  FloatGuard();
  ~FloatGuard();
  FloatGuard(const FloatGuard&) = delete;
  FloatGuard& operator=(const FloatGuard&) = delete;

 private:
  uint64_t saved_;
};

class Team {
 public:
  using Run = void (*)(const kernels::Arg*, kernels::Part);
  // Enough to even out a busy machine, few enough to share packed operands.
  static constexpr int kPartsPerMember = 4;

  explicit Team(int threads);  // the caller is one of them
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return int(workers_.size()) + 1; }
  // Each member gets `bytes` of its own; grows only. Not while a call runs.
  void reserve_workspace(int64_t bytes);
  // Runs the call, cut into at most `parts` parts and no more than a few for each member, and returns when it is done.
  // One part runs on the caller, with no hand-over.
  void run(Run f, const kernels::Arg* args, int64_t parts);

 private:
  void work(int member);
  void claim(uint64_t generation, int member);

  // Parts of the call at hand. ticket: generation << 32 | next part; a late member's claim fails on the generation.
  alignas(64) std::atomic<uint64_t> ticket_{0};
  std::atomic<Run> run_{nullptr};
  std::atomic<const kernels::Arg*> args_{nullptr};
  std::atomic<int64_t> parts_{0};
  alignas(64) std::atomic<uint32_t> done_{0};
  std::atomic<bool> caller_sleeps_{false};
  alignas(64) std::atomic<uint32_t> generation_{0};
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
  int spins_;
  std::vector<void*> workspace_;
  int64_t workspace_bytes_ = 0;
  std::vector<std::thread> workers_;
};

// Cores this process may use.
int usable_cores();

}  // namespace lat
