#pragma once
// What every kernel shares: sizes, the part of a call that a thread computes, the name space of one instruction set.
//
// A kernel is a pure function over raw pointers and sizes. It computes part `index` of `count`, never waits, forks,
// allocates or prints. Which thread computes which part, and how many there are, changes no bit.
//
// Every family's fast source is compiled once per instruction set with LAT_ISA = v2, v3, v4 (x86-64 levels) or neon,
// into the name space lat::kernels::LAT_ISA; the plain loops of *_spec.h live in lat::kernels::spec.
#include <stddef.h>
#include <stdint.h>

#ifdef __FAST_MATH__
#error "latent promises bits: build without -ffast-math / -Ofast"
#endif

// Code shared by several instruction sets is never emitted out of line: the linker would keep one copy for all.
#ifdef __CUDACC__
#define LAT_INLINE __host__ __device__ __forceinline__
#else
#define LAT_INLINE inline __attribute__((always_inline))
#endif
#define LAT_FLAT __attribute__((always_inline))  // the same for a lambda

// Compiles a function template of the working real type here, for float and, where that is wanted, double: a family's
// source ends with its kernels so.
#ifdef LAT_FLOAT_ONLY
#define LAT_INSTANTIATE(name) template decltype(name<float>) name<float>;
#else
#define LAT_INSTANTIATE(name)                 \
  template decltype(name<float>) name<float>; \
  template decltype(name<double>) name<double>;
#endif

namespace lat::kernels {

using i32 = int32_t;
using i64 = int64_t;
using u8 = uint8_t;
using u32 = uint32_t;
using u64 = uint64_t;

// One slice of a call.
struct Part {
  i64 index = 0;
  i64 count = 1;
  void* workspace = nullptr;  // Plan::workspace bytes, 64-byte aligned, private to this part

  LAT_INLINE i64 begin(i64 n) const { return n * index / count; }  // [begin, end) of n items
  LAT_INLINE i64 end(i64 n) const { return n * (index + 1) / count; }
};

// How a call is cut: a function of its arguments alone.
struct Plan {
  i64 parts = 1;      // 1: too small to share
  i64 workspace = 0;  // bytes for each part
  i64 elements = 0;   // not 0: the call is elementwise, over so many elements (share_elements)
};

constexpr LAT_INLINE i64 min_of(i64 a, i64 b) { return b < a ? b : a; }
constexpr LAT_INLINE i64 max_of(i64 a, i64 b) { return a < b ? b : a; }
constexpr LAT_INLINE i64 ceil_div(i64 a, i64 b) { return (a + b - 1) / b; }

// Parts for `work` units when `grain` units are worth a hand-over (about 10 us), at most 64.
constexpr LAT_INLINE Plan share(i64 work, i64 grain, i64 most = 64) {
  return {max_of(1, min_of(min_of(work / max_of(1, grain), most), 64)), 0};
}

// The plan of an elementwise call: a part takes the elements that cut (map.h) gives it, element i of whatever it writes
// depends on element i of every input that has n elements of the working real type, and is written after those are
// read. So it may be written over one of them, and such calls may follow each other part by part.
constexpr LAT_INLINE Plan share_elements(i64 n, i64 grain) {
  Plan plan = share(n, grain);
  plan.elements = n;
  return plan;
}

// A pointer that is read and written; a plain `T*` is written only, a `const T*` read only.
template <class T>
struct InOut {
  T* p;
};

constexpr i64 kChunk = 512;  // products and column sums: terms per chain before its sum is added
constexpr i64 kRowChunk = 4096;  // row sums: terms per 64-lane block
constexpr i64 kLanes = 64;       // row sums: lanes

}  // namespace lat::kernels
