// Reverse-mode derivatives: the tape walked backwards. Creation order reversed is the backward order.
#include <algorithm>

#include "engine/ops/common.h"
#include "engine/ops/table.h"

namespace lat {

class Backprop {
 public:
  Backprop(Context& ctx, bool recorded, const Params* params)
      : ctx_(ctx), recorded_(recorded), params_(params) {
    LAT_CHECK(ctx.tape.segment < 0, Code::state, recorded ? "grad" : "backward",
              "is called while a Checkpoint lives, which has not seen all of its records; end its "
              "scope before");
  }

  // Marks what lies on a path from a wanted variable.
  void want(const Tensor& x) {
    mark();
    needed_[x.var] = 1;
  }
  void want_params() {
    mark();
    for (size_t v = 1; v < needed_.size(); ++v)
      if (ctx_.tape.vars[v].owner == params_) needed_[v] = 1;
  }
  // Walks back from y with cotangent dy.
  void run(const Tensor& y, const Tensor& dy) {
    const size_t nodes = ctx_.tape.nodes.size();
    spread(0, nodes);
    slots_.resize(ctx_.tape.vars.size());
    if (y.var != 0 && needed_[y.var]) slots_[y.var].sum = dy;
    walk(nodes, 0);
  }
  // The gradient of a variable; zeros when nothing reached it.
  Tensor of(const Tensor& x) {
    const Tensor g = take(x.var);
    return g ? g : zeros_like(x);
  }

  Context& ctx() const { return ctx_; }
  bool wants(u32 var) const { return var != 0 && var < needed_.size() && needed_[var] != 0; }
  // A tensor of the tape's; within the segment that is computed a second time, the second one.
  const Tensor& tensor(size_t i) const {
    return i - again_from_ < again_.size() ? again_[i - again_from_] : ctx_.tape.tensors[i];
  }
  Tensor gradient(u32 var) { return var == 0 ? Tensor{} : take(var); }

  void add(const Node& node, const Tensor& in, const Tensor& g) {
    if (!wants(in.var)) return;
    LAT_CHECK(g.shape() == in.shape(), Code::shape, node.op->name, "its gradient is ",
              g.shape().text(), " for an input ", in.shape().text());
    if (const Tensor to = sink(in, 0)) {
      ctx_.call(K::add_into, g.dtype, {to, g, g.size()});
      return;
    }
    Tensor& sum = slots_[in.var].sum;
    sum = sum ? lat::add(sum, g) : g;
  }
  void add_rows(const Tensor& in, i64 begin, const Tensor& g) {
    if (!wants(in.var)) return;
    if (Tensor to = sink(in, 0)) {
      const i64 row = in.dim[0] == 0 ? 0 : in.bytes() / in.dim[0];
      to.data = static_cast<char*>(to.data) + begin * row;
      std::copy(g.dim, g.dim + g.rank, to.dim);
      ctx_.call(K::add_into, g.dtype, {to, g, g.size()});
      return;
    }
    slots_[in.var].rows.push_back({begin, g});
  }
  // A view of a parameter's memory has its gradient at the same place of the gradient buffer.
  Tensor sink(const Tensor& in, int shard) const {
    if (recorded_ || !params_ || !view_of_params(in.var)) return {};
    const Tensor& grads = params_->grads();
    const Tensor& e = params_->memory_of_values();
    const i64 at = static_cast<const char*>(in.data) - static_cast<const char*>(e.data);
    if (at < 0 || at >= e.bytes()) return {};
    Tensor to = in;
    to.var = 0;
    const i64 plane = ctx_.first_shard + shard;
    to.data = static_cast<char*>(grads.data) + plane * e.bytes() + at;
    return to;
  }

 private:
  struct Slot {
    Tensor sum;
    std::vector<std::pair<i64, Tensor>> rows;  // gradients of slices, and where they begin
  };

  // Whether a variable is a leaf of the parameters, or a view of one.
  bool view_of_params(u32 var) const {
    const Tape& tape = ctx_.tape;
    while (var != 0 && tape.vars[var].node >= 0) {
      const Node& node = tape.nodes[static_cast<size_t>(tape.vars[var].node)];
      if (node.op != &k_reshape && node.op != &k_slice && node.op != &k_unstack) return false;
      var = tape.tensors[static_cast<size_t>(node.first)].var;
    }
    return var != 0 && tape.vars[var].owner == params_;
  }

