#include "kernels/emulator/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <new>

#ifndef LAT_EMULATOR_UCONTEXT
extern "C" void lat_emulator_switch(void** save, void* load);
#if defined(__x86_64__)
// Saves the callee-saved registers on the old stack and restores them from the new one.
asm(R"(
.text
.type lat_emulator_switch, @function
lat_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size lat_emulator_switch, . - lat_emulator_switch
)");
#else
asm(R"(
.text
.type lat_emulator_switch, %function
lat_emulator_switch:
  sub sp, sp, #160
  stp x19, x20, [sp]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size lat_emulator_switch, . - lat_emulator_switch
)");
#endif
#endif

namespace lat::emu {
namespace {

constexpr size_t kStack = (kAsan ? 256 : 64) * 1024;

thread_local Context* left;     // of the running switch
thread_local Context* entered;  // likewise

// ASan learns which stack is current; where the host's own one lies, only the arrival tells.
void arrive([[maybe_unused]] Context& here) {
#ifdef LAT_EMULATOR_ASAN
  const void* stack;
  size_t size;
  __sanitizer_finish_switch_fiber(here.fake_stack, &stack, &size);
  here.fake_stack = nullptr;
  left->stack = const_cast<void*>(stack);
  left->size = size;
#endif
}

void enter() {
  Context& here = *entered;
  arrive(here);
  here.entry();
}

}  // namespace

Fiber::Fiber(void (*entry)()) {
  const size_t page = size_t(sysconf(_SC_PAGESIZE));  // the lowest page catches an overflow
  void* const all = mmap(nullptr, kStack + page, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED) throw std::bad_alloc();
  mprotect(all, page, PROT_NONE);
  context.entry = entry;
  context.stack = static_cast<char*>(all) + page;
  context.size = kStack;
  restart();
}

Fiber::~Fiber() {
  unpoison(context.stack, kStack);
  const size_t page = size_t(sysconf(_SC_PAGESIZE));
  munmap(static_cast<char*>(context.stack) - page, kStack + page);
}

// The first switch returns into enter(), with the stack as a call would have left it.
void Fiber::restart() {
  unpoison(context.stack, kStack);
#ifdef LAT_EMULATOR_ASAN
  context.fake_stack = nullptr;
#endif
#ifdef LAT_EMULATOR_UCONTEXT
  getcontext(&context.place);
  context.place.uc_stack.ss_sp = context.stack;
  context.place.uc_stack.ss_size = kStack;
  context.place.uc_link = nullptr;
  makecontext(&context.place, enter, 0);
#else
  void** top = reinterpret_cast<void**>(static_cast<char*>(context.stack) + kStack);
#if defined(__x86_64__)
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(enter);
  for (int k = 0; k < 6; ++k) *--top = nullptr;
#else
  for (int k = 0; k < 20; ++k) *--top = nullptr;
  top[11] = reinterpret_cast<void*>(enter);  // x30
#endif
  context.top = top;
#endif
}

void switch_to(Context& from, Context& to) {
  left = &from;
  entered = &to;
#ifdef LAT_EMULATOR_ASAN
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.size);
#endif
#ifdef LAT_EMULATOR_UCONTEXT
  swapcontext(&from.place, &to.place);
#else
  lat_emulator_switch(&from.top, to.top);
#endif
  arrive(from);
}

}  // namespace lat::emu
