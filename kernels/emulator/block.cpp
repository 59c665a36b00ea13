#include "kernels/emulator/block.h"

#include <sys/mman.h>

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/emulator/counters.h"
#include "kernels/emulator/fiber.h"

#ifdef LAT_EMULATOR_TSAN
#include <sanitizer/tsan_interface.h>
#endif

// ThreadSanitizer: kernels are instrumented and this file is not. Every CUDA thread is a fiber of
// its own to it, ordered by barriers, __syncwarp and fences alone. Blocks go to one of a few
// processors in turn, each with its own stacks and shared memory: only those on the same one are
// ordered. Threads must not allocate, nor write through memset or memcpy, which are intercepted even
// here.
#ifdef LAT_EMULATOR_TSAN
#define LAT_TSAN(...) __VA_ARGS__
constexpr bool kTsan = true;
#else
#define LAT_TSAN(...)
constexpr bool kTsan = false;
#endif
#ifdef LAT_EMULATOR_COUNT
#define LAT_COUNT(...) __VA_ARGS__
#else
#define LAT_COUNT(...)
#endif

namespace lat::emu {

constinit thread_local Here here{};

namespace {

constexpr u32 kWarp = 32;
constexpr u32 kBarriers = 16;
constexpr u32 kPendingCopies = 64;
constexpr size_t kSharedGuard = 64;
constexpr size_t kSharedRoom = 512 * 1024;  // with guards
constexpr unsigned char kGuardByte = 0xA5;

void fill_bytes(void* to, unsigned char byte, size_t n) {
  volatile unsigned char* p = static_cast<unsigned char*>(to);
  const u64 word = 0x0101010101010101u * byte;
  for (; n > 0 && reinterpret_cast<uintptr_t>(p) % 8 != 0; --n) *p++ = byte;
  for (; n >= 8; n -= 8, p += 8) *reinterpret_cast<volatile u64*>(p) = word;
  for (; n > 0; --n) *p++ = byte;
}

struct Random {  // SplitMix64 (Steele, Lea, Flood 2014)
  u64 state;
  u64 next() {
    u64 z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  template <class T>
  void shuffle(T* items, u64 n) {
    for (; n > 1; --n) {
      const u64 k = next() % n;
      const T kept = items[n - 1];
      items[n - 1] = items[k];
      items[k] = kept;
    }
  }
};

enum class State : u8 { fresh, ready, running, at_barrier, at_meeting, ended };

struct PendingCopy {
  Copy copy;
  u32 group;
};

struct Thread {
  Index index{};
  u32 number = 0;
  State state = State::fresh;
  Fiber* fiber = nullptr;
  const char* what = nullptr;  // it waits for
  Site at{};
  u32 barrier = 0;
  Meeting kind{};
  u32 mask = 0, source = 0;
  u64 value = 0;
  u32 copies_done = 0, copies_asked = 0;  // so far
  u32 group = 0;
};

struct Barrier {
  u32 arrived = 0, expected = 0, votes = 0, phase = 0;
  u32 result[2] = {};
  Site at{};
};

struct Warp {
  u32 waiting = 0, ended = 0;  // lanes
  u32 phase = 0;
};

struct SharedArray {
  const void* key;
  char* base;
  size_t bytes;
  const char* name;
  Site at;
};

// Addresses that stand for orderings between threads.
struct Orderings {
  u64 begin, end[2];  // of this block and of the one before, in turn
  u64 barrier[kBarriers][2];
  u64 warp[kBlockThreads / kWarp][2];
};

// What blocks use one after another.
struct Processor {
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::unique_ptr<char[]> room;
  char* shared = nullptr;
  Orderings orderings{};
  u32 turn = 0;
};
constexpr u32 kProcessors = kTsan ? 4 : 1;

std::string text(Index i) {
  return "(" + std::to_string(i.x) + "," + std::to_string(i.y) + "," + std::to_string(i.z) + ")";
}
std::string text(Site at) { return std::string(at.file) + ":" + std::to_string(at.line); }

// Runs grids on one host thread; keeps its fibers.
class Executor {
 public:
  void run(const gpu::Launch& launch, Schedule schedule, const std::function<void()>& body);
  u32 barrier(const char* what, u32 id, u32 threads, bool predicate, Site at);
  u64 meet(const char* what, Meeting kind, u32 mask, u64 value, u32 source, Site at);
  u32 thread_in_block() const { return current_->number; }
  void* shared_array(const void* key, size_t bytes, const char* name, Site at);
  void* shared_dynamic() { return arrays_[0].base; }
  bool start_copy(const Copy& copy, Site at);
  void commit_copies() { ++current_->group; }
  bool next_copy(u32 groups_left, Copy* copy);
  [[noreturn]] static void serve_forever();

