// Recurrent cells, and their loops over time. The equations: kernels/recurrent/recurrent.h.
#include "engine/ops/common.h"
#include "engine/ops/table.h"

namespace lat {

namespace {

Tensor like(const Tensor& x) { return x.ctx->empty(x.shape(), x.dtype); }

// Sizes of x (...,gates H) beside h (...,H), and of a mask (...).
void check_cell(const Emit& e, const Tensor& x, const Tensor& h, i64 gates, const Tensor& mask) {
  Shape wide = h.shape();
  e.check(wide.rank >= 1, "the state needs a feature axis");
  wide.dim[wide.rank - 1] *= static_cast<int32_t>(gates);
  e.check(x.shape() == wide && x.dtype == h.dtype, "a state ", h.shape().text(),
          " needs pre-activations ", wide.text(), ", got ", x.shape().text());
  --wide.rank;
  if (mask)
    e.check(mask.shape() == Shape(std::span(wide.dim, static_cast<size_t>(wide.rank))) &&
                mask.dtype == DType::u8,
            "expects a mask of u8, one number per row of the state ", h.shape().text(), ", got ",
            mask.shape().text(), " ", name_of(mask.dtype));
}

// A loop over time: x (T,B,gates H), h (B,H), w (H,gates H), mask (T,B).
struct Sizes {
  i64 T, B, H;
};
Sizes check_loop(const Emit& e, const Tensor& x, const Tensor& h, const Tensor& w, i64 gates,
                 const Tensor& mask) {
  e.check(h.rank == 2 && x.rank == 3 && x.dim[1] == h.dim[0] && x.dim[2] == gates * h.dim[1] &&
              w.shape() == Shape{h.dim[1], gates * h.dim[1]},
          "expects (T,B,", gates, "H), (B,H) and (H,", gates, "H), got ", x.shape().text(), ", ",
          h.shape().text(), " and ", w.shape().text());
  if (mask)
    e.check(mask.shape() == Shape{x.dim[0], x.dim[1]} && mask.dtype == DType::u8,
            "expects a mask (", x.dim[0], ",", x.dim[1], ") u8, got ", mask.shape().text(), " ",
            name_of(mask.dtype));
  return {x.dim[0], h.dim[0], h.dim[1]};
}

// (T+1,B,H) whose row 0 is `first`: row t is the state before step t.
struct States {
  Tensor all;
  Tensor before() const { return rows(0); }
  Tensor after() const { return rows(1); }

