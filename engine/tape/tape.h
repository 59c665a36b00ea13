#pragma once
// Emitting an op: its forward runs (or is recorded), and a record goes on the tape when an input is tracked.
#include <span>
#include <vector>

#include "engine/core/context.h"

namespace lat {

// What an op's forward or composition sees.
class Emit {
 public:
  Emit(Context& ctx, const Op& op, std::span<const Tensor> inputs, std::span<const double> attrs)
      : ctx_(ctx), op_(op), inputs_(inputs), attrs_(attrs) {}

  Context& ctx() const { return ctx_; }
  const char* name() const { return op_.name; }
  int inputs() const { return static_cast<int>(inputs_.size()); }
  // An input; empty when the caller left it out.
  const Tensor& in(int i) const { return inputs_[static_cast<size_t>(i)]; }
  std::span<const Tensor> all() const { return inputs_; }
  double attr(int i) const { return attrs_[static_cast<size_t>(i)]; }
  i64 whole(int i) const { return static_cast<i64>(attrs_[static_cast<size_t>(i)]); }
  bool has_attr(int i) const { return static_cast<size_t>(i) < attrs_.size(); }
  std::span<const double> attrs() const { return attrs_; }
  // f32 or f64: of the first real input, else the context's.
  DType real() const;

  // The next output.
  Tensor out(const Shape& shape, DType dtype);
  Tensor out(const Shape& shape) { return out(shape, real()); }
  // The next output is a view of existing memory, or (in a composition) another op's result.
  void result(const Tensor& t) { outputs.push_back(t); }
  void call(kernels::K kernel, std::initializer_list<Operand> operands) {
    ctx_.call(kernel, real(), operands);
  }
  // Fails with this op's name.
  template <class... Ts>
  void check(bool condition, const Ts&... text) const {
    if (!condition) fail(Code::shape, op_.name, text...);
  }

  std::vector<Tensor> outputs;

 private:
  Context& ctx_;
  const Op& op_;
  std::span<const Tensor> inputs_;
  std::span<const double> attrs_;
};

using Outputs = std::vector<Tensor>;

// Checks that the inputs are alive and of one context, runs the op's forward, records it. An input may be empty where
// the op allows it, except the first.
Outputs emit(const Op& op, std::span<const Tensor> inputs, std::span<const double> attrs);
// The same; its first output, empty when there is none.
Tensor emit1(const Op& op, std::initializer_list<Tensor> inputs,
             std::initializer_list<double> attrs = {});

// The forward alone: nothing is checked, nothing goes on the tape.
Outputs run_forward(const Op& op, std::span<const Tensor> inputs, std::span<const double> attrs);

// The records made during its life are one segment, whose tensors a gradient computes a second time: from the same
// inputs, with the same draws, to the same bits. The first ones then end with the forward pass, and a loop over L layers
// that are a segment each holds the tensors of one layer, not of L, for at most one more forward pass.
//                      Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost"; Griewank & Walther 2000
// What is not on the tape happens once: effects, taps, draws and other tensors that nothing tracked leads to. Those, what
// enters and what leaves the segment are kept. Inside another Checkpoint it adds nothing to that one.
// It acts where a Step records its body; where ops run at once no memory is taken twice, and nothing is computed again.
// Code::state: a gradient taken while it lives; an input in a Buffer or in Params that is written before the gradient.
class Checkpoint {
 public:
  explicit Checkpoint(Context& ctx, bool on = true);
  ~Checkpoint() { ctx_.tape.segment = outer_; }
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

 private:
  Context& ctx_;
  int32_t outer_;
};

// What an op's backward sees: its record, the gradients of its outputs, and where the gradients of its inputs go.
class Backprop;  // engine/ops/gradient.cpp
class Back {
 public:
  Back(Backprop& run, const Node& node) : run_(run), node_(node) {}

  Context& ctx() const;
  const char* name() const { return node_.op->name; }
  int inputs() const { return node_.inputs; }
  int outputs() const { return node_.outputs; }
  Tensor in(int i) const;
  Tensor out(int i = 0) const;
  double attr(int i) const;
  i64 whole(int i) const { return static_cast<i64>(attr(i)); }
  // The gradient of output i; empty when nothing depends on it.
  Tensor grad(int i = 0) const;
  // Whether anybody asks for the gradient of input i.
  bool wants(int i) const;
  // Adds g, of the input's shape, to the gradient of input i.
  void add(int i, const Tensor& g);
  // The same for rows [begin, begin + g's rows) of the leading axis.
  void add_rows(int i, i64 begin, const Tensor& g);
  // Where the gradient of a parameter accumulates in place, plane of local shard s; empty when input i is none, or when
  // the gradient is itself recorded.
  Tensor sink(int i, int shard = 0) const;

 private:
  Backprop& run_;
  Node node_;
};

}  // namespace lat
