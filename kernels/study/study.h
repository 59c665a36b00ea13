#pragma once
// What studying a kernel needs beside the kernel table: ladders, the numbered versions of one kernel from the plain loop
// to the product's, and probes, loops that find what the machine can do.
#include "kernels/devices.h"

namespace lat::kernels {

using Run = void (*)(const Arg*, Part);

// One version. It writes the specification's bits. `plan` is that of a kernel: 1 part where it knows no threads.
struct Rung {
  const char* name;  // as its file: 01_naive
  const char* does;  // what it does that the rung before did not
  Run run;
  Plan (*plan)(const Arg*);
};

// The arguments are those of the kernel that the ladder leads to:
//
//   gemm                matmul, batch 1 and no flags      softmax      log_softmax
//   conv                conv2d, act 0 or 1                reduction    row_sum
//   reparameterise_kl   z, eps, kl, mu, logvar, clock, rows, cols, seed, stream (see kernels/study/rungs.h)
struct Ladder {
  const char* name;
  const Rung* rungs;
  i64 count;
  i64 product;  // which of them the engine calls
  Run specification;
};
constexpr i64 kLadders = 5;
// `isa` must be available (see has_isa) and have a fused multiply-add: v3, v4, neon. 0 <= index < kLadders.
const Ladder& ladder(Isa isa, i64 index);

// The same for devices: `run` queues kernels on a stream, and needs `scratch` bytes at Stream::scratch (null: none).
struct DeviceRung {
  const char* name;  // as its file: 01_chain
  const char* does;
  void (*run)(const Arg*, gpu::Stream&);
  i64 (*scratch)(const Arg*);
};

// The arguments and the bits of the ladder of that name.
struct DeviceLadder {
  const char* name;
  const DeviceRung* rungs;
  i64 count;
  i64 product;
};
constexpr i64 kDeviceLadders = 2;
const DeviceLadder* emulated_ladders();
const DeviceLadder* cuda_ladders();  // null in a build without nvcc

// A stream of floats through memory, cut over the parts and repeated. Arguments: a, b, c, n (a multiple of 64 for each
// part), rounds; a, b, c of n floats, 64-byte aligned; what a probe does not use may be null.
//
//   read    a[16 part] = a checksum of b        write   a = 1
//   copy    a = b                               triad   a = b + 3 c
struct Stream {
  const char* name;  // as above; each with ordinary stores and with stores that bypass the caches
  Run run;
  i64 arrays;  // moved: n floats each
};

struct Probes {
  Run multiply_add;  // chains of fma in registers. Arguments: sink (16 floats a part), rounds
  i64 flops;         // of one round of one part
  const Stream* streams;
  i64 stream_count;
};
const Probes& probes(Isa isa);

}  // namespace lat::kernels