 private:
  Tensor rows(i64 begin) const {
    Tensor t = all;
    --t.dim[0];
    if (begin > 0) t.data = row(all, 1).data;
    return t;
  }
};
States states(Emit& e, i64 T, const Tensor& first) {
  const States s{e.ctx().empty({T + 1, first.dim[0], first.dim[1]}, first.dtype)};
  e.call(K::copy, {row(s.all, 0), first, first.size()});
  return s;
}

// x[t], or nothing of nothing.
Tensor at(const Tensor& x, i64 t) { return x ? row(x, t) : x; }

// (T,B,D) as rows of which each shard of the batch is a run, however many of the shards are here.
Tensor batch_rows(const Back& b, const Tensor& x) {
  const int shards = b.ctx().shard_count;
  LAT_CHECK(x.dim[1] % shards == 0, Code::shape, b.name(), "a batch of ", x.dim[1],
            " does not split into ", shards, " shards; choose a multiple of the shards");
  return reshape(b.ctx().options().shards > 1 ? permute(x, {1, 0, 2}) : x, {x.rows(), x.cols()});
}

// Gate k of pre-activations.
Tensor gate(const Tensor& x, i64 k, i64 H) { return narrow(x, -1, k * H, (k + 1) * H); }

// y where the mask is 1, `held` where it is 0.
Tensor masked(const Tensor& y, const Tensor& held, const Tensor& mask) {
  if (!mask) return y;
  Shape column = mask.shape();
  column.dim[column.rank++] = 1;
  return held + reshape(from_bytes(mask, 1), column) * (y - held);
}

}  // namespace

// inputs x, p, h, mask or empty; outputs h', gates
const Op k_gru_cell{
    "gru_cell",
    [](Emit& e) {
      const Tensor &x = e.in(0), &p = e.in(1), &h = e.in(2), &mask = e.in(3);
      check_cell(e, x, h, 3, mask);
      check_cell(e, p, h, 3, mask);
      const Tensor y = e.out(h.shape()), gates = e.out(x.shape());
      e.call(K::gru_cell, {y, gates, x, p, h, optional(mask), h.rows(), h.cols()});
    },
    [](Back& b) {
      const Tensor p = b.in(1), h = b.in(2), dx = like(p), dp = like(p), dh = like(h);
      b.ctx().call(K::gru_cell_d1, h.dtype,
                   {dx, dp, dh, b.grad(), nullptr, b.out(1), p, h, h.rows(), h.cols()});
      b.add(0, dx);
      b.add(1, dp);
      b.add(2, dh);
    },
    [](Emit& e) {
      const Tensor &x = e.in(0), &p = e.in(1), &h = e.in(2);
      const i64 H = h.cols();
      const Tensor r = sigmoid(gate(x, 0, H) + gate(p, 0, H));
      const Tensor z = sigmoid(gate(x, 1, H) + gate(p, 1, H));
      const Tensor n = tanh(gate(x, 2, H) + r * gate(p, 2, H));
      e.result(masked((1 - z) * n + z * h, h, e.in(3)));
    }};
Tensor gru_cell(const Tensor& x, const Tensor& p, const Tensor& h, const Tensor& mask) {
  return emit1(k_gru_cell, {x, p, h, mask});
}

// inputs x, p or empty, h, c, mask or empty; outputs h', c', gates
const Op k_lstm_cell{
    "lstm_cell",
    [](Emit& e) {
      const Tensor &x = e.in(0), &p = e.in(1), &h = e.in(2), &c = e.in(3), &mask = e.in(4);
      check_cell(e, x, c, 4, mask);
      if (p) check_cell(e, p, c, 4, mask);
      e.check(h.shape() == c.shape(), "h ", h.shape().text(), " and c ", c.shape().text());
      const Tensor y = e.out(c.shape()), c_new = e.out(c.shape()), gates = e.out(x.shape());
      e.call(K::lstm_cell,
             {y, c_new, gates, x, optional(p), h, c, optional(mask), c.rows(), c.cols()});
    },
    [](Back& b) {
      const Tensor c = b.in(3), mask = b.in(4), da = like(b.in(0)), dc = like(c);
      const Tensor dh = mask ? like(c) : Tensor{};
      b.ctx().call(K::lstm_cell_d1, c.dtype,
                   {da, dc, optional(dh), optional(b.grad(0)), nullptr, optional(b.grad(1)),
                    nullptr, b.out(2), c, b.out(1), optional(mask), c.rows(), c.cols()});
      b.add(0, da);
      if (b.in(1)) b.add(1, da);
      if (dh) b.add(2, dh);
      b.add(3, dc);
    },
    [](Emit& e) {
      const Tensor &h = e.in(2), &c = e.in(3), &mask = e.in(4);
      const Tensor a = e.in(1) ? e.in(0) + e.in(1) : e.in(0);
      const i64 H = c.cols();
      const Tensor i = sigmoid(gate(a, 0, H)), f = sigmoid(gate(a, 1, H)), g = tanh(gate(a, 2, H)),
                   o = sigmoid(gate(a, 3, H));
      const Tensor next = f * c + i * g;
      e.result(masked(o * tanh(next), h, mask));
      e.result(masked(next, c, mask));
    }};
LstmState lstm_cell(const Tensor& x, const Tensor& p, const LstmState& state, const Tensor& mask) {
  const Outputs out = emit(k_lstm_cell, std::array{x, p, state.h, state.c, mask}, {});
  return {out[0], out[1]};
}

// inputs x, h0, w, bias or empty, mask or empty; outputs the states after, the states before, p, gates
const Op k_gru{
    "gru",
    [](Emit& e) {
      const Tensor &x = e.in(0), &h0 = e.in(1), &w = e.in(2), &bias = e.in(3), &mask = e.in(4);
      const auto [T, B, H] = check_loop(e, x, h0, w, 3, mask);
      if (bias) e.check(bias.size() == 3 * H, "bias ", bias.shape().text(), " for ", 3 * H);
      const States s = states(e, T, h0);
      const Tensor h = s.before(), y = s.after();
      e.result(y);
      e.result(h);
      const Tensor p = e.out(x.shape()), gates = e.out(x.shape());
      for (i64 t = 0; t < T; ++t) {
        e.call(K::linear_act, {row(p, t), row(h, t), w, optional(bias), 1, B, 3 * H, H, 0, 0});
        e.call(K::gru_cell, {row(y, t), row(gates, t), row(x, t), row(p, t), row(h, t),
                             optional(at(mask, t)), B, H});
      }
    },
    [](Back& b) {
      const Tensor x = b.in(0), h0 = b.in(1), w = b.in(2), dy = b.grad();
      const Tensor h = b.out(1), p = b.out(2), gates = b.out(3), dx = like(x), dp = like(p);
      const i64 T = x.dim[0], B = h0.dim[0], H = h0.dim[1];
      const Tensor turned = permute(w, {1, 0});  // once, not in every product
      Tensor carry;                              // from step t + 1: (B,H)
      for (i64 t = T - 1; t >= 0; --t) {
        const Tensor dh = like(h0), dp_t = row(dp, t);
        b.ctx().call(K::gru_cell_d1, h0.dtype,
                     {row(dx, t), dp_t, dh, row(dy, t), optional(carry), row(gates, t), row(p, t),
                      row(h, t), B, H});
        if (t > 0 || b.wants(1))
          b.ctx().call(K::matmul_into, h0.dtype, {dh, dp_t, turned, 1, B, H, 3 * H, 0});
        carry = dh;
      }
      b.add(0, dx);
      if (b.wants(1)) b.add(1, carry ? carry : zeros_like(h0));
      const Tensor dp_rows = batch_rows(b, dp);
      if (b.wants(2)) add_rows_product(b, 2, batch_rows(b, h), dp_rows);
      if (b.wants(3)) add_rows_sum(b, 3, dp_rows);
    },
    [](Emit& e) {
      const Tensor &x = e.in(0), &mask = e.in(4);
      std::vector<Tensor> after;
      Tensor h = e.in(1);
      for (const Tensor& x_t : unstack(x)) {
        const i64 t = static_cast<i64>(after.size());
        h = gru_cell(x_t, linear(h, e.in(2), e.in(3)), h, at(mask, t));
        after.push_back(h);
      }
      if (!after.empty()) e.result(stack(after));
    }};
Tensor gru(const Tensor& x, const Tensor& h0, const Tensor& w, const Tensor& bias,
           const Tensor& mask) {
  return emit1(k_gru, {x, h0, w, bias, mask});
}

// inputs x, h0, c0, w, mask or empty; outputs h and c after, h and c before, gates
const Op k_lstm{
    "lstm",
    [](Emit& e) {
      const Tensor &x = e.in(0), &h0 = e.in(1), &c0 = e.in(2), &w = e.in(3), &mask = e.in(4);
      const auto [T, B, H] = check_loop(e, x, h0, w, 4, mask);
      e.check(h0.shape() == c0.shape(), "h ", h0.shape().text(), " and c ", c0.shape().text());
      const States hs = states(e, T, h0), cs = states(e, T, c0);
      const Tensor h = hs.before(), y = hs.after(), c = cs.before(), c_new = cs.after();
      e.result(y);
      e.result(c_new);
      e.result(h);
      e.result(c);
      const Tensor gates = e.out(x.shape()), p = e.ctx().empty({B, 4 * H}, x.dtype);
      for (i64 t = 0; t < T; ++t) {
        e.call(K::matmul, {p, row(h, t), w, 1, B, 4 * H, H, 0});
        e.call(K::lstm_cell, {row(y, t), row(c_new, t), row(gates, t), row(x, t), p, row(h, t),
                              row(c, t), optional(at(mask, t)), B, H});
      }
    },
    [](Back& b) {
      const Tensor x = b.in(0), h0 = b.in(1), w = b.in(3), mask = b.in(4), dy = b.grad(0),
                   dc_new = b.grad(1);
      const Tensor c_new = b.out(1), h = b.out(2), c = b.out(3), gates = b.out(4), da = like(x);
      const i64 T = x.dim[0], B = h0.dim[0], H = h0.dim[1];
      const Tensor turned = permute(w, {1, 0});  // once, not in every product
      Tensor carry_h, carry_c;                   // from step t + 1: (B,H)
      for (i64 t = T - 1; t >= 0; --t) {
        const Tensor dh = like(h0), dc = like(h0), da_t = row(da, t);
        b.ctx().call(K::lstm_cell_d1, h0.dtype,
                     {da_t, dc, mask ? Operand(dh) : Operand(nullptr), optional(at(dy, t)),
                      optional(carry_h), optional(at(dc_new, t)), optional(carry_c), row(gates, t),
                      row(c, t), row(c_new, t), optional(at(mask, t)), B, H});
        if (t > 0 || b.wants(1))
          b.ctx().call(mask ? K::matmul_into : K::matmul, h0.dtype,
                       {dh, da_t, turned, 1, B, H, 4 * H, 0});
        carry_h = dh;
        carry_c = dc;
      }
      b.add(0, da);
      if (b.wants(1)) b.add(1, carry_h ? carry_h : zeros_like(h0));
      if (b.wants(2)) b.add(2, carry_c ? carry_c : zeros_like(h0));
      if (b.wants(3)) add_rows_product(b, 3, batch_rows(b, h), batch_rows(b, da));
    },
    [](Emit& e) {
      const Tensor &x = e.in(0), &mask = e.in(4);
      std::vector<Tensor> h, c;
      LstmState s{e.in(1), e.in(2)};
      for (const Tensor& x_t : unstack(x)) {
        s = lstm_cell(x_t, matmul(s.h, e.in(3)), s, at(mask, static_cast<i64>(h.size())));
        h.push_back(s.h);
        c.push_back(s.c);
      }
      if (h.empty()) return;
      e.result(stack(h));
      e.result(stack(c));
    }};
LstmState lstm(const Tensor& x, const LstmState& start, const Tensor& w, const Tensor& mask) {
  const Outputs out = emit(k_lstm, std::array{x, start.h, start.c, w, mask}, {});
  return {out[0], out[1]};
}

}  // namespace lat
