#include "engine/core/team.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "engine/core/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lat {

namespace {

// 0.2 ms of pauses: within a step one thread is seldom longer at work alone, and waking another costs some 10 us.
constexpr int kSpins = 8000;
constexpr std::align_val_t kAlign{64};
constexpr uint64_t kClosed = 0xffffffff;  // a part number beyond every call

// The kernel sleeps only while the word still holds `value`, so a change before the call is never missed.
void sleep_while(std::atomic<uint32_t>& word, uint32_t value) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}
void wake_all(std::atomic<uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
}

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

FloatGuard::FloatGuard() {
#if defined(__x86_64__)
  saved_ = _mm_getcsr();
  if (saved_ != 0x1f80) _mm_setcsr(0x1f80);
#elif defined(__aarch64__)
  asm volatile("mrs %0, fpcr" : "=r"(saved_));
  if (saved_ != 0) asm volatile("msr fpcr, %0" ::"r"(uint64_t{0}));
#else
  saved_ = 0;
#endif
}

FloatGuard::~FloatGuard() {
#if defined(__x86_64__)
  if ((saved_ & ~0x3fu) != 0x1f80) _mm_setcsr(uint32_t(saved_));
#elif defined(__aarch64__)
  if (saved_ != 0) asm volatile("msr fpcr, %0" ::"r"(saved_));
#endif
}

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

Team::Team(int threads)
    : spins_(threads <= usable_cores() ? kSpins : 0), workspace_(size_t(threads), nullptr) {
  LAT_CHECK(threads >= 1 && threads <= 1024, Code::usage, "threads", "is ", threads,
            "; expected 1 .. 1024");
  workers_.reserve(size_t(threads - 1));
  for (int m = 1; m < threads; ++m) workers_.emplace_back([this, m] { work(m); });
}

Team::~Team() {
  stop_.store(true);
  generation_.fetch_add(1);
  wake_all(generation_);
  for (std::thread& t : workers_) t.join();
  for (void* p : workspace_) ::operator delete(p, kAlign);
}

void Team::reserve_workspace(int64_t bytes) {
  if (bytes <= workspace_bytes_) return;
  for (void*& p : workspace_) {
    ::operator delete(p, kAlign);
    p = ::operator new(size_t(bytes), kAlign);
  }
  workspace_bytes_ = bytes;
}

void Team::run(Run f, const kernels::Arg* args, int64_t parts) {
  if (parts <= 1 || workers_.empty()) {
    f(args, {0, 1, workspace_[0]});
    return;
  }
  // A member late from the call before may still hold its ticket: closed first, so that no claim can succeed with it
  // once the fields below are seen.
  parts = std::min<int64_t>(parts, int64_t{kPartsPerMember} * size());
  const uint32_t generation = generation_.load(std::memory_order_relaxed) + 1;
  ticket_.store(uint64_t{generation - 1} << 32 | kClosed, std::memory_order_seq_cst);
  run_.store(f, std::memory_order_release);
  args_.store(args, std::memory_order_release);
  parts_.store(parts, std::memory_order_release);
  done_.store(0, std::memory_order_relaxed);
  ticket_.store(uint64_t{generation} << 32, std::memory_order_release);
  generation_.store(generation, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) wake_all(generation_);
  claim(generation, 0);
  const uint32_t all = static_cast<uint32_t>(parts);
  for (int spin = 0; spin < spins_ && done_.load(std::memory_order_acquire) != all; ++spin) pause();
  if (done_.load(std::memory_order_acquire) == all) return;
  // Either the last member sees this flag, or this thread sees the last part done.
  caller_sleeps_.store(true, std::memory_order_seq_cst);
  for (uint32_t seen = done_.load(std::memory_order_seq_cst); seen != all;
       seen = done_.load(std::memory_order_seq_cst))
    sleep_while(done_, seen);
  caller_sleeps_.store(false, std::memory_order_relaxed);
}

void Team::claim(uint64_t generation, int member) {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while ((ticket >> 32) == (generation & 0xffffffffu)) {
    // These belong to `generation` if the exchange below succeeds: nobody overwrites them before every part is done.
    const Run f = run_.load(std::memory_order_acquire);
    const kernels::Arg* const args = args_.load(std::memory_order_acquire);
    const int64_t parts = parts_.load(std::memory_order_acquire);
    const int64_t part = int64_t(ticket & 0xffffffffu);
    if (part >= parts) return;
    if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) continue;
    f(args, {part, parts, workspace_[size_t(member)]});
    done_.fetch_add(1, std::memory_order_seq_cst);
    if (caller_sleeps_.load(std::memory_order_seq_cst)) wake_all(done_);
    ticket = ticket_.load(std::memory_order_acquire);
  }
}

void Team::work(int member) {
  const FloatGuard guard;
  uint32_t seen = 0;
  while (true) {
    uint32_t now = generation_.load(std::memory_order_acquire);
    for (int spin = 0; now == seen && spin < spins_; ++spin) {
      pause();
      now = generation_.load(std::memory_order_acquire);
    }
    if (now == seen) {
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
      sleep_while(generation_, seen);
      sleepers_.fetch_sub(1, std::memory_order_seq_cst);
      continue;
    }
    if (stop_.load()) return;
    seen = now;
    claim(now, member);
  }
}

}  // namespace lat