 private:
  void run_block(Index block);
  void add_fiber();
  void restart_fibers();
  void serve();
  void end(Thread& self);
  Thread* pick();
  void wait(Thread& self);
  void go(Context& from, Thread& next);
  void made_ready(Thread& t);
  void complete(u32 warp, u32 mask, Meeting kind);
  void new_shared();
  char* place(const void* key, size_t bytes, const char* name, Site at);
  void check_guards();
  std::string name(const Thread& t) const { return "thread " + text(t.index); }
  std::string deadlock() const;
  gpu::Error error(const std::string& what) const;

  const gpu::Launch* launch_ = nullptr;
  const std::function<void()>* body_ = nullptr;
  Order order_ = Order::in_order;
  Random random_{};
  std::vector<Thread> threads_;
  std::vector<PendingCopy> copies_;  // kPendingCopies of each
  u32 count_ = 0;                    // threads of a block
  std::vector<u32> turns_;           // in which order they are asked
  u32 cursor_ = 0, ready_ = 0;       // `ready_` counts the fresh too
  u32 ended_ = 0;
  Thread* current_ = nullptr;
  Warp warps_[kBlockThreads / kWarp];
  Barrier barriers_[kBarriers];
  Processor processors_[kProcessors];
  Processor* processor_ = nullptr;
  u32 next_processor_ = 0;
  std::vector<Fiber*> idle_;  // of the processor
  Context host_;
  std::exception_ptr failure_;

