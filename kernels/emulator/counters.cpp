#include "kernels/emulator/counters.h"

#ifdef LAT_EMULATOR_COUNT
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "kernels/emulator/device.h"

namespace lat::emu {
namespace {

constexpr u64 kSector = 32, kBanks = 32, kBankBytes = 4, kWarp = 32;

struct Access {
  const void* site;
  u64 address;
  u32 thread, turn;  // the turn-th by this thread at this site
  u8 size;
  bool write;
};

struct Counters {
  const Device* device = nullptr;
  const char* shared = nullptr;
  size_t shared_bytes = 0;
  bool running = false;
  std::vector<Access> block;
  std::map<std::tuple<const void*, bool, bool>, SiteCount> sites;
};
thread_local Counters counters;

u64 sectors(const Access* a, size_t n) {
  std::set<u64> touched;
  for (size_t k = 0; k < n; ++k)
    for (u64 s = a[k].address / kSector; s <= (a[k].address + a[k].size - 1) / kSector; ++s)
      touched.insert(s);
  return touched.size();
}

u64 least_sectors(const Access* a, size_t n) {
  std::set<u64> bytes;
  for (size_t k = 0; k < n; ++k)
    for (u64 b = 0; b < a[k].size; ++b) bytes.insert(a[k].address + b);
  return (bytes.size() + kSector - 1) / kSector;
}

// Lanes go through together that ask for no more than 128 bytes; in each such group as many passes
// are needed as different words of one bank are asked for.
u64 passes(const Access* a, size_t n, bool without_conflicts) {
  u64 total = 0;
  for (u64 first = 0; first < kWarp;) {
    const u64 end = first + kBanks * kBankBytes / std::max<u64>(a[0].size, kBankBytes);
    std::set<u64> words[kBanks];
    u64 most = 0;
    for (size_t k = 0; k < n; ++k) {
      const u64 lane = a[k].thread % kWarp;
      if (lane < first || lane >= end) continue;
      for (u64 w = a[k].address / kBankBytes; w <= (a[k].address + a[k].size - 1) / kBankBytes;
           ++w) {
        words[w % kBanks].insert(w);
        most = std::max<u64>(most, words[w % kBanks].size());
      }
    }
    total += without_conflicts ? most > 0 : most;
    first = end;
  }
  return total;
}

void record(const void* address, size_t size, bool write, const void* site) {
  if (!counters.running) return;
  counters.block.push_back(
      {site, reinterpret_cast<u64>(address), thread_in_block(), 0, u8(size), write});
}

}  // namespace

void count_memory_of(const Device* device) { counters.device = device; }

void count_block(const char* shared, size_t bytes) {
  counters.shared = shared;
  counters.shared_bytes = bytes;
  counters.running = true;
}

void count_accesses(bool on) { counters.running = on; }

void count_block_end() {
  counters.running = false;
  std::vector<Access>& all = counters.block;
  const auto is_shared = [](const Access& a) {
    const u64 base = reinterpret_cast<u64>(counters.shared);
    return a.address >= base && a.address < base + counters.shared_bytes;
  };
  std::erase_if(all, [&](const Access& a) {  // stacks, and what the launch keeps for itself
    return !is_shared(a) && !counters.device->owns(reinterpret_cast<const void*>(a.address));
  });
  std::stable_sort(all.begin(), all.end(), [](const Access& a, const Access& b) {
    return std::tie(a.thread, a.site) < std::tie(b.thread, b.site);
  });
  for (size_t k = 1; k < all.size(); ++k)
    if (all[k].thread == all[k - 1].thread && all[k].site == all[k - 1].site)
      all[k].turn = all[k - 1].turn + 1;
  const auto together = [](const Access& a) {
    return std::make_tuple(a.thread / kWarp, a.site, a.turn);
  };
  std::stable_sort(all.begin(), all.end(),
                   [&](const Access& a, const Access& b) { return together(a) < together(b); });
  for (size_t k = 0, end; k < all.size(); k = end) {
    for (end = k; end < all.size() && together(all[end]) == together(all[k]);) ++end;
    const Access* const first = &all[k];
    const size_t n = end - k;
    const bool shared = is_shared(*first);
    SiteCount& site = counters.sites[{first->site, shared, first->write}];
    site.site = first->site;
    site.shared = shared;
    site.write = first->write;
    site.warps += 1;
    site.lanes += n;
    site.cost += shared ? passes(first, n, false) : sectors(first, n);
    site.least += shared ? passes(first, n, true) : least_sectors(first, n);
  }
  all.clear();
}

void count_copy(const Copy& copy, const void* site) {
  if (copy.valid > 0) record(copy.from, copy.valid, false, site);
  record(copy.to, copy.bytes, true, site);
}

std::vector<SiteCount> take_counts() {
  std::vector<SiteCount> list;
  for (const auto& [key, site] : counters.sites) list.push_back(site);
  counters.sites.clear();
  return list;
}

}  // namespace lat::emu

