#pragma once
// The one include of a CUDA kernel. Under nvcc it is CUDA; under a host compiler the same source
// runs in the emulator (kernels/emulator), which finds what a device would not tell.
//
//   CU_SHARED(float, tile, [32][33]);    a static shared array
//   CU_DYN_SHARED(float, row);           the dynamic one
//   CU_UNROLL for (...)                  unrolled on a device
//   CU_UNROLL_BY(8) for (...)            eight times
//   stream.launch(kernel<T>, {grid, block}, arguments...);
//   stream.launch(kernel<T>, {grid, block, bytes_of_dynamic_shared_memory}, arguments...);
//   cu::                                 what is PTX: copy_async, copy_commit, copy_wait, named_barrier
//
// A kernel must not wait for another block: blocks may run one after the other.
#include "kernels/common/gpu.h"
#include "kernels/common/types.h"

#ifdef __CUDACC__
#include "kernels/common/cuda_stream.h"

#define CU_UNROLL _Pragma("unroll")
#define CU_PRAGMA(text) _Pragma(#text)
#define CU_UNROLL_BY(n) CU_PRAGMA(unroll n)
#define CU_SHARED(T, name, extents) __shared__ T name extents
#define CU_DYN_SHARED(T, name)                                         \
  extern __shared__ __align__(128) unsigned char cu_dynamic_shared_[]; \
  T* const name = reinterpret_cast<T*>(cu_dynamic_shared_)

namespace cu {

// `bytes` (4, 8, 16) from global to shared memory, both aligned to them, of which the first `valid`
// are read and the others zero. It has arrived once its group is waited for and a barrier passed.
template <int bytes>
__device__ __forceinline__ void copy_async(void* shared, const void* global, int valid = bytes) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  const unsigned to = unsigned(__cvta_generic_to_shared(shared));
  if constexpr (bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(valid)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(global), "n"(bytes),
                 "r"(valid)
                 : "memory");
}
// Closes a group of copies.
__device__ __forceinline__ void copy_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Waits until at most the newest `groups` groups are on their way.
template <int groups>
__device__ __forceinline__ void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(groups) : "memory");
}
// Waits for `threads` threads of the block, whole warps. Barrier 0 is that of __syncthreads.
template <int id, int threads>
__device__ __forceinline__ void named_barrier() {
  static_assert(id > 0 && id < 16 && threads % 32 == 0);
  asm volatile("bar.sync %0, %1;" ::"n"(id), "n"(threads) : "memory");
}

}  // namespace cu
#else
#include "kernels/emulator/language.h"

namespace lat::kernels::LAT_ISA {
using Stream = emu::Stream;
}
#endif

namespace lat::kernels::LAT_ISA {

// Where a kernel for the CPU is told its part, the same declaration for CUDA takes the stream that it queues on.
using Part = Stream&;

}  // namespace lat::kernels::LAT_ISA
