#pragma once
// CUDA C++ as far as our kernels use it, for a host compiler. Included through
// kernels/common/cuda.h alone.
#include <string.h>

#include <type_traits>

#include "kernels/emulator/block.h"
#include "kernels/emulator/device.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

#define threadIdx (::lat::emu::here.thread)
#define blockIdx (::lat::emu::here.block)
#define blockDim (::lat::emu::here.block_dim)
#define gridDim (::lat::emu::here.grid_dim)
constexpr int warpSize = 32;

#define CU_UNROLL
#define CU_UNROLL_BY(n)
#define CU_SHARED(T, name, extents)                 \
  using name##_array = T extents;                   \
  static const char name##_key = 0;                 \
  name##_array& name = *static_cast<name##_array*>( \
      ::lat::emu::shared_array(&name##_key, sizeof(name##_array), #name, {__FILE__, __LINE__}))
#define CU_DYN_SHARED(T, name) T* const name = static_cast<T*>(::lat::emu::shared_dynamic())

// ---- vectors of four and two --------------------------------------------------------------------

struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) double2 {
  double x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline double2 make_double2(double x, double y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }

template <class T>
inline T __ldg(const T* p) {
  return *p;
}

// ---- the block ----------------------------------------------------------------------------------

#define LAT_SITE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(LAT_SITE) {
  lat::emu::barrier("__syncthreads", 0, 0, false, {file, line});
}
inline int __syncthreads_count(int predicate, LAT_SITE) {
  return int(lat::emu::barrier("__syncthreads_count", 0, 0, predicate != 0, {file, line}));
}
inline int __syncthreads_or(int predicate, LAT_SITE) {
  return lat::emu::barrier("__syncthreads_or", 0, 0, predicate != 0, {file, line}) != 0;
}
inline int __syncthreads_and(int predicate, LAT_SITE) {
  return lat::emu::barrier("__syncthreads_and", 0, 0, predicate == 0, {file, line}) == 0;
}

// ---- the warp -----------------------------------------------------------------------------------

namespace lat::emu {

template <class T>
inline u64 to_word(T value) {
  static_assert(std::is_trivially_copyable_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));
  u64 word = 0;
  memcpy(&word, &value, sizeof(T));
  return word;
}
template <class T>
inline T from_word(u64 word) {
  T value;
  memcpy(&value, &word, sizeof(T));
  return value;
}

// The value of the lane `source` of this lane's segment, or its own outside it.
template <class T>
inline T shuffle(const char* what, u32 mask, T value, i64 source, i64 width, Site at) {
  const i64 own = lane(), first = own - own % width;
  const bool inside = source >= first && source < first + width;
  return from_word<T>(
      meet(what, Meeting::shuffle, mask, to_word(value), u32(inside ? source : own), at));
}

}  // namespace lat::emu

inline void __syncwarp(unsigned mask = ~0u, LAT_SITE) {
  lat::emu::meet("__syncwarp", lat::emu::Meeting::sync, mask, 0, 0, {file, line});
}
template <class T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, LAT_SITE) {
  const int own = int(lat::emu::lane());
  const int wrapped = own - own % width + ((source % width) + width) % width;
  return lat::emu::shuffle("__shfl_sync", mask, value, wrapped, width, {file, line});
}
template <class T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, LAT_SITE) {
  return lat::emu::shuffle("__shfl_up_sync", mask, value, int64_t(lat::emu::lane()) - delta, width,
                           {file, line});
}
template <class T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, LAT_SITE) {
  return lat::emu::shuffle("__shfl_down_sync", mask, value, int64_t(lat::emu::lane()) + delta,
                           width, {file, line});
}
template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int flip, int width = 32, LAT_SITE) {
  return lat::emu::shuffle("__shfl_xor_sync", mask, value, int64_t(lat::emu::lane()) ^ flip, width,
                           {file, line});
}
inline unsigned __ballot_sync(unsigned mask, int predicate, LAT_SITE) {
  return unsigned(lat::emu::meet("__ballot_sync", lat::emu::Meeting::ballot, mask, predicate != 0,
                                 0, {file, line}));
}
inline int __any_sync(unsigned mask, int predicate, LAT_SITE) {
  return lat::emu::meet("__any_sync", lat::emu::Meeting::ballot, mask, predicate != 0, 0,
                        {file, line}) != 0;
}
inline int __all_sync(unsigned mask, int predicate, LAT_SITE) {
  return lat::emu::meet("__all_sync", lat::emu::Meeting::ballot, mask, predicate == 0, 0,
                        {file, line}) == 0;
}
template <class T>
inline unsigned __match_any_sync(unsigned mask, T value, LAT_SITE) {
  return unsigned(lat::emu::meet("__match_any_sync", lat::emu::Meeting::match, mask,
                                 lat::emu::to_word(value), 0, {file, line}));
}
// Which lanes happen to be converged is not promised: the caller alone is a legal answer.
inline unsigned __activemask() { return 1u << lat::emu::lane(); }

// ---- atomics: relaxed, as on a device -----------------------------------------------------------

