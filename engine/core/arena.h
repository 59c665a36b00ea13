#pragma once
// Memory that never moves: one reserved address range, committed by the system page by page as it is touched.
#include <cstddef>
#include <map>
#include <vector>

#include "engine/core/tensor.h"
#include "kernels/common/gpu.h"

namespace lat {

class Arena {
 public:
  // Reserves `most` bytes of addresses (not of memory). Throws Code::machine when the system refuses. guarded: under
  // AddressSanitizer, poisoned zones between blocks and poisoned rewound memory (not where programs are replayed). On a
  // device, which outlives the arena, taken bytes are committed (where programs are replayed, by `commit`), and nothing
  // is poisoned: work that is still queued may use what the host has rewound.
  explicit Arena(i64 most, bool guarded = true, gpu::Device* device = nullptr);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // 64-byte aligned; throws Code::machine when the range is used up. Contents: whatever was there.
  void* take(i64 bytes);
  bool on_device() const { return device_ != nullptr; }
  i64 used() const { return used_; }
  i64 peak() const { return peak_; }
  void rewind(i64 to);
  // The first `bytes` have memory from here on; on the CPU they always have.
  void commit(i64 bytes);
  bool holds(const void* p) const {
    return p >= base_ && p < static_cast<const char*>(base_) + capacity_;
  }
  i64 offset(const void* p) const {
    return static_cast<const char*>(p) - static_cast<const char*>(base_);
  }
  void* at(i64 offset) const { return static_cast<char*>(base_) + offset; }

 private:
  void* base_ = nullptr;
  i64 capacity_ = 0;
  i64 used_ = 0;
  i64 peak_ = 0;
  bool guarded_;
  gpu::Device* device_;
};

// An arena whose blocks are given back one by one: a freed block serves the next request of its size.
class Heap {
 public:
  explicit Heap(i64 most, gpu::Device* device = nullptr) : arena_(most, true, device) {}
  void* take(i64 bytes);
  void give_back(void* p, i64 bytes);
  const Arena& arena() const { return arena_; }

 private:
  Arena arena_;
  std::multimap<i64, void*> free_;
};

}  // namespace lat
