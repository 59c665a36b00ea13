// Recurrent layers: against PyTorch's numbers, and what a loop over time costs.
#include "engine/nn/recurrent.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/lat.h"

namespace lat {

namespace {

using Numbers = std::vector<double>;

Numbers waves(i64 n, double phase) {
  Numbers v(static_cast<size_t>(n));
  for (size_t i = 0; i < v.size(); ++i) v[i] = 0.5 * std::sin(1.7 * static_cast<double>(i) + phase);
  return v;
}

Buffer buffer(Context& ctx, const Shape& shape, double phase) {
  Buffer b(ctx, shape);
  set_values(b, waves(shape.size(), phase));
  return b;
}

Buffer mask_of(Context& ctx, const Shape& shape, const Numbers& values) {
  Buffer b(ctx, shape, DType::u8);
  set_values(b, values);
  return b;
}

double fingerprint(const Tensor& t) {
  double sum = 0;
  const Numbers v = to_host(t);
  for (size_t i = 0; i < v.size(); ++i) sum += v[i] * std::sin(static_cast<double>(i + 1));
  return sum;
}

void check_close(const Tensor& got, const Numbers& want, double tolerance) {
  const Numbers v = to_host(got);
  REQUIRE(v.size() == want.size());
  for (size_t i = 0; i < v.size(); ++i) CHECK(std::abs(v[i] - want[i]) < tolerance);
}

i64 count(const Program& p, kernels::K kernel) {
  return std::count_if(p.calls.begin(), p.calls.end(),
                       [&](const Call& c) { return c.kernel == static_cast<int32_t>(kernel); });
}

constexpr i64 T = 5, B = 2, D = 2, H = 3;
const Numbers kMask{1, 1, 1, 0, 0, 1, 1, 1, 1, 0};

// The loss of the script below: sum over t of <s_t, waves(8 + t)>.
Tensor loss_of(const std::vector<Tensor>& states) {
  Tensor loss;
  for (size_t t = 0; t < states.size(); ++t) {
    const Shape shape = states[t].shape();
    const Tensor goal =
        from_host(*states[t].ctx, shape, waves(shape.size(), 8 + static_cast<double>(t)));
    const Tensor term = sum(states[t] * goal);
    loss = loss ? loss + term : term;
  }
  return loss;
}

}  // namespace

// PyTorch 2.15, where weights are (gates H, in):
//
//   import torch
//   torch.set_default_dtype(torch.float64)
//   w = lambda n, m, p: .5 * torch.sin(1.7 * torch.arange(n * m) + p).view(n, m)
//   m = torch.tensor([[1, 1], [1, 0], [0, 1], [1, 1], [1, 0]])
//   for cell, k in (torch.nn.GRUCell(2, 3), 3), (torch.nn.LSTMCell(2, 3), 4):
//       for p, v in zip(cell.parameters(), (w(2, 3 * k, 1).T, w(3, 3 * k, 2).T, w(1, 3 * k, 3)[0], w(1, 3 * k, 4)[0])):
//           p.data = v
//       x = w(10, 2, 5).view(5, 2, 2).requires_grad_(); s = w(2, 3, 6); c = w(2, 3, 7); loss = 0
//       for t in range(5):
//           new = cell(x[t], s) if k == 3 else cell(x[t], (s, c))
//           keep = m[t].bool()[:, None]
//           if k == 3: s = torch.where(keep, new, s)
//           else: s, c = torch.where(keep, new[0], s), torch.where(keep, new[1], c)
//           loss = loss + (s * w(2, 3, 8 + t)).sum()
//       loss.backward()
//       print(s.flatten().tolist(), c.flatten().tolist(), loss.item())
//       for g in [x.grad] + [p.grad.t() if p.dim() == 2 else p.grad for p in cell.parameters()]:
//           print((g.flatten() * torch.sin(torch.arange(g.numel()) + 1)).sum().item())
TEST_CASE("a GRU is that of PyTorch, through masked time") {
  for (const DType real : {DType::f64, DType::f32})
    for (const bool by_steps : {false, true}) {
      CAPTURE(name_of(real));
      CAPTURE(by_steps);
      const double tolerance = real == DType::f64 ? 1e-14 : 3e-7;
      Context ctx({.real = real});
      Params params;
      const Gru gru(params, "gru", D, H);
      params.materialise(ctx);
      double phase = 1;
      for (const Slot s : {gru.input.weight, gru.state.weight, gru.input.bias, gru.state.bias}) {
        const Tensor w = params.memory(s.index);
        set_values(w, waves(w.size(), phase++));
      }
      const Buffer data = buffer(ctx, {T, B, D}, 5), h0 = buffer(ctx, {B, H}, 6);
      const Buffer mask = mask_of(ctx, {T, B}, kMask);
      const Tensor x = watch(data);
      std::vector<Tensor> states;
      if (by_steps) {
        const std::vector<Tensor> xs = unstack(x), masks = unstack(mask);
        for (size_t t = 0; t < xs.size(); ++t)
          states.push_back(gru.step(xs[t], t == 0 ? h0.tensor() : states.back(), masks[t]));
      } else {
        states = unstack(gru(x, h0, mask));
      }
      check_close(states.back(),
                  {0.45536822259945103, 0.34657664684814793, -0.7566275299731544,
                   0.15380411243220476, 0.22190740445036117, -0.43791338032487936},
                  tolerance);
      const Tensor loss = loss_of(states);
      CHECK(std::abs(item(loss) + 1.6265313989602308) < 8 * tolerance);
      backward(loss, params);
      const std::pair<Slot, double> gradients[] = {{gru.input.weight, 0.503409341871762},
                                                   {gru.state.weight, -0.09887524583664782},
                                                   {gru.input.bias, -1.171723079960028},
                                                   {gru.state.bias, -0.33736629667229073}};
      for (const auto& [slot, want] : gradients)
        CHECK(std::abs(fingerprint(params.grad(slot)) - want) < 16 * tolerance);
      const Tensor dx = grad(loss, x);
      CHECK(std::abs(fingerprint(dx) + 0.140496505541027) < 16 * tolerance);
      const Numbers v = to_host(dx);
      for (size_t row = 0; row < kMask.size(); ++row)
        CHECK((v[row * D] == 0 && v[row * D + 1] == 0) == (kMask[row] == 0));
    }
}

TEST_CASE("an LSTM is that of PyTorch, through masked time") {
  for (const DType real : {DType::f64, DType::f32})
    for (const bool by_steps : {false, true}) {
      CAPTURE(name_of(real));
      CAPTURE(by_steps);
      const double tolerance = real == DType::f64 ? 1e-14 : 3e-7;
      Context ctx({.real = real});
      Params params;
      const Lstm lstm(params, "lstm", D, H);
      params.materialise(ctx);
      double phase = 1;
      for (const Slot s : {lstm.input.weight, lstm.state}) {
        const Tensor w = params.memory(s.index);
        set_values(w, waves(w.size(), phase++));
      }
      Numbers bias = waves(4 * H, 3);  // PyTorch's two biases are one
      const Numbers other = waves(4 * H, 4);
      for (size_t i = 0; i < bias.size(); ++i) bias[i] += other[i];
      set_values(params.memory(lstm.input.bias.index), bias);
      const Buffer data = buffer(ctx, {T, B, D}, 5), h0 = buffer(ctx, {B, H}, 6),
                   c0 = buffer(ctx, {B, H}, 7);
      const Buffer mask = mask_of(ctx, {T, B}, kMask);
      const Tensor x = watch(data);
      std::vector<Tensor> states;
      Tensor c;
      if (by_steps) {
        const std::vector<Tensor> xs = unstack(x), masks = unstack(mask);
        LstmState s{h0, c0};
        for (size_t t = 0; t < xs.size(); ++t) {
          s = lstm.step(xs[t], s, masks[t]);
          states.push_back(s.h);
        }
        c = s.c;
      } else {
        const LstmState s = lstm(x, {h0, c0}, mask);
        states = unstack(s.h);
        c = unstack(s.c).back();
      }
      check_close(states.back(),
                  {0.2707605916950854, 0.18300909821236, -0.27764174359257215, 0.2257596414468631,
                   0.06250552738721739, -0.25866819827171844},
                  tolerance);
      check_close(c,
                  {0.9523583976536169, 0.2587217274329363, -0.5261429341275804, 0.48556357129903005,
                   0.08856030090173272, -0.6695864511258933},
                  tolerance);
      const Tensor loss = loss_of(states);
      CHECK(std::abs(item(loss) + 0.45832825181397563) < 8 * tolerance);
      backward(loss, params);
      const std::pair<Slot, double> gradients[] = {{lstm.input.weight, 0.2517295670844968},
                                                   {lstm.state, -0.1708667589746396},
                                                   {lstm.input.bias, -0.1918336856878783}};
      for (const auto& [slot, want] : gradients)
        CHECK(std::abs(fingerprint(params.grad(slot)) - want) < 16 * tolerance);
      CHECK(std::abs(fingerprint(grad(loss, x)) - 0.004945028463771747) < 16 * tolerance);
    }
}

TEST_CASE("a loop of steps and the loop in one op give the same bits") {
  Context ctx;
  Params params;
  const Gru gru(params, "gru", 7, 33);
  const Lstm lstm(params, "lstm", 7, 33);
  params.materialise(ctx);
  const Buffer x = buffer(ctx, {4, 3, 7}, 1);
  const std::vector<Tensor> xs = unstack(x), hs = unstack(gru(x));
  const LstmState all = lstm(x);
  Tensor h = fill(ctx, {3, 33}, 0);
  LstmState s{h, h};
  for (size_t t = 0; t < xs.size(); ++t) {
    h = gru.step(xs[t], h);
    s = lstm.step(xs[t], s);
    CHECK(to_host(h) == to_host(hs[t]));
    CHECK(to_host(s.h) == to_host(unstack(all.h)[t]));
    CHECK(to_host(s.c) == to_host(unstack(all.c)[t]));
  }
}

TEST_CASE("a masked sequence ends as the shorter one does") {
  Context ctx;
  Params params;
  const Gru gru(params, "gru", 2, 20);
  const Lstm lstm(params, "lstm", 2, 20);
  params.materialise(ctx);
  const Buffer x = buffer(ctx, {6, 1, 2}, 3), mask = mask_of(ctx, {6, 1}, {1, 1, 1, 1, 0, 0});
  const auto last = [](const Tensor& t) { return to_host(unstack(t).back()); };
  CHECK(last(gru(x, {}, mask)) == last(gru(slice(x, 0, 4))));
  CHECK(last(lstm(x, {}, mask).h) == last(lstm(slice(x, 0, 4)).h));
  CHECK(last(lstm(x, {}, mask).c) == last(lstm(slice(x, 0, 4)).c));
}

// Shi et al. 2015, equation 3 without peepholes: one convolution over [x, h].
TEST_CASE("a ConvLSTM is an LSTM of pixels") {
  constexpr i64 kIn = 3, kChannels = 4, kSize = 3;
  Context ctx({.real = DType::f64});
  Params params;
  const ConvLstm cell(params, "cell", kIn, kChannels, kSize);
  params.materialise(ctx);
  const Buffer x = buffer(ctx, {2, 5, 4, kIn}, 1), h0 = buffer(ctx, {2, 5, 4, kChannels}, 2),
               c0 = buffer(ctx, {2, 5, 4, kChannels}, 3);
  const LstmState got = cell.step(cell.project(x), cell.step(cell.project(x), LstmState{h0, c0}));
  LstmState s{h0, c0};
  const Tensor filter = concat({params[cell.input.weight], params[cell.state]}, 2);  // (3,3,7,16)
  for (int step = 0; step < 2; ++step) {
    const Tensor a = conv2d(concat({x, s.h}), filter, params[cell.input.bias], {.pad = 1});
    const auto gate = [&](i64 k) { return narrow(a, -1, k * kChannels, (k + 1) * kChannels); };
    const Tensor c = sigmoid(gate(1)) * s.c + sigmoid(gate(0)) * tanh(gate(2));
    s = {sigmoid(gate(3)) * tanh(c), c};
  }
  check_close(got.h, to_host(s.h), 1e-14);
  check_close(got.c, to_host(s.c), 1e-14);
  backward(sum(got.h * got.c), params);
  const Numbers by_op = to_host(params.grads());
  set_values(params.grads(), Numbers(by_op.size(), 0));
  backward(sum(s.h * s.c), params);
  check_close(params.grads(), by_op, 1e-13);
  CHECK_THROWS_AS(ConvLstm(*std::make_unique<Params>(), "even", 1, 1, 4), Error);
}

TEST_CASE("sizes that do not fit are named") {
  Context ctx;
  Params params;
  const Gru gru_layer(params, "gru", 2, 3);
  params.materialise(ctx);
  const auto of = [&](const Shape& s) { return fill(ctx, s, 0); };
  CHECK_THROWS_AS(gru_layer(of({4, 2})), Error);
  CHECK_THROWS_AS(gru_layer(of({5, 4, 2}), of({3, 3})), Error);
  CHECK_THROWS_AS(gru_layer(of({5, 4, 2}), {}, of({5, 4})), Error);  // a mask of reals
  CHECK_THROWS_AS(gru_cell(of({4, 9}), of({4, 9}), of({4, 4})), Error);
  CHECK_THROWS_AS(gru_cell(of({4, 9}), of({4, 12}), of({4, 3})), Error);
  CHECK_THROWS_AS(lstm_cell(of({4, 12}), {}, {of({4, 3}), of({5, 3})}), Error);
  CHECK_THROWS_AS(lstm(of({2, 4, 12}), {of({4, 3}), of({4, 3})}, of({3, 9})), Error);
  CHECK_THROWS_AS(unstack(of({})), Error);
}

// What a body of T steps records, beside what it needs at any length.
TEST_CASE("a loop over time costs the same every step, and weights accumulate in place") {
  constexpr i64 kBatch = 4, kIn = 3, kUnits = 16;
  const auto record = [&](i64 steps, auto&& unroll, auto&& look) {
    Context ctx;
    Params params;
    const Gru gru(params, "gru", kIn, kUnits);
    params.materialise(ctx);
    const Buffer x = buffer(ctx, {steps, kBatch, kIn}, 1);
    size_t nodes = 0;
    Step learn(ctx, "learn", [&] {
      const Tensor loss = sum(square(unroll(gru, x.tensor())));
      backward(loss, params);
      nodes = ctx.tape.nodes.size();
      return loss;
    });
    learn();
    const Program& p = learn.program();
    // Products that end in the gradient of the state's weight, and all that is written of its size.
    const void* const gradient = params.grad(gru.state.weight).data;
    i64 into = 0, size = 0;
    for (const Call& c : p.calls)
      for (int32_t j = 0; j < c.count; ++j) {
        const size_t a = static_cast<size_t>(c.first + j);
        if (!std::strchr("wa", ctx.rows()[c.kernel].roles[j])) continue;
        into += p.args[a].p == gradient;
        size += p.bytes[a] == kUnits * 3 * kUnits * 4;
      }
    look(static_cast<i64>(p.calls.size()), static_cast<i64>(nodes), into, size, p);
  };
  const auto by_steps = [&](const Gru& gru, const Tensor& x) {
    Tensor h = fill(*x.ctx, {kBatch, kUnits}, 0);
    std::vector<Tensor> hs;
    for (const Tensor& x_t : unstack(gru.input(x)))
      hs.push_back(h = gru_cell(x_t, gru.state(h), h));
    return stack(hs);
  };
  const auto in_one_op = [](const Gru& gru, const Tensor& x) { return gru(x); };
  i64 calls[3], nodes[3], at = 0;
  for (const i64 steps : {10, 30, 50})
    record(steps, by_steps, [&](i64 c, i64 n, i64 into, i64 size, const Program& p) {
      calls[at] = c;
      nodes[at++] = n;
      CHECK(into == steps);
      CHECK(size == steps);
      // Forward: product, cell, copy into the stack. Backward: the sum of both gradients of h (after the last step), the
      // cell, the product for h (after the first), for the weight, for the bias, one copy into the input's gradient.
      CHECK(count(p, kernels::K::gru_cell) == steps);
      CHECK(count(p, kernels::K::matmul) == steps - 1);
      CHECK(count(p, kernels::K::add) == 2 * (steps - 1));
      CHECK(count(p, kernels::K::fill) <= 3);
    });
  CHECK(calls[2] - calls[1] == calls[1] - calls[0]);
  CHECK((calls[2] - calls[1]) / 20 == 10);
  CHECK((nodes[2] - nodes[1]) / 20 == 2);
  at = 0;
  for (const i64 steps : {10, 30, 50})
    record(steps, in_one_op, [&](i64 c, i64 n, i64 into, i64 size, const Program&) {
      calls[at] = c;
      nodes[at++] = n;
      CHECK(into == 1);
      CHECK(size == 2);  // and the weight turned for the way back
    });
  CHECK((calls[2] - calls[1]) / 20 == 4);
  CHECK(nodes[2] == nodes[0]);
}

// The gradient of a batch does not depend on how many of its shards are computed at once.
TEST_CASE("recurrent layers accumulate by shards of the batch") {
  constexpr int kShards = 4;
  const auto accumulated = [](int at_once) {
    Context ctx({.shards = kShards});
    Params params;
    const Gru gru(params, "gru", 3, 5);
    const Lstm lstm(params, "lstm", 5, 4);
    params.materialise(ctx);
    const i64 steps = 3, rows = 2 * at_once;
    const Buffer x = buffer(ctx, {2 * kShards, steps, 3}, 0);  // batch first, to be cut
    Step collect(ctx, "collect", [&](Key first, Tensor some) {
      const Shards shards(ctx, static_cast<int>(first.value), at_once);
      const Tensor loss = sum(square(lstm(gru(permute(some, {1, 0, 2}))).h));
      backward(loss, params);
      return loss;
    });
    for (int first = 0; first < kShards; first += at_once)
      collect(Key{first}, slice(x, first * 2, first * 2 + rows));
    return to_host(params.grads());
  };
  const Numbers want = accumulated(kShards);
  CHECK(accumulated(1) == want);
  CHECK(accumulated(2) == want);
}

TEST_CASE("an actor keeps its state between calls") {
  Context ctx;
  Params params;
  const Lstm lstm(params, "lstm", 2, 5);
  params.materialise(ctx);
  const Buffer x = buffer(ctx, {3, 1, 2}, 1);
  Step act(ctx, "act", [&](Tensor x_t, Tensor h, Tensor c) {
    return lstm.step(x_t, LstmState{h, c});
  });
  const Buffer zeros(ctx, {1, 5});
  LstmState s{zeros, zeros};
  for (const Tensor& x_t : unstack(x)) s = act(x_t, s.h, s.c);
  CHECK(to_host(s.h) == to_host(unstack(lstm(x).h).back()));
}

}  // namespace lat