namespace lat::emu {

// Replaces *p by next(*p); returns what was there.
template <class T, class Next>
inline T atomically(T* p, Next&& next) {
  T old = __atomic_load_n(p, __ATOMIC_RELAXED);
  while (
      !__atomic_compare_exchange_n(p, &old, next(old), true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}
inline float atomically_add(float* p, float value) {
  u32* const word = reinterpret_cast<u32*>(p);
  const u32 old =
      atomically(word, [&](u32 w) { return u32(to_word(from_word<float>(w) + value)); });
  return from_word<float>(old);
}

}  // namespace lat::emu

template <class T>
inline T atomicAdd(T* p, T value) {
  if constexpr (std::is_same_v<T, float>)
    return lat::emu::atomically_add(p, value);
  else
    return __atomic_fetch_add(p, value, __ATOMIC_RELAXED);
}
template <class T>
inline T atomicExch(T* p, T value) {
  if constexpr (std::is_same_v<T, float>) {
    const auto word = unsigned(lat::emu::to_word(value));
    return lat::emu::from_word<float>(
        __atomic_exchange_n(reinterpret_cast<unsigned*>(p), word, __ATOMIC_RELAXED));
  } else {
    return __atomic_exchange_n(p, value, __ATOMIC_RELAXED);
  }
}
template <class T>
inline T atomicCAS(T* p, T expected, T value) {
  __atomic_compare_exchange_n(p, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}
template <class T>
inline T atomicMin(T* p, T value) {
  return lat::emu::atomically(p, [&](T old) { return value < old ? value : old; });
}
template <class T>
inline T atomicMax(T* p, T value) {
  return lat::emu::atomically(p, [&](T old) { return old < value ? value : old; });
}
template <class T>
inline T atomicAnd(T* p, T value) {
  return __atomic_fetch_and(p, value, __ATOMIC_RELAXED);
}
template <class T>
inline T atomicOr(T* p, T value) {
  return __atomic_fetch_or(p, value, __ATOMIC_RELAXED);
}
// old >= last ? 0 : old + 1
inline unsigned atomicInc(unsigned* p, unsigned last) {
  return lat::emu::atomically(p, [&](unsigned old) { return old >= last ? 0u : old + 1; });
}

inline void __threadfence() { lat::emu::fence(); }
inline void __threadfence_block() { lat::emu::fence(); }

// ---- cooperative groups -------------------------------------------------------------------------

namespace cooperative_groups {

class thread_block {
 public:
  void sync(LAT_SITE) const { lat::emu::barrier("thread_block::sync", 0, 0, false, {file, line}); }
  static unsigned thread_rank() {
    return threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  }
  static unsigned size() { return blockDim.x * blockDim.y * blockDim.z; }
};
inline thread_block this_thread_block() { return {}; }

// `width` neighbouring lanes of a warp.
template <unsigned width>
class thread_block_tile {
  static_assert(width > 0 && width <= 32 && (width & (width - 1)) == 0);

 public:
  static unsigned thread_rank() { return lat::emu::lane() % width; }
  static constexpr unsigned size() { return width; }
  static unsigned meta_group_rank() { return thread_block::thread_rank() / width; }
  static unsigned meta_group_size() { return (thread_block::size() + width - 1) / width; }
  void sync(LAT_SITE) const { __syncwarp(mask(), file, line); }
  template <class T>
  T shfl(T value, int source, LAT_SITE) const {
    return __shfl_sync(mask(), value, source, int(width), file, line);
  }
  template <class T>
  T shfl_up(T value, unsigned delta, LAT_SITE) const {
    return __shfl_up_sync(mask(), value, delta, int(width), file, line);
  }
  template <class T>
  T shfl_down(T value, unsigned delta, LAT_SITE) const {
    return __shfl_down_sync(mask(), value, delta, int(width), file, line);
  }
  template <class T>
  T shfl_xor(T value, int flip, LAT_SITE) const {
    return __shfl_xor_sync(mask(), value, flip, int(width), file, line);
  }
  unsigned ballot(int predicate, LAT_SITE) const {
    return __ballot_sync(mask(), predicate, file, line) >> first();
  }
  int any(int predicate, LAT_SITE) const { return __any_sync(mask(), predicate, file, line); }
  int all(int predicate, LAT_SITE) const { return __all_sync(mask(), predicate, file, line); }

 private:
  static unsigned first() { return lat::emu::lane() / width * width; }
  static unsigned mask() { return unsigned((uint64_t(1) << width) - 1) << first(); }
};
template <unsigned width>
inline thread_block_tile<width> tiled_partition(const thread_block&) {
  return {};
}

}  // namespace cooperative_groups

// ---- what is PTX on a device --------------------------------------------------------------------

namespace cu {

inline void do_copy(const lat::emu::Copy& c) {
  char* const to = static_cast<char*>(c.to);
  const char* const from = static_cast<const char*>(c.from);
  lat::emu::copying(true);
  for (unsigned k = 0; k < c.valid; ++k) to[k] = from[k];
  for (unsigned k = c.valid; k < c.bytes; ++k) to[k] = 0;
  lat::emu::copying(false);
}
template <int bytes>
__forceinline__ void copy_async(void* shared, const void* global, int valid = bytes, LAT_SITE) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  const lat::emu::Copy copy{shared, global, unsigned(bytes), unsigned(valid)};
  if (lat::emu::start_copy(copy, {file, line})) do_copy(copy);
}
inline void copy_commit() { lat::emu::commit_copies(); }
template <int groups>
inline void copy_wait() {
  lat::emu::Copy copy;
  while (lat::emu::next_copy(unsigned(groups), &copy)) do_copy(copy);
}
template <int id, int threads>
inline void named_barrier(LAT_SITE) {
  static_assert(id > 0 && id < 16 && threads % 32 == 0);
  lat::emu::barrier("named_barrier", id, threads, false, {file, line});
}

}  // namespace cu

#undef LAT_SITE
