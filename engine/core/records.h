#pragma once
// The two records (DESIGN 3), as plain data.
//
// The tape: one record per op, for derivatives. Creation order reversed is the backward order.
// The program: one record per kernel call. The CPU replays it; a file holds it; the profiler and the memory report
// read it.
#include <string>
#include <vector>

#include "engine/core/op.h"
#include "engine/core/tensor.h"
#include "kernels/table.h"

namespace lat {

class Params;

struct Node {
  const Op* op;
  int32_t first, inputs, outputs;  // tensors[first ...]: inputs, then outputs
  int32_t first_attr, attrs;       // attributes[first_attr ...]
  int32_t segment = -1;            // segments[segment]; -1: none
};

// The nodes made while one Checkpoint lived (tape/tape.h); no other node lies between them.
struct Segment {
  size_t node;  // its first node
  size_t call;  // the first call recorded in it
};

struct Var {
  Tensor tensor;
  int32_t node = -1;              // the node that made it; -1: a leaf
  const Params* owner = nullptr;  // a leaf that reads parameters ...
  u32 version = 0;                // ... of this version
};

struct Tape {
  std::vector<Var> vars{Var{}};  // 0 is not a variable
  std::vector<Node> nodes;
  std::vector<Tensor> tensors;
  std::vector<double> attributes;
  std::vector<Segment> segments;
  int32_t segment = -1;  // the one that new nodes belong to; -1: none
  u32 generation = 0;  // counts rewinds: a cached place on the tape is valid within one generation

  struct Mark {
    size_t vars, nodes, tensors, attributes, segments;
  };
  Mark mark() const {
    return {vars.size(), nodes.size(), tensors.size(), attributes.size(), segments.size()};
  }
  void rewind(const Mark& m) {
    vars.resize(m.vars);
    nodes.resize(m.nodes);
    tensors.resize(m.tensors);
    attributes.resize(m.attributes);
    segments.resize(m.segments);
    ++generation;
  }
  // A new variable without a node.
  Tensor leaf(Tensor t, const Params* owner = nullptr, u32 version = 0) {
    t.var = static_cast<u32>(vars.size());
    vars.push_back({t, -1, owner, version});
    return t;
  }
};

// An argument with what is known of it: for a pointer its arena and extent.
struct Operand {
  kernels::Arg arg;
  i64 bytes = 0;
  Place place = Place::none;

  Operand(const Tensor& t) : arg{.p = t.data}, bytes(t.bytes()), place(t.place) {}
  Operand(std::nullptr_t) : arg{.p = nullptr} {}
  Operand(double r) : arg{.r = r} {}
  template <class I>
  requires std::is_integral_v<I> || std::is_enum_v<I> Operand(I i)
      : arg{.i = static_cast<i64>(i)} {}
};

constexpr int32_t kForeign = -1;

struct Call {
  int32_t kernel;  // row of the kernel table; kForeign: `foreign` is the kernel
  int32_t first;   // its arguments are args[first ...]
  int32_t count;   // how many
  int32_t parts;   // how the thread team may share it
  DType real;      // f32 or f64
  const Op* op;    // which op asked (null: the engine itself)
  void (*run)(const kernels::Arg*, kernels::Part);
  // A run: this call and the next ones, so many in all, are elementwise and go through `tiles` tiles together: all of
  // them on the first tile, then on the second. `parts` then counts ranges of tiles.
  int32_t together = 1;
  int32_t tiles = 1;
  const kernels::Kernel* foreign = nullptr;  // of a layer above (Context::device_call)

  int32_t type() const { return real == DType::f64 ? 1 : 0; }  // of the rows of the kernel table
};

struct Program {
  std::vector<Call> calls;
  std::vector<kernels::Arg> args;
  std::vector<i64> bytes;     // extent of each pointer argument, 0 for numbers
  std::vector<Place> places;  // arena of each pointer argument
  char* work = nullptr;       // where its work memory begins
  i64 work_bytes = 0;
  i64 workspace = 0;  // bytes per thread

  void clear();
};

// The kernel of a call.
inline const kernels::Kernel& kernel_of(const Call& c, const kernels::Kernel* rows) {
  return c.foreign ? *c.foreign : rows[c.kernel];
}

// What differs first between two recordings of one body, as a sentence; "" when they are equal.
std::string difference(const Program& then, const Program& now, const kernels::Kernel* rows);

}  // namespace lat
