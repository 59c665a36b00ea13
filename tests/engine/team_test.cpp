// The thread team: every part exactly once, and nobody sleeps through a call.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>

#include "engine/core/team.h"

using namespace lat;

namespace {

constexpr int64_t kMost = 16;
std::atomic<int> g_times[kMost];

void count(const kernels::Arg* args, kernels::Part part) {
  g_times[part.index].fetch_add(1, std::memory_order_relaxed);
  // Some parts take long enough for the others to fall asleep.
  volatile int64_t work = args[0].i % 97 == 0 ? 40000 : args[0].i % 7 * 10;
  while (work > 0) work = work - 1;
}

void run_calls(int threads, int64_t calls) {
  Team team(threads);
  for (int64_t call = 0; call < calls; ++call) {
    const int64_t parts = 2 + call % (kMost - 1);
    for (auto& t : g_times) t.store(0, std::memory_order_relaxed);
    const kernels::Arg arg{.i = call};
    team.run(count, &arg, parts);
    const int64_t cut = std::min<int64_t>(parts, Team::kPartsPerMember * team.size());
    bool once = true;
    for (int64_t p = 0; p < kMost; ++p)
      once = once && (g_times[p].load() == (p < cut ? 1 : 0) || team.size() == 1);
    REQUIRE(once);
  }
}

}  // namespace

TEST_CASE("every part of every call runs exactly once, members asleep or awake") {
  run_calls(1, 100);
  run_calls(2, 200000);
  run_calls(7, 6000);  // more members than cores: nobody spins, everybody sleeps
}

TEST_CASE("the float environment is the default inside, and the caller's afterwards") {
  const unsigned before = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(before | 0x8040);  // flush to zero, denormals are zero
  {
    const FloatGuard guard;
    CHECK((__builtin_ia32_stmxcsr() & 0xffc0) == 0x1f80);
  }
  CHECK((__builtin_ia32_stmxcsr() & 0x8040) == 0x8040);
  __builtin_ia32_ldmxcsr(before);
}
