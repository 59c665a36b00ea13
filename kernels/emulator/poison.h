#pragma once
// AddressSanitizer's poison; nothing in other builds.
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define LAT_EMULATOR_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LAT_EMULATOR_ASAN
#endif
#endif
#ifdef LAT_EMULATOR_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace lat::emu {

#ifdef LAT_EMULATOR_ASAN
constexpr bool kAsan = true;  // guard bands are poisoned, not compared
inline void poison(const void* p, size_t n) { __asan_poison_memory_region(p, n); }
inline void unpoison(const void* p, size_t n) { __asan_unpoison_memory_region(p, n); }
#else
constexpr bool kAsan = false;
inline void poison(const void*, size_t) {}
inline void unpoison(const void*, size_t) {}
#endif

}  // namespace lat::emu
