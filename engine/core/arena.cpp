#include "engine/core/arena.h"

#include <sys/mman.h>

#include <algorithm>

#include "kernels/common/planted.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LAT_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define LAT_ASAN 1
#endif
#ifdef LAT_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace lat {

namespace {

constexpr i64 kAlign = 64;
#ifdef LAT_ASAN
constexpr i64 kRedZone = 64;  // poisoned bytes behind every block, so that an overrun shows
void poison(void* p, i64 n) { __asan_poison_memory_region(p, size_t(n)); }
void unpoison(void* p, i64 n) { __asan_unpoison_memory_region(p, size_t(n)); }
#else
constexpr i64 kRedZone = 0;
void poison(void*, i64) {}
void unpoison(void*, i64) {}
#endif

i64 rounded(i64 bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

}  // namespace

Arena::Arena(i64 most, bool guarded, gpu::Device* device)
    : capacity_(most), guarded_(guarded), device_(device) {
  if (device) {
    base_ = device->reserve(size_t(most));
    return;
  }
  for (; capacity_ >= (i64{1} << 24);
       capacity_ /= 2) {  // a limit on addresses gets a smaller range
    base_ = mmap(nullptr, size_t(capacity_), PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base_ != MAP_FAILED) return;
  }
  base_ = nullptr;
  fail(Code::machine, "arena", "the system reserves no memory; free some, or raise ulimit -v");
}

Arena::~Arena() {
  if (!base_) return;
  if (!device_) {
    unpoison(base_, peak_);  // the next mapping may lie at the same addresses
    munmap(base_, size_t(capacity_));
    return;
  }
  try {
    device_->give_back(base_);
  } catch (...) {  // a device that has failed frees nothing, and nothing leaves here
  }
}

void* Arena::take(i64 bytes) {
  const i64 whole = rounded(bytes) + (guarded_ ? kRedZone : 0);
  LAT_CHECK(whole <= capacity_ - used_, Code::machine, "arena", "out of memory: ", bytes,
            " bytes asked, ", capacity_ - used_, " of ", capacity_,
            " left. Use a smaller batch or model");
  if (guarded_) commit(used_ + whole);
  void* p = at(used_);
  if (!device_) unpoison(p, bytes);
  if (guarded_ && !device_) poison(static_cast<char*>(p) + bytes, whole - bytes);
  used_ += whole;
  peak_ = std::max(peak_, used_);
  return p;
}

void Arena::rewind(i64 to) {
  if (guarded_ && !device_) poison(at(to), used_ - to);
  used_ = to + (kernels::planted(kernels::Bug::arena_rewound_short) && to < used_ ? kAlign : 0);
}

void Arena::commit(i64 bytes) {
  if (!device_) return;
  try {
    device_->commit(base_, size_t(bytes));
  } catch (const gpu::Error& error) {
    fail(Code::machine, "arena", error.what());
  }
}

void* Heap::take(i64 bytes) {
  const auto found = free_.find(bytes);
  void* p = nullptr;
  if (found != free_.end()) {
    p = found->second;
    free_.erase(found);
    if (!arena_.on_device()) unpoison(p, bytes);
  } else {
    p = arena_.take(bytes);
  }
  return p;
}

void Heap::give_back(void* p, i64 bytes) {
  if (!arena_.on_device()) poison(p, bytes);
  free_.emplace(bytes, p);
}

}  // namespace lat
