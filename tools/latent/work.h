#pragma once
// The kernels that the bench times, and on which shapes.
#include <string>
#include <vector>

#include "kernels/table.h"

namespace lat::tools {

using kernels::i64;

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
  bool absolute = false;     // inputs: what is drawn, without its sign
};
// 4-byte floats of an operand; 0 for what is no array of them.
i64 floats_of(const WorkOperand& o);
bool is_written(const WorkOperand& o);

// A kernel call described: nothing is allocated.
struct Work {
  kernels::K kernel;  // K::count: a ladder's call, which is several kernels
  std::vector<WorkOperand> operands;
  double flops = 0;  // 0: bound by memory, reported in GB/s
  i64 terms = 0;     // the most products, and biases, that an output sums
  double read() const;
  double written() const;  // bytes
  // The same with inputs without their signs: of products, sum |a b|.
  Work absolute() const;
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
// The same with a GPU's shapes beside the CPU's, and with a kernel that only ladders have on the CPU.
const std::vector<Family>& device_families();
// Those among them that `names` asks for ("gemm,conv forward"; "conv" is all that begin so; "" is all), in the table's order.
// Code::usage with the nearest name where there is none.
std::vector<const Family*> find_families(const std::string& names,
                                         const std::vector<Family>& among = families());

// The calls of kernels/study's ladders, and the shapes that show most of them.
const std::vector<std::string>& ladder_names();
// Code::usage with the nearest name where there is none.
const Family& ladder_family(const std::string& name);

}  // namespace lat::tools
