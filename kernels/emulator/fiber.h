#pragma once
// Fibers: stacks that one host thread switches between, about 10 ns a switch. A hand-written switch
// for x86-64 and aarch64; ucontext elsewhere, or with LAT_EMULATOR_UCONTEXT.
#include <stddef.h>

#if !defined(LAT_EMULATOR_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define LAT_EMULATOR_UCONTEXT
#endif
#ifdef LAT_EMULATOR_UCONTEXT
#include <ucontext.h>
#endif

#include "kernels/emulator/poison.h"

namespace lat::emu {

// A place where execution stopped.
struct Context {
#ifdef LAT_EMULATOR_UCONTEXT
  ucontext_t place;
#else
  void* top = nullptr;
#endif
  void* stack = nullptr;  // lowest address; of the host thread's own stack known once it was left
  size_t size = 0;
  void (*entry)() = nullptr;
#ifdef LAT_EMULATOR_ASAN
  void* fake_stack = nullptr;
#endif
};

// A stack of its own, which begins with `entry` at the first switch to it; entry never returns.
class Fiber {
 public:
  explicit Fiber(void (*entry)());
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  // Forgets where it stopped: the next switch begins with `entry` again.
  void restart();

  Context context;
  void* tsan = nullptr;  // what ThreadSanitizer calls it
};

// Stops here, as `from`, and goes on where `to` stopped.
void switch_to(Context& from, Context& to);

}  // namespace lat::emu
