#pragma once
// The threads of a block as fibers of the calling host thread, one block after another. What a
// kernel can do wrong without a trace on a device stops here with the file and line of both the
// statement and the launch.
#include <functional>

#include "kernels/common/gpu.h"

namespace lat::emu {

using gpu::i64;
using gpu::u32;
using gpu::u64;
using gpu::u8;

// In which order blocks run, and threads between two waits. A kernel's result must not depend on it.
enum class Order : u8 {
  in_order,
  reverse,
  fair,   // a new random order each time round
  unfair  // random priorities of warps: one runs as far as it can before the next
};
struct Schedule {
  Order order = Order::in_order;
  u64 seed = 1;
};

// Limits of the devices that we build for (compute capability 8.0 and 9.0).
constexpr i64 kBlockThreads = 1024;
constexpr i64 kSharedStatic = 48 * 1024;
constexpr i64 kSharedBytes = 163 * 1024;

// Runs `body` once for every thread of the grid.
void run_grid(const gpu::Launch& launch, Schedule schedule, const std::function<void()>& body);

// ---- what a running thread may ask for ----------------------------------------------------------

struct Index {
  unsigned x, y, z;
};

// What the running thread knows of itself.
struct Here {
  Index thread, block, block_dim, grid_dim;
};
extern constinit thread_local Here here;

// A statement of a kernel.
struct Site {
  const char* file;
  int line;
};

// Waits until `threads` threads (0: the block) have come, and counts those with a true predicate.
// Barrier 0 is that of __syncthreads: all must come by the same line, and none may have ended.
u32 barrier(const char* what, u32 id, u32 threads, bool predicate, Site at);

// The meetings of the lanes of a warp: each waits for all lanes of `mask` that have not ended.
enum class Meeting : u8 {
  sync,
  shuffle,  // the value of lane `source`
  ballot,   // the lanes of the mask with a value that is not 0
  match     // the lanes of the mask with the same value
};
u64 meet(const char* what, Meeting kind, u32 mask, u64 value, u32 source, Site at);
u32 thread_in_block();
inline u32 lane() { return thread_in_block() % 32; }

// The array of this block that `key` names, filled with NaN bytes when it is first asked for.
void* shared_array(const void* key, size_t bytes, const char* name, Site at);
void* shared_dynamic();

// A copy to shared memory which is done as late as legal: when its group is waited for. Under the
// unfair order some are done at once, which is legal too.
struct Copy {
  void* to;
  const void* from;
  u32 bytes, valid;  // beyond `valid`: zeros
};
bool start_copy(const Copy& copy, Site at);   // true: to be done now
void commit_copies();                         // closes a group
bool next_copy(u32 groups_left, Copy* copy);  // true: to be done now, and ask again
void copying(bool now);                       // the bytes of a copy: it is counted as a whole

// Orders memory: what this thread wrote before is seen by those that pass a fence later.
void fence();

}  // namespace lat::emu
