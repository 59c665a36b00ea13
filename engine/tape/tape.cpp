#include "engine/tape/tape.h"

namespace lat {

DType Emit::real() const {
  for (const Tensor& t : inputs_)
    if (t && is_real(t.dtype)) return t.dtype;
  return ctx_.real();
}

Tensor Emit::out(const Shape& shape, DType dtype) {
  const Tensor t = ctx_.empty(shape, dtype);
  result(t);
  return t;
}

Outputs run_forward(const Op& op, std::span<const Tensor> inputs, std::span<const double> attrs) {
  Context& ctx = *inputs[0].ctx;
  const Op* const outer = ctx.op;
  ctx.op = &op;
  Emit e(ctx, op, inputs, attrs);
  try {
    op.forward(e);
  } catch (...) {
    ctx.op = outer;
    throw;
  }
  ctx.op = outer;
  for (Tensor& t : e.outputs) t.var = 0;
  return std::move(e.outputs);
}

Outputs emit(const Op& op, std::span<const Tensor> inputs, std::span<const double> attrs) {
  LAT_CHECK(!inputs.empty() && inputs[0], Code::state, op.name, "the first input is empty");
  Context& ctx = *inputs[0].ctx;
  bool tracked = false;
  for (const Tensor& t : inputs) {
    if (!t) continue;
    ctx.check_alive(t, op.name);
    tracked |= t.var != 0 && is_real(t.dtype);
  }
  Outputs outputs = run_forward(op, inputs, attrs);
  if (!tracked || !ctx.tracking) return outputs;

  Tape& tape = ctx.tape;
  const Node node{&op,
                  static_cast<int32_t>(tape.tensors.size()),
                  static_cast<int32_t>(inputs.size()),
                  static_cast<int32_t>(outputs.size()),
                  static_cast<int32_t>(tape.attributes.size()),
                  static_cast<int32_t>(attrs.size()),
                  tape.segment};
  tape.tensors.insert(tape.tensors.end(), inputs.begin(), inputs.end());
  tape.attributes.insert(tape.attributes.end(), attrs.begin(), attrs.end());
  for (Tensor& t : outputs) {
    if (is_real(t.dtype)) {
      ctx.stamp(t);
      t = tape.leaf(t);
      tape.vars.back().node = static_cast<int32_t>(tape.nodes.size());
    }
    tape.tensors.push_back(t);
  }
  tape.nodes.push_back(node);
  return outputs;
}

Tensor emit1(const Op& op, std::initializer_list<Tensor> inputs,
             std::initializer_list<double> attrs) {
  const Outputs out = emit(op, std::span<const Tensor>(inputs.begin(), inputs.size()),
                           std::span<const double>(attrs.begin(), attrs.size()));
  return out.empty() ? Tensor{} : out[0];
}

Checkpoint::Checkpoint(Context& ctx, bool on) : ctx_(ctx), outer_(ctx.tape.segment) {
  Tape& tape = ctx.tape;
  if (!on || outer_ >= 0) return;
  tape.segment = static_cast<int32_t>(tape.segments.size());
  tape.segments.push_back({tape.nodes.size(), ctx.recorded_calls()});
}

}  // namespace lat