  size_t shared_used_ = 0, shared_static_ = 0;
  std::vector<SharedArray> arrays_;  // the first is the dynamic one
  LAT_TSAN(void* host_tsan_ = nullptr;)
};

constinit thread_local Executor* executor = nullptr;  // of this host thread, once it ran a grid

gpu::Error Executor::error(const std::string& what) const {
  return gpu::Error(what + "\n  in block " + text(here.block) + " of the kernel launched at " +
                    text(Site{launch_->file, launch_->line}));
}

void Executor::serve_forever() {
  for (;;) executor->serve();
}

// ---- order --------------------------------------------------------------------------------------

void Executor::made_ready(Thread& t) {
  t.state = State::ready;
  ++ready_;
  if (order_ == Order::unfair) cursor_ = 0;
}

Thread* Executor::pick() {
  if (ready_ == 0) return nullptr;
  for (;;) {
    if (cursor_ == count_) {
      cursor_ = 0;
      if (order_ == Order::fair) random_.shuffle(turns_.data(), count_);
    }
    Thread& t = threads_[turns_[cursor_++]];
    if (t.state == State::fresh || t.state == State::ready) return &t;
  }
}

// Leaves `from` for the thread `next`.
void Executor::go(Context& from, Thread& next) {
  if (next.state == State::fresh) {
    if (idle_.empty()) add_fiber();
    next.fiber = idle_.back();
    idle_.pop_back();
  }
  --ready_;
  next.state = State::running;
  current_ = &next;
  here.thread = next.index;
  LAT_TSAN(__tsan_switch_to_fiber(next.fiber->tsan, __tsan_switch_to_fiber_no_sync);)
  switch_to(from, next.fiber->context);
}

void Executor::wait(Thread& self) {
  Thread* const next = pick();
  if (!next) throw error(deadlock());
  go(self.fiber->context, *next);
}

// On a fiber: runs threads from beginning to end, of which some may wait in between.
void Executor::serve() {
  Fiber* const mine = current_->fiber;
  for (;;) {
    Thread& self = *current_;
    try {
      LAT_TSAN(__tsan_acquire(&processor_->orderings.begin);
               __tsan_acquire(&processor_->orderings.end[processor_->turn ^ 1]);)
      (*body_)();
      LAT_TSAN(__tsan_release(&processor_->orderings.end[processor_->turn]);)
      end(self);
    } catch (...) {
      failure_ = std::current_exception();
    }
    Thread* next = failure_ ? nullptr : pick();
    if (!next && !failure_ && ended_ < count_)
      failure_ = std::make_exception_ptr(error(deadlock()));
    if (!kTsan && next && next->state == State::fresh) {  // its turn on the same stack
      next->fiber = mine;
      next->state = State::running;
      --ready_;
      current_ = next;
      here.thread = next->index;
      continue;
    }
    if (!kTsan) idle_.push_back(mine);
    if (next) {
      go(mine->context, *next);
    } else {
      LAT_TSAN(__tsan_switch_to_fiber(host_tsan_, __tsan_switch_to_fiber_no_sync);)
      switch_to(mine->context, host_);
    }
    return;  // taken from `idle_` for another thread
  }
}

void Executor::end(Thread& self) {
  self.state = State::ended;
  ++ended_;
  if (barriers_[0].arrived > 0)
    throw error(name(self) + " ends while " + std::to_string(barriers_[0].arrived) +
                " threads wait in __syncthreads at " + text(barriers_[0].at));
  Warp& warp = warps_[self.number / kWarp];
  warp.ended |= 1u << self.number % kWarp;
  for (u32 left = warp.waiting; left;) {
    const Thread& t = threads_[self.number / kWarp * kWarp + u32(__builtin_ctz(left))];
    complete(self.number / kWarp, t.mask, t.kind);
    left &= ~t.mask & warp.waiting;
  }
}

std::string Executor::deadlock() const {
  std::string s = "deadlock: nobody can go on";
  std::vector<bool> told(count_);
  for (u32 k = 0; k < count_; ++k) {
    const Thread& t = threads_[k];
    if (told[k] || (t.state != State::at_barrier && t.state != State::at_meeting)) continue;
    u32 alike = 0;
    for (u32 j = k; j < count_; ++j)
      if (threads_[j].state == t.state && threads_[j].at.line == t.at.line &&
          threads_[j].what == t.what) {
        told[j] = true;
        ++alike;
      }
    s += "\n  " + std::to_string(alike) + " threads wait in " + t.what + " at " + text(t.at) +
         ", the first is " + text(t.index);
  }
  if (ended_ > 0) s += "\n  " + std::to_string(ended_) + " threads have ended";
  return s;
}

// ---- grids and blocks ---------------------------------------------------------------------------

void Executor::run(const gpu::Launch& launch, Schedule schedule,
                   const std::function<void()>& body) {
  const gpu::Extent &g = launch.grid, &b = launch.block;
  launch_ = &launch;
  body_ = &body;
  order_ = schedule.order;
  random_ = {schedule.seed};
  here = {{},
          {},
          {unsigned(b.x), unsigned(b.y), unsigned(b.z)},
          {unsigned(g.x), unsigned(g.y), unsigned(g.z)}};
  count_ = u32(b.volume());
  if (threads_.size() < count_) {
    threads_.resize(count_);
    copies_.resize(count_ * kPendingCopies);
  }
  turns_.resize(count_);
  idle_.reserve(kBlockThreads);
  arrays_.reserve(64);

  const u64 blocks = u64(g.volume());
  std::vector<u64> blocks_in_order;
  if (order_ == Order::fair || order_ == Order::unfair) {
    blocks_in_order.resize(blocks);
    for (u64 k = 0; k < blocks; ++k) blocks_in_order[k] = k;
    random_.shuffle(blocks_in_order.data(), blocks);
  }
  LAT_TSAN(host_tsan_ = __tsan_get_current_fiber();)
  for (u64 k = 0; k < blocks && !failure_; ++k) {
    const u64 at = order_ == Order::in_order  ? k
                   : order_ == Order::reverse ? blocks - 1 - k
                                              : blocks_in_order[k];
    run_block({unsigned(at % u64(g.x)), unsigned(at / u64(g.x) % u64(g.y)),
               unsigned(at / u64(g.x) / u64(g.y))});
  }
  LAT_TSAN(for (Processor& p : processors_) for (u64& end : p.orderings.end) __tsan_acquire(&end);)
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Executor::add_fiber() {
  processor_->fibers.push_back(std::make_unique<Fiber>(serve_forever));
  idle_.push_back(processor_->fibers.back().get());
  LAT_TSAN(idle_.back()->tsan = __tsan_create_fiber(0);)
}

// What threads that did not end had on their stacks is forgotten.
void Executor::restart_fibers() {
  for (const auto& fiber : processor_->fibers) {
    LAT_TSAN(__tsan_switch_to_fiber(fiber->tsan, __tsan_switch_to_fiber_no_sync);
             __tsan_release(&processor_->orderings.end[processor_->turn]);
             __tsan_switch_to_fiber(host_tsan_, __tsan_switch_to_fiber_no_sync);
             __tsan_destroy_fiber(fiber->tsan); fiber->tsan = __tsan_create_fiber(0);)
    fiber->restart();
  }
}

void Executor::run_block(Index block) {
  here.block = block;
  processor_ = &processors_[next_processor_++ % kProcessors];
  processor_->turn ^= 1;
  new_shared();
  idle_.clear();
  for (const auto& fiber : processor_->fibers) idle_.push_back(fiber.get());
  if (kTsan)
    while (idle_.size() < count_) add_fiber();
  for (Barrier& b : barriers_) b = {};
  for (u32 w = 0; w * kWarp < count_; ++w) {
    const u32 lanes = count_ - w * kWarp;
    warps_[w] = {0, lanes < kWarp ? ~0u << lanes : 0u, 0};  // lanes that do not exist have ended
  }
  Index index{};
  for (u32 k = 0; k < count_; ++k) {
    Thread& t = threads_[k];
    t.index = index;
    t.number = k;
    t.state = State::fresh;
    t.fiber = nullptr;
    t.copies_done = t.copies_asked = t.group = 0;
    turns_[k] = order_ == Order::reverse ? count_ - 1 - k : k;
    if (++index.x == here.block_dim.x) {
      index.x = 0;
      if (++index.y == here.block_dim.y) index.y = 0, ++index.z;
    }
  }
  if (order_ == Order::fair) random_.shuffle(turns_.data(), count_);
  if (order_ == Order::unfair) {
    u32 warps[kBlockThreads / kWarp];
    const u32 n = (count_ + kWarp - 1) / kWarp;
    for (u32 w = 0; w < n; ++w) warps[w] = w;
    random_.shuffle(warps, n);
    u32 at = 0;
    for (u32 w = 0; w < n; ++w) {
      const u32 first = at;
      for (u32 k = warps[w] * kWarp; k < count_ && k < (warps[w] + 1) * kWarp; ++k)
        turns_[at++] = k;
      random_.shuffle(turns_.data() + first, at - first);
    }
  }
  cursor_ = 0;
  ready_ = count_;
  ended_ = 0;
  failure_ = nullptr;

  LAT_TSAN(__tsan_release(&processor_->orderings.begin);)
  LAT_COUNT(count_block(processor_->shared, kSharedRoom);)
  go(host_, *pick());
  LAT_COUNT(count_block_end();)

  if (failure_)
    restart_fibers();
  else
    check_guards();
}

// ---- waiting ------------------------------------------------------------------------------------

u32 Executor::barrier(const char* what, u32 id, u32 threads, bool predicate, Site at) {
  Thread& self = *current_;
  const u32 expected = threads ? threads : count_;
  if (id >= kBarriers || threads % kWarp != 0 || expected > count_)
    throw error(text(at) + ": " + what + " " + std::to_string(id) + " of " +
                std::to_string(expected) +
                " threads: at most barrier 15, whole warps of this block");
  Barrier& b = barriers_[id];
  if (id == 0 && ended_ > 0)
    throw error(name(self) + " waits in " + what + " at " + text(at) + " for " +
                std::to_string(ended_) + " threads that have ended");
  if (b.arrived == 0) {
    b.at = at;
    b.expected = expected;
    b.votes = 0;
  } else if (id == 0 && (b.at.line != at.line || b.at.file != at.file)) {
    throw error("divergent barrier: " + name(self) + " comes to " + what + " at " + text(at) +
                " while " + std::to_string(b.arrived) + " threads wait at " + text(b.at));
  } else if (b.expected != expected) {
    throw error(text(at) + ": barrier " + std::to_string(id) + " is asked for " +
                std::to_string(expected) + " threads, and by others for " +
                std::to_string(b.expected));
  }
  ++b.arrived;
  b.votes += predicate;
  const u32 phase = b.phase;
  LAT_TSAN(__tsan_release(&processor_->orderings.barrier[id][phase]);)
  if (b.arrived == expected) {
    b.result[phase] = b.votes;
    b.phase ^= 1;
    b.arrived = 0;
    for (u32 k = 0; k < count_; ++k)
      if (threads_[k].state == State::at_barrier && threads_[k].barrier == id)
        made_ready(threads_[k]);
  } else {
    self.state = State::at_barrier;
    self.barrier = id;
    self.what = what;
    self.at = at;
    wait(self);
  }
  LAT_TSAN(__tsan_acquire(&processor_->orderings.barrier[id][phase]);)
  return b.result[phase];
}

u64 Executor::meet(const char* what, Meeting kind, u32 mask, u64 value, u32 source, Site at) {
  Thread& self = *current_;
  const u32 lane = self.number % kWarp, number = self.number / kWarp;
  Warp& warp = warps_[number];
  if (!(mask >> lane & 1))
    throw error(name(self) + " (lane " + std::to_string(lane) + ") calls " + what + " at " +
                text(at) + " and is not in its mask");
  self.what = what;
  self.at = at;
  self.kind = kind;
  self.mask = mask;
  self.value = value;
  self.source = source;
  self.state = State::at_meeting;
  warp.waiting |= 1u << lane;
  LAT_TSAN(const u32 phase = warp.phase;
           if (kind == Meeting::sync) __tsan_release(&processor_->orderings.warp[number][phase]);)
  complete(number, mask, kind);
  if (self.state == State::at_meeting) {
    wait(self);
  } else {  // the last to come goes on
    self.state = State::running;
    --ready_;
  }
  LAT_TSAN(if (kind == Meeting::sync) __tsan_acquire(&processor_->orderings.warp[number][phase]);)
  return self.value;
}

// If all lanes of a mask have come or ended: gives each its result.
void Executor::complete(u32 number, u32 mask, Meeting kind) {
  Warp& warp = warps_[number];
  if (mask & ~(warp.waiting | warp.ended)) return;
  Thread* const lanes = &threads_[number * kWarp];
  const u32 here_now = mask & ~warp.ended;
  for (u32 left = here_now; left; left &= left - 1) {
    const Thread& t = lanes[__builtin_ctz(left)];
    if (t.mask != mask) return;
    if (t.kind != kind)
      throw error(name(t) + " calls " + t.what + " at " + text(t.at) +
                  " where another lane of the same mask calls something else");
  }
  u64 value[kWarp] = {};
  for (u32 left = here_now; left; left &= left - 1) {
    const u32 l = u32(__builtin_ctz(left));
    value[l] = lanes[l].value;
  }
  const auto lanes_where = [&](auto&& holds) {
    u64 set = 0;
    for (u32 left = here_now; left; left &= left - 1) {
      const u32 l = u32(__builtin_ctz(left));
      if (holds(value[l])) set |= u64(1) << l;
    }
    return set;
  };
  const u64 ballot = kind == Meeting::ballot ? lanes_where([](u64 v) { return v != 0; }) : 0;
  for (u32 left = here_now; left; left &= left - 1) {
    const u32 l = u32(__builtin_ctz(left));
    Thread& t = lanes[l];
    if (kind == Meeting::shuffle) {
      if (!(here_now >> t.source & 1))
        throw error(name(t) + " reads by " + t.what + " at " + text(t.at) + " from lane " +
                    std::to_string(t.source) +
                    (mask >> t.source & 1 ? ", which has ended" : ", which is not in the mask"));
      t.value = value[t.source];
    }
    if (kind == Meeting::ballot) t.value = ballot;
    if (kind == Meeting::match) t.value = lanes_where([&](u64 v) { return v == value[l]; });
    made_ready(t);
  }
  warp.waiting &= ~here_now;
  warp.phase ^= 1;
}

// ---- shared memory ------------------------------------------------------------------------------

void Executor::new_shared() {
  if (!processor_->room) {
    constexpr size_t align = 1024;
    processor_->room.reset(new char[kSharedRoom + align]);
    char* const room = processor_->room.get();
    processor_->shared = room + (align - reinterpret_cast<uintptr_t>(room) % align);
  }
  unpoison(processor_->shared, kSharedRoom);
  shared_used_ = shared_static_ = 0;
  arrays_.clear();
  place(nullptr, size_t(launch_->shared), "the dynamic array", {launch_->file, launch_->line});
}

char* Executor::place(const void* key, size_t bytes, const char* array, Site at) {
  char* const base = processor_->shared + shared_used_;
  const size_t whole = (bytes + 127) / 128 * 128 + 2 * kSharedGuard;
  if (shared_used_ + whole > kSharedRoom)
    throw error(text(at) + ": more shared memory than a block can have");
  shared_used_ += whole;
  fill_bytes(base, 0xFF, bytes);
  fill_bytes(base + bytes, kGuardByte, whole - bytes);
  poison(base + bytes, whole - bytes);
  arrays_.push_back({key, base, bytes, array, at});
  return base;
}

void* Executor::shared_array(const void* key, size_t bytes, const char* array, Site at) {
  for (const SharedArray& a : arrays_)
    if (a.key == key) return a.base;
  shared_static_ += bytes;
  if (i64(shared_static_) > kSharedStatic)
    throw error(text(at) + ": the static shared arrays take " + std::to_string(shared_static_) +
                " bytes of at most " + std::to_string(kSharedStatic));
  if (i64(shared_static_) + launch_->shared > kSharedBytes)
    throw error(text(at) + ": shared arrays take " +
                std::to_string(i64(shared_static_) + launch_->shared) + " bytes of at most " +
                std::to_string(kSharedBytes));
  return place(key, bytes, array, at);
}

void Executor::check_guards() {
  if (kAsan) return;
  for (const SharedArray& a : arrays_)
    for (size_t k = 0; k < 2 * kSharedGuard; ++k)
      if (static_cast<unsigned char>(a.base[a.bytes + k]) != kGuardByte)
        failure_ =
            std::make_exception_ptr(error("written beyond the shared array " + std::string(a.name) +
                                          " of " + std::to_string(a.bytes) + " bytes, " +
                                          text(a.at) + ": at byte " + std::to_string(a.bytes + k)));
}

bool Executor::start_copy(const Copy& copy, Site at) {
  Thread& self = *current_;
  const auto misaligned = [&](const void* p) {
    return reinterpret_cast<uintptr_t>(p) % copy.bytes != 0;
  };
  if (misaligned(copy.to) || misaligned(copy.from))
    throw error(name(self) + ": cp.async of " + std::to_string(copy.bytes) + " bytes at " +
                text(at) + " is not aligned to them");
  const char* const to = static_cast<const char*>(copy.to);
  if (to < processor_->shared || to + copy.bytes > processor_->shared + kSharedRoom)
    throw error(name(self) + ": cp.async at " + text(at) + " does not write to shared memory");
  if (order_ == Order::unfair && random_.next() % 2) return true;
  if (self.copies_asked - self.copies_done == kPendingCopies)
    throw error(name(self) + ": more than " + std::to_string(kPendingCopies) +
                " asynchronous copies on their way at " + text(at));
  copies_[self.number * kPendingCopies + self.copies_asked++ % kPendingCopies] = {copy, self.group};
  return false;
}

bool Executor::next_copy(u32 groups_left, Copy* copy) {
  Thread& self = *current_;
  if (self.copies_done == self.copies_asked) return false;
  const PendingCopy& first =
      copies_[self.number * kPendingCopies + self.copies_done % kPendingCopies];
  if (first.group + groups_left >= self.group) return false;
  *copy = first.copy;
  ++self.copies_done;
  return true;
}

}  // namespace

void run_grid(const gpu::Launch& launch, Schedule schedule, const std::function<void()>& body) {
  thread_local Executor mine;
  executor = &mine;
  executor->run(launch, schedule, body);
}
u32 barrier(const char* what, u32 id, u32 threads, bool predicate, Site at) {
  return executor->barrier(what, id, threads, predicate, at);
}
u64 meet(const char* what, Meeting kind, u32 mask, u64 value, u32 source, Site at) {
  return executor->meet(what, kind, mask, value, source, at);
}
u32 thread_in_block() { return executor->thread_in_block(); }
void* shared_array(const void* key, size_t bytes, const char* name, Site at) {
  return executor->shared_array(key, bytes, name, at);
}
void* shared_dynamic() { return executor->shared_dynamic(); }
bool start_copy(const Copy& copy, Site at) {
  LAT_COUNT(count_copy(copy, __builtin_return_address(0));)
  return executor->start_copy(copy, at);
}
void commit_copies() { executor->commit_copies(); }
bool next_copy(u32 groups_left, Copy* copy) { return executor->next_copy(groups_left, copy); }
void copying([[maybe_unused]] bool now) { LAT_COUNT(count_accesses(!now);) }

void fence() {
#ifdef LAT_EMULATOR_TSAN
  static u64 ordering;
  __tsan_acquire(&ordering);
  __tsan_release(&ordering);
#endif
}

}  // namespace lat::emu