// What the compiler calls.
#define LAT_ACCESS(name, size, write)                              \
  extern "C" void __tsan_##name(void* p);                          \
  extern "C" void __tsan_##name(void* p) {                         \
    lat::emu::record(p, size, write, __builtin_return_address(0)); \
  }
#define LAT_ACCESSES(size)                      \
  LAT_ACCESS(read##size, size, false)           \
  LAT_ACCESS(write##size, size, true)           \
  LAT_ACCESS(unaligned_read##size, size, false) \
  LAT_ACCESS(unaligned_write##size, size, true)
LAT_ACCESSES(1)
LAT_ACCESSES(2)
LAT_ACCESSES(4)
LAT_ACCESSES(8)
LAT_ACCESSES(16)

extern "C" {
void __tsan_init();
void __tsan_func_entry(void*);
void __tsan_func_exit();
void __tsan_vptr_update(void**, void*);
void __tsan_vptr_read(void**);
void __tsan_read_range(void*, unsigned long);
void __tsan_write_range(void*, unsigned long);
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_read_range(void*, unsigned long) {}
void __tsan_write_range(void*, unsigned long) {}
}

// Atomics are calls too: they are done and not counted.
#define LAT_ATOMIC(bits, T, name, builtin)                    \
  extern "C" T __tsan_atomic##bits##_##name(T* p, T v, int);  \
  extern "C" T __tsan_atomic##bits##_##name(T* p, T v, int) { \
    return builtin(p, v, __ATOMIC_SEQ_CST);                   \
  }
#define LAT_COMPARE(bits, T, name)                                                                 \
  extern "C" bool __tsan_atomic##bits##_##name(T* p, T* expected, T v, int, int);                  \
  extern "C" bool __tsan_atomic##bits##_##name(T* p, T* expected, T v, int, int) {                 \
    return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
  }
#define LAT_ATOMICS(bits, T)                                    \
  extern "C" T __tsan_atomic##bits##_load(const T* p, int);     \
  extern "C" T __tsan_atomic##bits##_load(const T* p, int) {    \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                \
  }                                                             \
  extern "C" void __tsan_atomic##bits##_store(T* p, T v, int);  \
  extern "C" void __tsan_atomic##bits##_store(T* p, T v, int) { \
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                   \
  }                                                             \
  LAT_ATOMIC(bits, T, exchange, __atomic_exchange_n)            \
  LAT_ATOMIC(bits, T, fetch_add, __atomic_fetch_add)            \
  LAT_ATOMIC(bits, T, fetch_sub, __atomic_fetch_sub)            \
  LAT_ATOMIC(bits, T, fetch_and, __atomic_fetch_and)            \
  LAT_ATOMIC(bits, T, fetch_or, __atomic_fetch_or)              \
  LAT_ATOMIC(bits, T, fetch_xor, __atomic_fetch_xor)            \
  LAT_COMPARE(bits, T, compare_exchange_strong)                 \
  LAT_COMPARE(bits, T, compare_exchange_weak)
LAT_ATOMICS(8, unsigned char)
LAT_ATOMICS(32, unsigned)
LAT_ATOMICS(64, unsigned long)
#endif