  void mark() { needed_.resize(ctx_.tape.vars.size(), 0); }

  // A node's outputs are needed when one of its inputs is.
  void spread(size_t begin, size_t end) {
    mark();
    const Tape& tape = ctx_.tape;
    for (size_t n = begin; n < end; ++n) {
      const Node& node = tape.nodes[n];
      const Tensor* t = &tape.tensors[static_cast<size_t>(node.first)];
      if (std::any_of(t, t + node.inputs, [&](const Tensor& i) { return wants(i.var); }))
        for (int o = 0; o < node.outputs; ++o)
          if (t[node.inputs + o].var != 0) needed_[t[node.inputs + o].var] = 1;
    }
  }

  Tensor take(u32 var) {
    if (var >= slots_.size()) return {};
    Slot& slot = slots_[var];
    if (!slot.rows.empty()) {
      std::stable_sort(slot.rows.begin(), slot.rows.end(),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
      std::vector<Tensor> parts;
      std::vector<double> attrs{static_cast<double>(ctx_.tape.vars[var].tensor.dim[0])};
      for (const auto& [begin, g] : slot.rows) {
        parts.push_back(g);
        attrs.push_back(static_cast<double>(begin));
      }
      slot.rows.clear();
      const Tensor g = emit(k_assemble, parts, attrs)[0];
      Tensor& sum = slots_[var].sum;
      sum = sum ? lat::add(sum, g) : g;
    }
    return slots_[var].sum;
  }

  void walk(size_t end, size_t begin) {
    for (size_t n = end; n-- > begin;) {
      const Node node = ctx_.tape.nodes[n];
      const size_t first = static_cast<size_t>(node.first);
      bool reached = false;
      for (int o = 0; o < node.outputs; ++o) {
        const u32 var = ctx_.tape.tensors[first + static_cast<size_t>(node.inputs + o)].var;
        reached |= var != 0 && static_cast<bool>(take(var));
      }
      if (!reached) continue;
      bool wanted = false;
      for (size_t i = 0; i < static_cast<size_t>(node.inputs); ++i) {
        const Tensor t = ctx_.tape.tensors[first + i];
        if (!wants(t.var)) continue;
        wanted = true;
        const Var& v = ctx_.tape.vars[t.var];
        LAT_CHECK(!v.owner || v.owner->version() == v.version, Code::state, node.op->name,
                  "reads parameters of version ", v.version, " that have since been written (",
                  "version ", v.owner->version(), "); take gradients before the optimiser's step");
      }
      if (!wanted) continue;
      if (node.segment >= 0 && node.segment != segment_ && ctx_.recording()) compute_again(n);
      differentiate(node);
    }
  }

  // The tensors of node n's segment up to that node, with the same attributes: the draws' streams are among them.
  void compute_again(size_t n) {
    const NoGrad off(ctx_);
    const Tape& tape = ctx_.tape;
    segment_ = tape.nodes[n].segment;
    const Segment& segment = tape.segments[static_cast<size_t>(segment_)];
    const Node &begin = tape.nodes[segment.node], &end = tape.nodes[n];
    again_from_ = static_cast<size_t>(begin.first);
    again_.assign(tape.tensors.begin() + begin.first,
                  tape.tensors.begin() + end.first + end.inputs + end.outputs);
    std::vector<std::pair<Tensor, Tensor>> made;  // the first time, the second time
    for (size_t k = segment.node; k <= n; ++k) {
      const Node& node = tape.nodes[k];
      Tensor* const in = again_.data() + (static_cast<size_t>(node.first) - again_from_);
      Tensor* const out = in + node.inputs;
      for (Tensor* t = in; t != out; ++t)
        if (*t && !renew(*t, made) &&
            (t->place == Place::parameters || t->place == Place::persistent))
          LAT_CHECK(!ctx_.written_since(segment.call, *t), Code::state, node.op->name,
                    "is computed again by a gradient, for it was made in a Checkpoint; its input ",
                    t->shape().text(),
                    " has been written since; take gradients before what the segment read changes");
      const Outputs outputs =
          run_forward(*node.op, {in, out},
                      {tape.attributes.data() + node.first_attr, static_cast<size_t>(node.attrs)});
      for (size_t o = 0; o < outputs.size(); ++o) {
        made.emplace_back(out[o], outputs[o]);
        const u32 var = out[o].var;
        out[o] = outputs[o];
        out[o].var = var;
        ctx_.stamp(out[o]);
      }
    }
  }
  // Moves t, which lies in a tensor made in the segment, to where that was made the second time.
  static bool renew(Tensor& t, const std::vector<std::pair<Tensor, Tensor>>& made) {
    const char* const at = static_cast<const char*>(t.data);
    for (const auto& [was, is] : made) {
      const i64 offset = at - static_cast<const char*>(was.data);
      if (offset < 0 || offset + t.bytes() > was.bytes()) continue;
      t.data = static_cast<char*>(is.data) + offset;
      t.depth = is.depth;
      t.generation = is.generation;
      return true;
    }
    return false;
  }

  void differentiate(const Node& node) {
    if (recorded_ && ctx_.tracking && node.op->composition && through_composition(node)) return;
    LAT_CHECK(node.op->backward, Code::unsupported, node.op->name, "has no derivative");
    Back back(*this, node);
    const Op* const outer = ctx_.op;
    ctx_.op = node.op;
    node.op->backward(back);
    ctx_.op = outer;
  }

  // Spells the op out on the tape and walks that instead; false when the op is as simple as it can be.
  bool through_composition(const Node& node) {
    Tape& tape = ctx_.tape;
    const size_t first = static_cast<size_t>(node.first);
    std::vector<Tensor> in;
    for (size_t i = 0; i < static_cast<size_t>(node.inputs); ++i) in.push_back(tensor(first + i));
    const std::vector<double> attrs(tape.attributes.begin() + node.first_attr,
                                    tape.attributes.begin() + node.first_attr + node.attrs);
    const size_t begin = tape.nodes.size();
    Emit e(ctx_, *node.op, in, attrs);
    node.op->composition(e);
    if (e.outputs.empty()) return false;
    const size_t end = tape.nodes.size();
    spread(begin, end);
    slots_.resize(tape.vars.size());
    for (size_t o = 0; o < e.outputs.size(); ++o) {
      const u32 was = tape.tensors[first + static_cast<size_t>(node.inputs) + o].var;
      const u32 is = e.outputs[o].var;
      if (was == 0 || is == 0 || !wants(is)) continue;
      if (const Tensor g = take(was)) slots_[is].sum = g;
    }
    walk(end, begin);
    return true;
  }

  Context& ctx_;
  bool recorded_;
  const Params* params_;
  std::vector<char> needed_;
  std::vector<Slot> slots_;
  int32_t segment_ = -1;       // the segment that has been computed a second time last ...
  std::vector<Tensor> again_;  // ... and its part of the tape's tensors, from number again_from_ on
  size_t again_from_ = 0;
};

Context& Back::ctx() const { return run_.ctx(); }
Tensor Back::in(int i) const { return run_.tensor(static_cast<size_t>(node_.first + i)); }
Tensor Back::out(int i) const {
  return run_.tensor(static_cast<size_t>(node_.first + node_.inputs + i));
}
double Back::attr(int i) const {
  return run_.ctx().tape.attributes[static_cast<size_t>(node_.first_attr + i)];
}
Tensor Back::grad(int i) const { return run_.gradient(out(i).var); }
bool Back::wants(int i) const { return run_.wants(in(i).var); }
void Back::add(int i, const Tensor& g) { run_.add(node_, in(i), g); }
void Back::add_rows(int i, i64 begin, const Tensor& g) { run_.add_rows(in(i), begin, g); }
Tensor Back::sink(int i, int shard) const { return run_.sink(in(i), shard); }

std::vector<Tensor> grad(const Tensor& y, std::span<const Tensor> xs, const Tensor& dy) {
  LAT_CHECK(dy || y.size() == 1, Code::shape, "grad", "y is ", y.shape().text(),
            "; expected () or a cotangent dy of its shape");
  LAT_CHECK(!dy || dy.shape() == y.shape(), Code::shape, "grad", "the cotangent is ",
            dy.shape().text(), " for y ", y.shape().text());
  y.ctx->check_alive(y, "grad");
  Backprop run(*y.ctx, true, nullptr);
  for (const Tensor& x : xs) {
    LAT_CHECK(x && x.var != 0, Code::state, "grad", "x ", x.shape().text(),
              " is not on the tape; make it with params[slot], values() or watch()");
    run.want(x);
  }
  Tensor seed = dy;
  if (!seed) {
    seed = y.ctx->empty(y.shape(), y.dtype);
    y.ctx->call(K::fill, seed.dtype, {seed, seed.size(), 1.0});
  }
  run.run(y, seed);
  std::vector<Tensor> out;
  for (const Tensor& x : xs) out.push_back(run.of(x));
  return out;
}

void backward(const Tensor& loss, const Params& params) {
  LAT_CHECK(loss && loss.size() == 1, Code::shape, "backward", "the loss is ", loss.shape().text(),
            "; expected (): average over the batch");
  Context& ctx = *loss.ctx;
  ctx.check_alive(loss, "backward");
  const NoGrad off(ctx);
  Backprop run(ctx, false, &params);
  run.want_params();
  const Tensor one = ctx.empty(loss.shape(), loss.dtype);
  ctx.call(K::fill, one.dtype, {one, 1, 1.0});
  run.run(loss, one);
}

Tensor watch(Tensor x) {
  x.ctx->check_alive(x, "watch");
  x.var = 0;
  x.ctx->stamp(x);
  return x.ctx->tape.leaf(x);
}

Tensor stop_gradient(const Tensor& x) {
  Tensor y = x;
  y.var = 0;
  return y;
}

// inputs value, surrogate
const Op k_straight_through{"straight_through",
                            [](Emit& e) {
                              e.check(e.in(0).shape() == e.in(1).shape(), "value ",
                                      e.in(0).shape().text(), " and surrogate ",
                                      e.in(1).shape().text(), " differ");
                              e.result(e.in(0));
                            },
                            [](Back& b) { b.add(1, b.grad()); }};
Tensor straight_through(const Tensor& value, const Tensor& surrogate) {
  return emit1(k_straight_through, {stop_gradient(value), surrogate});
}

// inputs to, value: no derivative, for it is a write
const Op k_assign{"assign", [](Emit& e) {
                    const Tensor &to = e.in(0), &value = e.in(1);
                    e.check(to.shape() == value.shape() && to.dtype == value.dtype, "to ",
                            to.shape().text(), " from ", value.shape().text());
                    e.check(to.place == Place::parameters || to.place == Place::persistent,
                            "the destination does not outlive the step; keep it in a Buffer");
                    e.call(K::assign, {to, value, e.ctx().ok(), to.size()});
                  }};
void assign(const Tensor& to, const Tensor& value) {
  emit1(k_assign, {stop_gradient(to), stop_gradient(value)});
}

// inputs to, value, rate
const Op k_lerp{"lerp", [](Emit& e) {
                  const Tensor &to = e.in(0), &value = e.in(1), &rate = e.in(2);
                  e.check(to.shape() == value.shape() && rate.size() == 1, "to ", to.shape().text(),
                          " from ", value.shape().text(), " at rate ", rate.shape().text());
                  e.check(to.place == Place::parameters || to.place == Place::persistent,
                          "the destination does not outlive the step; keep it in a Buffer");
                  e.call(K::lerp_into, {to, value, rate, e.ctx().ok(), to.size()});
                }};
void lerp(const Tensor& to, const Tensor& value, const Tensor& rate) {
  emit1(k_lerp, {stop_gradient(to), stop_gradient(value), stop_gradient(rate)});
}

Bind::Bind(Params& params, const Tensor& theta) : params_(params), outer_(params.bound_) {
  LAT_CHECK(theta && theta.rank == 1 && theta.size() == params.size(), Code::shape, "bind",
            "theta is ", theta.shape().text(), "; expected (", params.size(), ")");
  for (const Params::Entry& e : params.entries())
    tensors_.push_back(
        e.trained ? reshape(slice(theta, e.offset, e.offset + e.shape.size()), e.shape) : Tensor{});
  params_.bound_ = &tensors_;
}

Bind::~Bind() { params_.bound_ = outer_; }

}  // namespace lat
