#pragma once
// What memory accesses of kernels cost, by statement, in the build that counts.
//
// There the kernels are those that ThreadSanitizer watches, linked without its library: the compiler
// announces every access, and counters.cpp is who listens. Accesses of a warp belong together when
// they are the n-th of their lanes by the same statement.
#include <vector>

#include "kernels/emulator/block.h"

namespace lat::emu {

class Device;

struct SiteCount {
  const void* site;  // address of the instruction that follows
  bool shared, write;
  u64 warps;  // accesses by warps
  u64 lanes;  // by threads
  u64 cost;   // global: sectors of 32 bytes; shared: passes through the 32 banks
  u64 least;  // what the same bytes cost side by side
};

// What this host thread has counted since the last call, by site.
std::vector<SiteCount> take_counts();

// What the runtime tells: which memory is the device's, where a block's shared memory lies and when
// the block runs, and copies that no instruction announces.
void count_memory_of(const Device* device);
void count_block(const char* shared, size_t bytes);
void count_block_end();
void count_copy(const Copy& copy, const void* site);
void count_accesses(bool on);  // within a block

}  // namespace lat::emu
