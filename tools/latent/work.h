#pragma once
// The kernels that the bench times, on which shapes, and the check that stands before every timing.
#include <memory>
#include <string>
#include <vector>

#include "kernels/table.h"
#include "tools/latent/measure.h"

namespace lat::tools {

// Sizes with what they are called where they come from a named layer.
struct WorkShape {
  std::string name;
  std::vector<i64> sizes;
  std::string json() const;  // ["burgess2", 64, 32] or [128, 400, 784]
};

// One argument of the call.
struct WorkOperand {
  enum Kind { input, output, both, integer, real, ticks, state, flag } kind;
  i64 count = 0;             // elements, or the integer
  double low = 0, high = 0;  // inputs are drawn from between; the real number
};

// A kernel call described: nothing is allocated.
struct Work {
  kernels::K kernel;
  std::vector<WorkOperand> operands;
  double flops = 0;  // 0: bound by memory, reported in GB/s
  double read() const;
  double written() const;  // bytes
};

// One kind of work: its shapes, and a kernel call for any shape.
struct Family {
  std::string name;                // as in a result's `kernel`
  std::vector<std::string> sizes;  // what a shape's sizes are called
  std::vector<WorkShape> shapes;
  std::vector<i64> most;  // of each size in the check against the specification
  Work (*work)(const std::vector<i64>&);

  // Code::usage for sizes that make no call or whose elements cannot be counted.
  Work describe(const WorkShape& shape) const;
  WorkShape small(const WorkShape& shape) const;
};

const std::vector<Family>& families();
// Those that `names` asks for ("gemm,conv forward"; "conv" is all that begin so; "" is all), in the table's order.
// Code::usage with the nearest name where there is none.
std::vector<const Family*> find_families(const std::string& names);

// The calls of kernels/study's ladders, and the shapes that show most of them.
const std::vector<std::string>& ladder_names();
// Code::usage with the nearest name where there is none.
const Family& ladder_family(const std::string& name);

// Code::machine where there is no memory for the operands, and a peer's output beside them.
void require_memory(const Work& work);
// The same for so many bytes of what a message calls `what`.
void require_memory(double bytes, const std::string& what);

// A call with its operands in memory.
class Problem {
 public:
  explicit Problem(const Work& work);
  const std::vector<kernels::Arg>& args() const { return args_; }
  float* floats(size_t operand) const { return static_cast<float*>(args_[operand].p); }
  // Back to what was drawn.
  void reset();
  // Everything the call wrote, byte for byte.
  std::string written() const;

 private:
  Work work_;
  std::vector<Floats> memory_;
  std::vector<kernels::Arg> args_;
};

// Whether a kernel, or a ladder's rung, writes the specification's bits, whole and cut in parts.
bool matches_specification(const kernels::Kernel& kernel, const Work& work);
bool matches_specification(const kernels::Rung& rung, kernels::Run specification, const Work& work);

}  // namespace lat::tools
