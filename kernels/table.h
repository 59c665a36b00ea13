#pragma once
// The kernel table: every kernel by name, for every instruction set of this build and for the specification.
// A recorded program stores rows of this table, so replaying, exporting, profiling and testing all go through it.
#include "kernels/common/types.h"

namespace lat::kernels {

enum class Isa : i32 { spec = 0, v2 = 2, v3 = 3, v4 = 4, neon = 10 };

// One argument of a recorded call.
union Arg {
  void* p;
  i64 i;
  double r;
};

struct Kernel {
  const char* name;
  const char*
      roles;  // a letter per argument: r read, w written, a read and written (R W A when not of the
              // working real type), i integer, d real
  void (*run[2])(const Arg*, Part);  // [0] float, [1] double
  Plan (*plan[2])(const Arg*);
};

// Rows of the table, in order. K::matmul names the row of the kernel `matmul`.
enum class K : i32 {
#define KERNEL(name, plan) name,
#include "kernels/kernels.def"
#undef KERNEL
  count
};

constexpr i32 kKernelCount = i32(K::count);

// kKernelCount rows; `isa` must be available (see has_isa).
const Kernel* table(Isa isa);

// Compiled in, and the machine has it.
bool has_isa(Isa isa);
Isa best_isa();
const char* isa_name(Isa isa);

// The row called `name`, or -1.
i32 find_kernel(const char* name);

}  // namespace lat::kernels
