// Counts what goes through operator new, for the promise that a replayed step allocates nothing.
#include "tests/harness/allocations.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> count{0};

void* take(std::size_t bytes, std::size_t align) {
  count.fetch_add(1, std::memory_order_relaxed);
  const std::size_t whole = (bytes + align - 1) / align * align;
  void* const p = std::aligned_alloc(align, whole == 0 ? align : whole);
  if (!p) throw std::bad_alloc();
  return p;
}

constexpr std::size_t kAlign = alignof(std::max_align_t);

}  // namespace

namespace lat::test {

long allocations() { return count.load(std::memory_order_relaxed); }

}  // namespace lat::test

void* operator new(std::size_t n) { return take(n, kAlign); }
void* operator new[](std::size_t n) { return take(n, kAlign); }
void* operator new(std::size_t n, std::align_val_t a) { return take(n, std::size_t(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return take(n, std::size_t(a)); }
// The sanitizers bring their own of these, which would not match the deletes below.
void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
  count.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(n == 0 ? 1 : n);
}
void* operator new[](std::size_t n, const std::nothrow_t& t) noexcept { return operator new(n, t); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  count.fetch_add(1, std::memory_order_relaxed);
  const std::size_t align = std::size_t(a), whole = (n + align - 1) / align * align;
  return std::aligned_alloc(align, whole == 0 ? align : whole);
}
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t& t) noexcept {
  return operator new(n, a, t);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
