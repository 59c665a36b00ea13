#pragma once
// What studying a kernel needs beside the kernel table: loops that find what the machine can do, one kind of work each.
#include "kernels/table.h"

namespace lat::kernels {

using Run = void (*)(const Arg*, Part);

// A stream of floats through memory, cut over the parts and repeated. Arguments: a, b, c, n (a multiple of 64 for each
// part), rounds; a, b, c of n floats, 64-byte aligned; what a probe does not use may be null.
//
//   read    a[16 part] = a checksum of b        write   a = 1
//   copy    a = b                               triad   a = b + 3 c
struct Stream {
  const char*
      name;  // read, write, copy, triad; once with ordinary stores and once with stores that bypass the caches
  Run run;
  i64 arrays;  // moved: n floats each
};

struct Probes {
  Run multiply_add;  // chains of fma in registers. Arguments: sink (16 floats a part), rounds
  i64 flops;         // of one round of one part
  const Stream* streams;
  i64 stream_count;
};

// `isa` must be available and fast (see has_isa).
const Probes& probes(Isa isa);

}  // namespace lat::kernels
